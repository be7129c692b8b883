"""The raw facts of a record by role: which column holds the date of birth, of surgery, the dose, the receptors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl
from pydantic import TypeAdapter

from counterpoise.errors import Problem
from counterpoise.oncology.definition import Argument
from counterpoise.oncology.rule_tables import read_rules
from counterpoise.read.codebook import Column, Kind, Options
from counterpoise.read.names import nearest
from counterpoise.read.table import FILE_ROW, Table

ROLES: Mapping[str, Argument] = TypeAdapter(dict[str, Argument]).validate_python(read_rules("records"))
"""Every role with its meaning, its kinds and, for coded facts, the spellings that are understood."""

CUTOFF = "cutoff"
AS_OF = "as_of"
"""What conditions may name beside roles: the date at which the data were closed, and that of the table."""


class RecordOptions(Options):
    """The columns of raw facts by role, all optional; dates left out are those of `[follow_up]`.

    Raw facts only: what the study derives from them (age, subtype, stage) has no role, but what the table itself
    records of it has.
    """

    birth: str | None = None
    sex: str | None = None
    laterality: str | None = None
    menopausal: str | None = None
    diagnosis: str | None = None
    age: str | None = None
    clinical_t: str | None = None
    clinical_n: str | None = None
    clinical_m: str | None = None
    stage: str | None = None
    tumour_size: str | None = None
    node_size: str | None = None
    axillary: str | None = None
    axillary_fixed: str | None = None
    infraclavicular: str | None = None
    internal_mammary: str | None = None
    supraclavicular: str | None = None
    bilateral: str | None = None
    distant_at_diagnosis: str | None = None
    grade: str | None = None
    er: str | None = None
    pr: str | None = None
    er_allred: str | None = None
    pr_allred: str | None = None
    her2_ihc: str | None = None
    her2_ish: str | None = None
    her2_ratio: str | None = None
    her2_copies: str | None = None
    ki67: str | None = None
    subtype: str | None = None
    anti_her2: str | None = None
    neoadjuvant_start: str | None = None
    neoadjuvant_end: str | None = None
    neoadjuvant_cycles: str | None = None
    neoadjuvant_completed: str | None = None
    surgery: str | None = None
    surgery_done: str | None = None
    surgery_type: str | None = None
    dissection: str | None = None
    nodes_removed: str | None = None
    nodes_positive: str | None = None
    pathological_t: str | None = None
    pathological_n: str | None = None
    miller_payne: str | None = None
    pcr: str | None = None
    residual_size: str | None = None
    rcb_index: str | None = None
    rcb_class: str | None = None
    radiotherapy_start: str | None = None
    radiotherapy_end: str | None = None
    radiotherapy_completed: str | None = None
    dose: str | None = None
    fractions: str | None = None
    boost: str | None = None
    boost_dose: str | None = None
    boost_fractions: str | None = None
    local: str | None = None
    regional: str | None = None
    locoregional_site: str | None = None
    distant: str | None = None
    distant_site: str | None = None
    contralateral: str | None = None
    second_primary: str | None = None
    pneumonitis: str | None = None
    pneumonitis_date: str | None = None
    death: str | None = None
    cause_of_death: str | None = None
    vital_status: str | None = None
    last_contact: str | None = None

    def columns(self, follow_up: Mapping[str, object]) -> dict[str, str]:
        """Return the column of each role that is named, here or, for dates, under `[follow_up]`.

        >>> RecordOptions(surgery="op_date").columns({"death": "death_date", "origin": "dx_date"})
        {'surgery': 'op_date', 'death': 'death_date'}
        """
        own: dict[str, str | None] = self.model_dump()
        named = {role: own[role] or follow_up.get(role) for role in ROLES}
        return {role: column for role, column in named.items() if isinstance(column, str)}


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The facts of n patients by role.

    `facts` holds a column for each role: dates, numbers (Float64), flags (Int64), the meaning of coded facts and
    the text of others, with `cutoff` and `as_of` in every row. `known` describes them for conditions. `columns` says
    which column of the table each role is. `table` is the table that they come from, in the same order.
    """

    table: Table
    columns: Mapping[str, str]
    facts: pl.DataFrame
    known: Mapping[str, Column]

    def shown(self, role: str, row: int) -> str:
        """Return a fact as a sentence prints it: the value of the table, or 'missing'."""
        value = (self.facts if role not in self.columns else self.table.frame)[self.columns.get(role, role)][row]
        return "missing" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)

    def patient(self, row: int) -> str:
        """Return who the patient of a row is."""
        name = self.table.frame[self.table.id_column][row]
        return str(name) if name is not None else f"row {self.table.frame[FILE_ROW][row]}"

    def cell(self, column: str, row: int) -> str:
        """Return a cell of the table as it stands in the file."""
        cells, frame = self.table.cells, self.table.frame
        if cells is None or column not in cells.columns:
            value = frame[column][row]
            return "" if value is None else str(value)
        at = cells[FILE_ROW].index_of(frame[FILE_ROW][row])
        return "" if at is None else str(cells[column][at]).strip()

    def with_missing(self, roles: Sequence[str]) -> "Records":
        """Return the records with the roles that the plan does not name, missing in every patient."""
        absent = sorted({role for role in roles if role not in self.known})
        described = {role: Column(kind=role_kind(ROLES[role])) for role in absent}
        nothing = [pl.lit(None, dtype=_TYPES[described[role].kind]).alias(role) for role in absent]
        return replace(self, facts=self.facts.with_columns(nothing), known={**self.known, **described})


def records(
    table: Table, columns: Mapping[str, str], *, cutoff: date | None = None, as_of: date | None = None
) -> Records:
    """Return the facts of a table by role; a column of a kind that its role cannot be is left out.

    >>> from counterpoise.read import table_from_frame
    >>> seen = pl.DataFrame({"id": ["a", "b"], "stage": ["cT4d", "t2"]})
    >>> made = records(table_from_frame(seen, id_column="id"), {"clinical_t": "stage"})
    >>> made.facts["clinical_t"].to_list(), made.shown("clinical_t", 0)
    (['T4', 'T2'], 'cT4d')
    """
    problems = {problem.where.rpartition(".")[2] for problem in role_problems(table.columns, columns)}
    used = {role: column for role, column in columns.items() if role not in problems}
    series = [_fact(table, role, column) for role, column in used.items()]
    known = {role: Column(kind=role_kind(ROLES[role])) for role in used}
    days = {name: day for name, day in ((CUTOFF, cutoff), (AS_OF, as_of)) if day is not None}
    size = table.frame.height
    series += [pl.Series(name, [day] * size, dtype=pl.Date) for name, day in days.items()]
    known |= {name: Column(kind="date") for name in days}
    return Records(table, used, pl.DataFrame(series), known)


def role_problems(known: Mapping[str, Column], columns: Mapping[str, str], name: str = "plan") -> list[Problem]:
    """Return what is wrong with the columns of roles: not there, or of a kind that cannot be."""
    problems: list[Problem] = []
    for role, column in columns.items():
        where, kinds = f"{name}: records.{role}", ROLES[role].kinds
        if column not in known:
            problems.append(Problem(where, f"there is no column `{column}`", nearest(column, list(known))))
        elif known[column].kind not in kinds:
            what = f"`{column}` must be of kind {' or '.join(kinds)}; it is {known[column].kind}"
            problems.append(Problem(where, what, "declare its kind under [data.columns], or mend its values"))
    return problems


_TYPES: dict[Kind, type[pl.DataType]] = {"date": pl.Date, "flag": pl.Int64, "number": pl.Float64, "text": pl.String}


def role_kind(role: Argument) -> Kind:
    """Return the kind in which conditions see a role."""
    if role.codes:
        return "text"
    kind = role.kinds[0]
    return "number" if kind == "integer" else "text" if kind == "category" else kind


def _fact(table: Table, role: str, column: str) -> pl.Series:
    series, described = table.frame[column].alias(role), ROLES[role]
    if described.codes:
        texts = series.cast(pl.String)
        levels = table.columns[column].levels
        meaning = {text: described.meaning_of(text, levels.get(text, "")) for text in texts.drop_nulls().unique()}
        known = {text: found for text, found in meaning.items() if found not in (None, "unknown")}
        return texts.replace_strict(known, default=None, return_dtype=pl.String) if known else texts.clear(len(texts))
    return series.cast(_TYPES[role_kind(described)], strict=False)
