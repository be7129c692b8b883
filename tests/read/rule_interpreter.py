"""A slow interpreter of rules, row by row, with None for unknown."""

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any

from counterpoise.read import Column, parse_rule
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
)

KNOWN = {
    "age": Column(kind="number"),
    "nodes": Column(kind="integer"),
    "lvi": Column(kind="flag"),
    "boost": Column(kind="flag"),
    "cT": Column(kind="category", levels={"T1": "cT1", "T2": "cT2", "T3": "cT3"}),
    "site": Column(kind="text"),
    "dx": Column(kind="date"),
    "death": Column(kind="date"),
}
Row = Mapping[str, Any]
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def plain(value: Any, other: Any = None) -> Any:
    if isinstance(value, str) and isinstance(other, dt.date):
        return dt.date.fromisoformat(value)
    return value


def no_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


def arithmetic(symbol: str, a: Any, b: Any) -> float | None:
    if a is None or b is None or (symbol == "/" and b == 0):
        return None
    a, b = float(a), float(b)
    return no_nan({"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[symbol]())


def age_in_years(a: dt.date, b: dt.date) -> float:
    """Count birthdays one by one; 29 February has its birthday on 1 March in common years."""

    def birthday(year: int) -> dt.date:
        try:
            return a.replace(year=year)
        except ValueError:
            return dt.date(year, 3, 1)

    return b.year - a.year - (b < birthday(b.year))


def call(node: Call, row: Row) -> Any:
    arguments = [evaluate(argument, row) for argument in node.arguments]
    if None in arguments:
        return None
    if node.function == "floor":
        return float(math.floor(arguments[0])) if math.isfinite(arguments[0]) else arguments[0]
    if node.function == "log":
        return math.log(arguments[0]) if arguments[0] > 0 else None
    if node.function in ("min", "max"):
        return (min if node.function == "min" else max)(plain(a, dt.date.min) for a in arguments)
    first, second = (plain(argument, dt.date.min) for argument in arguments)
    days = float((second - first).days)
    return {"days": days, "months": days / 30.4375, "years": age_in_years(first, second)}[node.function]


def evaluate(node: Node, row: Row) -> Any:
    match node:
        case Number() | Text() | Day() | Truth():
            return node.value
        case Missing():
            return None
        case Name():
            return row.get(node.name)
        case Negative():
            value = evaluate(node.operand, row)
            return None if value is None else -value
        case Chain():
            answer = evaluate(node.first, row)
            for symbol, operand in node.rest:
                answer = arithmetic(symbol, answer, evaluate(operand, row))
            return answer
        case Call():
            return call(node, row)
        case Choice():
            for condition, value in node.branches:
                holds = evaluate(condition, row)
                if holds is None:
                    return None
                if holds:
                    return evaluate(value, row)
            return evaluate(node.otherwise, row)
        case _:
            return condition_of(node, row)


def condition_of(node: Node, row: Row) -> bool | None:
    match node:
        case Comparison():
            a, b = evaluate(node.left, row), evaluate(node.right, row)
            return None if a is None or b is None else COMPARE[node.operator](plain(a, b), plain(b, a))
        case Member():
            value = evaluate(node.operand, row)
            items = [plain(item.value, value) for item in node.items]
            return None if value is None else (value in items) != node.negated
        case IsMissing():
            return (evaluate(node.operand, row) is None) != node.negated
        case Not():
            value = evaluate(node.operand, row)
            return None if value is None else not value
        case Logical():
            found = {None if value is None else bool(value) for value in (evaluate(o, row) for o in node.operands)}
            decisive = node.operator == "or"
            return decisive if decisive in found else None if None in found else not decisive
        case _:
            raise AssertionError(node)


def interpreted(rule: str, row: Row) -> Any:
    tree = parse_rule(rule)
    value = evaluate(tree.tree, row)
    if tree.kind(KNOWN) == "flag" and value is not None:
        return bool(value)
    if tree.kind(KNOWN) == "number" and value is not None:
        return float(value) if math.isfinite(value) else None
    return value
