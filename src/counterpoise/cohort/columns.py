"""What a derived column is: its description before any row is seen, and its values in the types of a table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from counterpoise.cohort.cells import cell_problems
from counterpoise.errors import InputError, Problem
from counterpoise.read.codebook import Column, InferredColumn, Kind
from counterpoise.read.rule_syntax import Choice, Missing, Name, Node, Text
from counterpoise.read.rules import Rule
from counterpoise.read.table import Table

_KINDS: Mapping[str, tuple[Kind, ...]] = {
    "flag": ("flag", "integer", "number", "category"),
    "number": ("number", "integer", "flag", "category"),
    "date": ("date",),
    "category": ("category", "text"),
}
"""The kinds that a rule's outcome may be shown as, the first being what it is by itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the plan says of a derived column; empty where it says nothing."""

    kind: Kind | None = None
    label: str = ""
    unit: str = ""
    levels: Mapping[str, str] = field(default_factory=dict[str, str])


def column_of_rule(name: str, rule: Rule, wanted: Wanted, known: Mapping[str, Column]) -> Column:
    """Return the description of the column that an expression makes.

    A column that is merely named keeps its description. The levels of a category are the codes that the branches
    of its `if` mention, in that order. `wanted` is what the plan says of it: another kind, a label, a
    unit, levels. Raises `InputError` where the two do not agree.
    """
    outcome = rule.kind(known)
    if isinstance(rule.tree, Name):
        column = known[rule.tree.name]
    else:
        labels = _levels(rule.tree, known) if outcome == "category" else {}
        column = Column(kind=_KINDS[outcome][0], label=name, levels=labels)
    natural = "text" if column.kind == "id" else column.kind
    kind = wanted.kind or ("category" if wanted.levels else natural)
    if kind not in (natural, *_KINDS[outcome]):
        allowed = " or ".join(_KINDS[outcome])
        raise InputError(f"`{rule.text}` yields a {outcome}, which can be {allowed} but not {kind}")
    strange = [code for code in column.levels if wanted.levels and code not in wanted.levels]
    if strange:
        raise InputError(f"`levels` must name every outcome of the rule; they lack {', '.join(strange)}")
    said = {"label": wanted.label, "unit": wanted.unit, "levels": dict(wanted.levels)}
    return column.model_copy(update={"kind": kind} | {key: value for key, value in said.items() if value})


def in_table_types(table: Table, values: pl.Series, column: Column) -> tuple[pl.Series, Column, list[Problem]]:
    """Return derived values in the type of their kind, and the values that the column may not hold.

    A category without levels takes the codes that occur, sorted.
    """
    problems: list[Problem] = []
    if column.kind in ("flag", "integer") or (column.kind == "category" and values.dtype != pl.String):
        numbers = values.cast(pl.Float64)
        problems += _outside(table, numbers, numbers.floor() != numbers, "must be a whole number")
        values = pl.Series(values.name, numbers.floor().cast(pl.Int64, strict=False))
    if column.kind == "number":
        values = values.cast(pl.Float64)
        problems += _outside(table, values, ~values.is_finite(), "must be finite")
    if column.kind == "flag":
        problems += _outside(table, values, ~values.is_in([0, 1]), "must be 0 or 1")
    problems += _outside(table, values, _beyond(values, column), f"must be {_limits(column)}")
    if column.kind in ("category", "text"):
        values = values.cast(pl.String)
    if column.kind == "category" and not column.levels:
        codes = values.drop_nulls().unique().sort().to_list()
        levels = dict(zip(codes, codes, strict=True))
        column = InferredColumn.model_validate(column.model_dump() | {"levels": levels})
    if column.kind == "category":
        problems += _outside(table, values, ~values.is_in(list(column.levels)), "must be one of its levels")
    return values, column, problems


def _outside(table: Table, values: pl.Series, wrong: pl.Series | None, must: str) -> list[Problem]:
    if wrong is None or not wrong.any():
        return []
    shown = Table(table.frame.with_columns(values), table.columns, table.id_column, table.source)
    return cell_problems(shown, wrong.fill_null(value=False).to_numpy(), values.name, must)


def _beyond(values: pl.Series, column: Column) -> pl.Series | None:
    below = None if column.minimum is None else values < column.minimum
    above = None if column.maximum is None else values > column.maximum
    return above if below is None else below if above is None else below | above


def _limits(column: Column) -> str:
    if column.maximum is None:
        return f"{column.minimum or 0:g} or more"
    return f"{column.maximum:g} or less" if column.minimum is None else f"{column.minimum:g} to {column.maximum:g}"


def _outcomes(node: Node) -> Iterator[Node]:
    if isinstance(node, Choice):
        for _, value in node.branches:
            yield from _outcomes(value)
        yield from _outcomes(node.otherwise)
    elif not isinstance(node, Missing):
        yield node


def _levels(tree: Node, known: Mapping[str, Column]) -> dict[str, str]:
    """Return the texts that a rule can yield in order of mention; nothing where a column's are not known."""
    levels: dict[str, str] = {}
    for node in _outcomes(tree):
        if isinstance(node, Text):
            levels.setdefault(node.value, node.value)
        elif isinstance(node, Name) and known[node.name].levels:
            levels |= known[node.name].levels
        else:
            return {}
    return levels
