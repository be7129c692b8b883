"""Columns that the plan derives from those of the table: by an expression, or by a rule of the library."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import polars as pl
from pydantic import ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from counterpoise.cohort.cells import cell_problems
from counterpoise.cohort.columns import Wanted, column_of_rule, in_table_types
from counterpoise.errors import DataError, InputError, PlanError, Problem
from counterpoise.oncology.definition import Derivation
from counterpoise.oncology.rule_sets import SHIPPED, RuleSets
from counterpoise.read.codebook import Column, Kind, Options
from counterpoise.read.rule_syntax import RuleError
from counterpoise.read.rules import Rule, check_rule, parse_rule
from counterpoise.read.table import Table


class DeriveOptions(Options):
    """One derived column, in one of three forms.

    A bare text is an expression; `value` is one with its `label`, `unit`, `levels` and `kind`; `rule` names a
    rule of the library, in the `edition` of its guideline, and every other key is an argument of that rule.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    value: str | None = None
    rule: str | None = None
    edition: str | None = None
    label: str = ""
    unit: str = ""
    levels: dict[str, str] = Field(default_factory=dict[str, str])
    kind: Kind | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_text(cls, given: object) -> object:
        return {"value": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.value is None) == (self.rule is None):
            raise ValueError("a derived column needs exactly one of `value` and `rule`")
        if self.value is not None and self.arguments:
            raise ValueError(f"`value` takes no `{next(iter(self.arguments))}`; only `rule` has arguments")
        if self.value is not None and self.edition is not None:
            raise ValueError("`edition` belongs to `rule`; an expression has none")
        if self.rule is not None and (self.unit or self.levels or self.kind):
            raise ValueError("`unit`, `levels` and `kind` belong to `value`; a rule brings its own")
        if self.levels and self.kind not in (None, "category"):
            raise ValueError(f"`levels` belong to a category, and `kind` is {self.kind}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of the two ways to write it: a text, or a table."""
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the rule."""
        return self.model_extra or {}

    @property
    def wanted(self) -> Wanted:
        """What the plan says of the column itself."""
        return Wanted(self.kind, self.label, self.unit, self.levels)


@dataclass(frozen=True, slots=True)
class Definition:
    """How one derived column came about, for the methods section.

    An expression has no `rule`, and none of what belongs to it. `verified` says how the rule was checked against its
    source, empty if it was not; `file` is the user's file from which it comes, empty where it is shipped.
    """

    name: str
    label: str
    sentence: str
    rule: str = ""
    edition: str = ""
    source: str = ""
    verified: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class _Step:
    """One derived column and what makes it: an expression, or a rule with its arguments."""

    name: str
    options: DeriveOptions
    maker: Rule | Derivation

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it needs."""
        if isinstance(self.maker, Rule):
            return self.maker.columns
        return frozenset(self.maker.columns(self.options.arguments))

    def faults(self, known: Mapping[str, Column]) -> list[str]:
        """Return why it cannot be made of the columns known."""
        if isinstance(self.maker, Rule):
            return [str(problem) for problem in check_rule(self.maker.text, known)]
        return self.maker.faults(self.options.arguments, known)

    def column(self, known: Mapping[str, Column]) -> Column:
        """Return the description of the new column; raises `InputError` where the plan's does not fit."""
        options = self.options
        if isinstance(self.maker, Derivation):
            column = self.maker.describe(options.arguments, known)
            return column.model_copy(update={"label": options.label or column.label})
        return column_of_rule(self.name, self.maker, options.wanted, known)

    def expression(self, known: Mapping[str, Column]) -> pl.Expr:
        """Return the values of the new column."""
        if isinstance(self.maker, Rule):
            return self.maker.expression(known)
        return self.maker.compile(self.options.arguments, known)


def derive(table: Table, derivations: Mapping[str, DeriveOptions], rules: RuleSets = SHIPPED) -> Table:
    """Return the table with the derived columns added, each made after those that it needs; `rules` are by name.

    A condition becomes a flag (0/1); an `if` that yields texts becomes a category whose levels stand in the order
    in which the rule mentions them. What cannot be decided from what is known stays missing.

    Raises `PlanError` with every derivation that cannot be made over this table (unknown names, wrong kinds,
    circles), then `DataError` with every value that a rule must not meet.

    >>> from counterpoise.read import table_from_frame
    >>> table = table_from_frame(pl.DataFrame({"id": ["a", "b"], "t": ["T1", "T3"]}), id_column="id")
    >>> derive(table, {"large": DeriveOptions(value='t == "T3"')}).frame["large"].to_list()
    [0, 1]
    """
    ordered, columns = _planned(table, derivations, rules)
    problems: list[Problem] = []
    spoilt: set[str] = set()
    for step in ordered:
        found = _refused(table, step)
        if not found and not step.columns & spoilt:
            values = table.frame.with_columns(step.expression(table.columns).alias(step.name))[step.name]
            values, column, found = in_table_types(table, values, columns[step.name])
            described = {**table.columns, step.name: column}
            table = replace(table, frame=table.frame.with_columns(values), columns=described)
        if found or step.columns & spoilt:
            spoilt.add(step.name)
        problems += found
    if problems:
        raise DataError(list(dict.fromkeys(problems)))
    return table


def definitions(
    table: Table, derivations: Mapping[str, DeriveOptions], rules: RuleSets = SHIPPED
) -> tuple[Definition, ...]:
    """Return how each derived column is defined, in the order of the plan; raises `PlanError` as `derive` does.

    >>> from counterpoise.read import table_from_frame
    >>> table = table_from_frame(pl.DataFrame({"id": ["a", "b"], "age": [41, 62]}), id_column="id")
    >>> definitions(table, {"old": DeriveOptions(value="age >= 50", label="Age 50 or more")})[0].sentence
    'Age 50 or more was derived as `age >= 50`.'
    """
    ordered, columns = _planned(table, derivations, rules)
    known = {**table.columns, **columns}
    made = {step.name: _definition(step, known, rules) for step in ordered}
    return tuple(made[name] for name in derivations)


def _definition(step: _Step, known: Mapping[str, Column], rules: RuleSets) -> Definition:
    label, maker = known[step.name].label, step.maker
    if isinstance(maker, Rule):
        return Definition(step.name, label, f"{label} was derived as `{maker.text}`.")
    sentence = maker.sentence(step.options.arguments, known)
    file = rules.file_of(rules.set_of(maker.name), maker.name)
    return Definition(step.name, label, sentence, maker.name, maker.edition, maker.source, maker.verified, file)


def _planned(
    table: Table, derivations: Mapping[str, DeriveOptions], rules: RuleSets
) -> tuple[tuple[_Step, ...], dict[str, Column]]:
    """Return the steps in the order of need and what each makes, or raise all that is wrong with the plan."""
    problems: list[Problem] = []
    steps: dict[str, _Step] = {}
    for name, options in derivations.items():
        try:
            if name in table.columns:
                raise InputError("the table already has a column of that name; choose another")
            steps[name] = _Step(name, options, _maker(options, rules))
        except InputError as error:
            problems += _located(name, error)
    ordered, circles = _in_order(steps)
    problems += circles
    made: dict[str, Column] = {}
    nameable = {*table.columns, *derivations}
    # Steps with unknown names come last, so that the nearest name may be that of any derived column.
    for step in sorted(ordered, key=lambda step: not step.columns <= nameable):
        known = {**table.columns, **made}
        if any(column in derivations and column not in known for column in step.columns):
            continue
        faults = step.faults(known)
        problems += [Problem(f"derive.{step.name}", fault) for fault in faults]
        try:
            made |= {} if faults else {step.name: step.column(known)}
        except InputError as error:
            problems += _located(step.name, error)
    if problems:
        raise PlanError(problems)
    return ordered, made


def _maker(options: DeriveOptions, rules: RuleSets) -> Rule | Derivation:
    if options.value is not None:
        return parse_rule(options.value)
    return rules.derivation(options.rule or "", options.edition)


def _located(name: str, error: InputError) -> list[Problem]:
    texts = map(str, error.problems) if isinstance(error, RuleError) else [str(error)]
    return [Problem(f"derive.{name}", text) for text in texts]


def _in_order(steps: Mapping[str, _Step]) -> tuple[tuple[_Step, ...], list[Problem]]:
    """Return the steps that can be made, each after those it needs, and a problem for each circle."""
    needs = {name: [need for need in step.columns if need in steps] for name, step in steps.items()}
    ordered: list[str] = []
    waiting = list(steps)
    while ready := [name for name in waiting if all(need in ordered for need in needs[name])]:
        ordered += ready
        waiting = [name for name in waiting if name not in ready]
    circles: list[Problem] = []
    for name in waiting:
        way = _way_back(name, needs)
        if way:
            circles.append(Problem(f"derive.{name}", f"depends on itself: {' needs '.join((name, *way))}"))
    return tuple(steps[name] for name in ordered), circles


def _way_back(start: str, needs: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return the shortest chain of needs from `start` to itself, or nothing where there is none."""
    chains = [(need,) for need in needs[start]]
    seen: set[str] = set()
    while chains:
        found = next((chain for chain in chains if chain[-1] == start), None)
        if found is not None:
            return found
        seen |= {chain[-1] for chain in chains}
        chains = [(*chain, need) for chain in chains for need in needs[chain[-1]] if need not in seen]
    return ()


def _refused(table: Table, step: _Step) -> list[Problem]:
    """Return the cells that a rule of the library must not meet."""
    if isinstance(step.maker, Rule) or not step.columns <= table.columns.keys():
        return []
    problems: list[Problem] = []
    for refusal in step.maker.refusals(step.options.arguments, table.columns):
        wrong = table.frame.select(wrong=refusal.condition.fill_null(value=False))["wrong"].to_numpy()
        problems += cell_problems(table, wrong, refusal.column, refusal.must)
    return problems
