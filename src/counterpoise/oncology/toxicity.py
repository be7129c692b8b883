"""Toxicity: the worst grade of each patient, organ by organ and phase by phase, counted by arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from counterpoise.errors import InputError, PlanError
from counterpoise.kernels.arrays import Counts, Floats, as_floats, require
from counterpoise.oncology.rule_tables import Tables, checked, place_of, read_rules, unfolded
from counterpoise.read.codebook import Options

Phase = Literal["acute", "late"]
EventKind = Literal["pneumonitis", "cardiac dysfunction"]
HIGHEST = 5


class DatedEventOptions(Options):
    """One adverse event with a date: what it is called, and the organ of the plan that its grades are listed under.

    `kind` says what it is where a scale fixes the grade of that: "pneumonitis" or "cardiac dysfunction".
    """

    label: str
    organ: str = ""
    kind: EventKind | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_label(cls, given: object) -> object:
        return {"label": given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of the two ways to write it: a label, or a table."""
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


class ToxicityOptions(Options):
    """The scale, and the columns of grades by phase: column to organ; several columns may name one organ.

    `events` are 0/1 columns of adverse events that carry no grade, with what each is called. `dated` are columns of
    the dates of adverse events, whose cumulative incidence from `origin` is told at `horizon_months`; death competes
    with them, and where `recurrence_competes` the first recurrence does too.
    """

    scale: str
    edition: str | None = None
    acute: dict[str, str] = Field(default_factory=dict[str, str])
    late: dict[str, str] = Field(default_factory=dict[str, str])
    events: dict[str, str] = Field(default_factory=dict[str, str])
    dated: dict[str, DatedEventOptions] = Field(default_factory=dict[str, DatedEventOptions])
    origin: str | None = None
    horizon_months: float | None = Field(default=None, gt=0)
    recurrence_competes: bool = False

    @model_validator(mode="after")
    def _dates_have_an_origin(self) -> Self:
        if self.dated and self.origin is None:
            raise ValueError("`dated` needs `origin`, the column of the date that time is counted from")
        if not self.dated and (self.origin or self.horizon_months or self.recurrence_competes):
            raise ValueError("`origin`, `horizon_months` and `recurrence_competes` belong to `dated`")
        organs = {*self.acute.values(), *self.late.values()}
        for column, event in self.dated.items():
            if event.organ and event.organ not in organs:
                raise ValueError(f"`dated.{column}` names the organ `{event.organ}`, which no column grades")
        return self


class GradedItem(Options):
    """What the grades of one organ or term mean: `names` by which a plan may call it, and the `phase` it holds for.

    Grades that are not listed do not exist. `ctcae` says which grades of the term `ctcae_term` each grade may be.
    `verified` says how the words were checked; empty, they were not.
    """

    names: tuple[str, ...]
    phase: Phase | None = None
    grades: dict[str, str]
    ctcae_term: str = ""
    ctcae: dict[str, tuple[int, ...]] = Field(default_factory=dict[str, tuple[int, ...]])
    verified: str = ""

    @property
    def possible(self) -> tuple[int, ...]:
        """The grades that exist, 0 (none) among them."""
        return (0, *sorted(int(grade) for grade in self.grades))


class ToxicityScale(Options):
    """A scale of toxicity: its highest grade, the day after which effects are late, and its source.

    `fixed_acute` are the grades that the acute scale gives to what is seen or treated, whatever the complaints.
    `verified` says how it was checked against its source; empty, it was not.
    """

    highest: int = Field(ge=1, le=HIGHEST)
    late_after_days: int = Field(ge=0)
    fixed_acute: dict[EventKind, int] = Field(default_factory=dict[EventKind, int])
    items: tuple[GradedItem, ...] = ()
    edition: str
    source: str
    verified: str = ""

    def item(self, organ: str, phase: str) -> GradedItem | None:
        """Return what the grades of an organ mean in a phase, or None where the scale's file does not say.

        >>> SCALES["CTCAE 5.0"].item("lymphoedema", "late").possible
        (0, 1, 2, 3)
        """
        name = organ.strip().casefold()
        fitting = (item for item in self.items if item.phase in (None, phase))
        return next((item for item in fitting if name in {other.casefold() for other in item.names}), None)


def ctcae_threshold(organ: str, phase: Phase, grade: int) -> int:
    """Return the grade of RTOG/EORTC from which a patient has at least this `grade` of CTCAE 5.0, and below which not.

    The scales ask for different things: a grade of one may be several of the other. Raises `InputError` where that
    leaves patients on either side, and for organs whose scales share no words: grades of lung, heart and oesophagus do
    not compare (acute pneumonitis on an image alone is grade 3 of RTOG/EORTC and grade 1 of CTCAE).

    >>> ctcae_threshold("Skin", "acute", 2)
    2
    """
    item = SCALES["RTOG/EORTC"].item(organ, phase)
    if item is None or not item.ctcae:
        raise InputError(
            f"The {phase} grades of {organ} by RTOG/EORTC must be given again by CTCAE; they do not compare."
        )
    possible = {int(own): other for own, other in item.ctcae.items()}
    reached = [own for own, other in possible.items() if min(other) >= grade]
    unclear = [own for own, other in possible.items() if min(other) < grade <= max(other)]
    if unclear or not reached:
        listed = " and ".join(map(str, unclear)) or "none"
        raise InputError(
            f"Grade {grade} of {item.ctcae_term} must be given anew; RTOG/EORTC leaves it open for {listed}."
        )
    return min(reached)


def toxicity_scales(tables: Tables) -> dict[str, dict[str, ToxicityScale]]:
    """Return the scales that the tables describe, by name and edition; raises `PlanError` with all that is wrong.

    >>> toxicity_scales(read_rules("toxicity"))["RTOG/EORTC"].keys()
    dict_keys(['1995'])
    """
    contents, problems = unfolded(tables)
    made: dict[str, dict[str, ToxicityScale]] = {}
    for name, editions in contents.items():
        read = {e: checked(ToxicityScale, place_of(name, e, tables), text, problems) for e, text in editions.items()}
        made[name] = {edition: scale for edition, scale in read.items() if scale is not None}
    if problems:
        raise PlanError(problems)
    return made


SCALES: Mapping[str, ToxicityScale] = {
    name: list(editions.values())[-1] for name, editions in toxicity_scales(read_rules("toxicity")).items()
}


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityRow:
    """Worst grades of one organ in one phase.

    `counts` (a, 6): patients of each of the a arms by grade 0 to 5. `assessed` (a,): those with any grade, the
    denominators.
    """

    organ: str
    phase: Phase
    arms: tuple[str, ...]
    counts: Counts
    assessed: Counts

    def at_least(self, grade: int) -> Counts:
        """Return how many of each arm had this grade or a worse one (a,)."""
        return self.counts[:, grade:].sum(axis=1)


def worst_grade(grades: ArrayLike) -> Floats:
    """Return the highest of each patient's grades (n,) of (n, k); NaN for who was never assessed.

    Raises `InputError` for what is no grade from 0 to 5.

    >>> worst_grade([[0, 2], [1, np.nan], [np.nan, np.nan]])
    array([ 2.,  1., nan])
    """
    matrix = as_floats("grades", grades)
    if matrix.ndim != 2:
        raise InputError(f"`grades` must be two-dimensional; its shape is {matrix.shape}.")
    require(np.isnan(matrix) | np.isin(matrix, np.arange(HIGHEST + 1)), "`grades` must be whole, 0 to 5, or missing")
    worst = np.max(np.where(np.isnan(matrix), -1.0, matrix), axis=1, initial=-1.0)
    return np.where(worst < 0, np.nan, worst)


def toxicity_row(organ: str, phase: Phase, grades: ArrayLike, arm: ArrayLike, arms: Sequence[str]) -> ToxicityRow:
    """Count worst grades by arm; who was never assessed is in no denominator.

    `grades` (n, k), NaN where not assessed; `arm` (n,) holds the index of each patient's arm in `arms`. Raises
    `InputError` where an arm or a grade is none.

    >>> row = toxicity_row("Skin", "acute", [[0], [2], [np.nan]], [0, 1, 1], ["No boost", "Boost"])
    >>> row.counts[:, :3].tolist(), row.assessed.tolist()
    ([[1, 0, 0], [0, 0, 1]], [1, 1])

    Source: Cox JD et al., Int J Radiat Oncol Biol Phys 1995;31:1341-1346 (grades 0 to 5).
    """
    worst = worst_grade(grades)
    index = as_floats("arm", arm)
    if index.shape != worst.shape:
        raise InputError(f"`arm` must have {worst.size} elements, one a row; its shape is {index.shape}.")
    require(np.isin(index, np.arange(len(arms))), f"`arm` must be an index of the {len(arms)} arms")
    seen = ~np.isnan(worst)
    counts = np.zeros((len(arms), HIGHEST + 1), dtype=np.int64)
    np.add.at(counts, (index[seen].astype(np.int64), worst[seen].astype(np.int64)), 1)
    return ToxicityRow(organ, phase, tuple(arms), counts, counts.sum(axis=1))
