"""A checked syntax tree becomes a polars expression; numbers are Float64, conditions Boolean."""

import datetime as dt
import functools
import operator
from collections.abc import Callable, Mapping

import polars as pl

from counterpoise.read.codebook import Column
from counterpoise.read.rule_kinds import Kinds, ValueKind, column_kind
from counterpoise.read.rule_syntax import (
    Call,
    Chain,
    Choice,
    Comparison,
    Day,
    IsMissing,
    Logical,
    Member,
    Missing,
    Name,
    Negative,
    Node,
    Not,
    Number,
    Text,
    Truth,
    walk,
)

DAYS_PER_MONTH = 30.4375
_TYPES: dict[ValueKind, type[pl.DataType]] = {
    "flag": pl.Boolean,
    "number": pl.Float64,
    "date": pl.Date,
    "text": pl.String,
    "any": pl.Float64,
}
_OPERATORS: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def expression_of(tree: Node, kinds: Kinds, known: Mapping[str, Column]) -> pl.Expr:
    """Return the expression of a checked tree; a number that is not finite becomes missing.

    >>> from counterpoise.read.rule_kinds import kinds_of
    >>> from counterpoise.read.rule_parser import syntax_tree
    >>> tree, known = syntax_tree("a / b"), {name: Column(kind="number") for name in "ab"}
    >>> half = expression_of(tree, kinds_of("a / b", tree, known), known)
    >>> pl.DataFrame({"a": [1.0, 1.0], "b": [2.0, 0.0]}).select(half).to_series().to_list()
    [0.5, None]
    """
    kind = kinds.of[id(tree)]
    named = next((node.name for node in walk(tree) if isinstance(node, Name)), None)
    expression = _Compiler(kinds, known, named).compile(tree, kind)
    return pl.when(expression.is_finite()).then(expression) if kind == "number" else expression


class _Compiler:
    """Compiles each part of a tree to the type that the part above it wants."""

    def __init__(self, kinds: Kinds, known: Mapping[str, Column], named: str | None) -> None:
        self.kinds = kinds
        self.known = known
        # polars divides by a scalar through its reciprocal, so that 49 / 49 is not 1: every divisor is made a column.
        self.zero = pl.lit(0.0) if named is None else pl.col(named).is_null().cast(pl.Float64) * 0.0

    def kind(self, node: Node) -> ValueKind:
        return self.kinds.of[id(node)]

    def compile(self, node: Node, want: ValueKind) -> pl.Expr:
        match node:
            case Number():
                return pl.lit(node.value == 1) if want == "flag" else pl.lit(node.value)
            case Text():
                return pl.lit(dt.date.fromisoformat(node.value)) if want == "date" else pl.lit(node.value)
            case Day():
                return pl.lit(node.value)
            case Missing():
                return pl.lit(None, dtype=_TYPES[want])
            case Name():
                return self.column(node, want)
            case Negative() | Chain():
                return self.arithmetic(node).fill_nan(None)
            case Call():
                return self.call(node)
            case Choice():
                return self.choice(node, want)
            case _:
                condition = self.condition(node)
                return condition.cast(pl.Float64) if want == "number" else condition

    def column(self, node: Name, want: ValueKind) -> pl.Expr:
        column = pl.col(node.name)
        if want == "number":
            return column.cast(pl.Float64)
        flag = column_kind(self.known[node.name]) == "flag"
        return column == 1 if flag and want == "flag" else column

    def arithmetic(self, node: Node) -> pl.Expr:
        """Compile sums and products; infinity less infinity is NaN in here, and missing outside."""
        match node:
            case Negative():
                return -self.arithmetic(node.operand)
            case Chain():
                return functools.reduce(self.step, node.rest, self.arithmetic(node.first))
            case _:
                return self.compile(node, "number")

    def step(self, left: pl.Expr, term: tuple[str, Node]) -> pl.Expr:
        """Apply the next operator of a chain; a quotient by zero is missing."""
        symbol, node = term
        right = self.arithmetic(node)
        if symbol == "/":
            return left / (pl.when(right != 0).then(right) + self.zero)
        return _OPERATORS[symbol](left, right)

    def condition(self, node: Truth | Comparison | Member | IsMissing | Not | Logical) -> pl.Expr:
        match node:
            case Truth():
                return pl.lit(node.value)
            case Comparison():
                want = self.common(node.left, node.right)
                return _OPERATORS[node.operator](self.compile(node.left, want), self.compile(node.right, want))
            case Member():
                return self.member(node)
            case IsMissing():
                answer = self.compile(node.operand, self.kind(node.operand)).is_null()
                return ~answer if node.negated else answer
            case Not():
                return ~self.compile(node.operand, "flag")
            case Logical():
                parts = [self.compile(operand, "flag") for operand in node.operands]
                return pl.all_horizontal(parts) if node.operator == "and" else pl.any_horizontal(parts)

    def common(self, *nodes: Node) -> ValueKind:
        """Return the type in which values are compared: flags as numbers, ISO texts beside dates as dates."""
        kinds = {self.kind(node) for node in nodes} - {"any"}
        if "date" in kinds:
            return "date"
        return "text" if "text" in kinds else "number"

    def member(self, node: Member) -> pl.Expr:
        want = self.common(node.operand, *node.items)
        values: list[object] = []
        for item in node.items:
            if isinstance(item, Text) and want == "date":
                values.append(dt.date.fromisoformat(item.value))
            else:
                values.append(float(item.value) if isinstance(item, Number | Truth) else item.value)
        answer = self.compile(node.operand, want).is_in(values)
        return ~answer if node.negated else answer

    def choice(self, node: Choice, want: ValueKind) -> pl.Expr:
        """Where a condition is unknown the value is unknown, and no later branch is tried."""
        answer = self.compile(node.otherwise, want)
        for condition, value in reversed(node.branches):
            holds = self.compile(condition, "flag")
            known = pl.when(holds).then(self.compile(value, want)).otherwise(answer)
            answer = pl.when(holds.is_not_null()).then(known)
        return answer

    def call(self, node: Call) -> pl.Expr:
        want = self.common(*node.arguments)
        if node.function in ("days", "months", "years"):
            first, second = (self.compile(argument, "date") for argument in node.arguments)
            if node.function == "years":
                return completed_years(first, second)
            days = (second - first).dt.total_days().cast(pl.Float64)
            return days if node.function == "days" else days / (DAYS_PER_MONTH + self.zero)
        parts = [self.compile(argument, want) for argument in node.arguments]
        if node.function == "floor":
            return parts[0].floor()
        if node.function == "log":
            return pl.when(parts[0] > 0).then(parts[0].log())
        least = pl.min_horizontal(parts) if node.function == "min" else pl.max_horizontal(parts)
        return pl.when(pl.all_horizontal([part.is_not_null() for part in parts])).then(least)


def completed_years(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """Count the birthdays of `first` up to and including `second`.

    Who was born on 29 February has her birthday on 1 March in common years; before `first` the count is
    negative.

    >>> born, seen = pl.lit(dt.date(2000, 2, 29)), pl.lit(dt.date(2021, 2, 28))
    >>> pl.select(completed_years(born, seen)).item()
    20.0
    """
    years = second.dt.year().cast(pl.Float64) - first.dt.year().cast(pl.Float64)
    month, day = second.dt.month() - first.dt.month(), second.dt.day() - first.dt.day()
    before = (month < 0) | ((month == 0) & (day < 0))
    return years - before.cast(pl.Float64)
