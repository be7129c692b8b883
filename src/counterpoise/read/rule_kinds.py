"""What kind of value a rule has, and every reason why it has none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from counterpoise.errors import Problem
from counterpoise.read.codebook import Column, InferredColumn
from counterpoise.read.names import nearest, nearest_of
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
    iso_date,
    rule_problem,
)

ValueKind = Literal["flag", "number", "date", "text", "any"]
"""The kinds of values; `any` is that of `missing`, and of a part that is already reported as wrong."""

_OF_COLUMN: dict[str, ValueKind] = {"integer": "number", "number": "number", "flag": "flag", "date": "date"}
_SPOKEN = {"flag": "a flag", "number": "a number", "date": "a date", "text": "a text", "any": "missing"}


def column_kind(column: Column) -> ValueKind:
    """Return the kind of value that a column holds in rules: id, category and text are all texts."""
    return _OF_COLUMN.get(column.kind, "text")


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """The kinds of all parts of a rule, by the identity of the part, and what is wrong with it."""

    of: Mapping[int, ValueKind]
    problems: tuple[Problem, ...]


def kinds_of(rule: str, tree: Node, known: Mapping[str, Column]) -> Kinds:
    """Work out the kind of every part of a rule over the columns `known`, and collect what is wrong.

    >>> from counterpoise.read.rule_parser import syntax_tree
    >>> rule, known = "age == 'old'", {"age": Column(kind="number")}
    >>> kinds_of(rule, syntax_tree(rule), known).problems[0].what
    'it compares `age` (a number) with the text "old" (position 5)'
    """
    checker = _Checker(rule, known)
    checker.kind(tree)
    return Kinds(checker.found, tuple(checker.problems))


class _Checker:
    """Visits each part of one rule once."""

    def __init__(self, rule: str, known: Mapping[str, Column]) -> None:
        self.rule = rule
        self.known = known
        self.problems: list[Problem] = []
        self.found: dict[int, ValueKind] = {}

    def wrong(self, node: Node, what: str, remedy: str = "") -> ValueKind:
        self.problems.append(rule_problem(self.rule, what, node.at, remedy))
        return "any"

    def kind(self, node: Node) -> ValueKind:
        if id(node) not in self.found:
            self.found[id(node)] = self.visit(node)
        return self.found[id(node)]

    def visit(self, node: Node) -> ValueKind:
        match node:
            case Number() | Text() | Day() | Truth() | Missing():
                return literal_kind(node)
            case Name():
                return column_kind(self.known[node.name]) if node.name in self.known else self.unknown(node)
            case Negative():
                return self.numbers([node.operand], "-")
            case Chain():
                return self.numbers([node.first, *(part for _, part in node.rest)], node.rest[0][0])
            case Call():
                return self.call(node)
            case Choice():
                return self.choice(node)
            case _:
                return self.condition(node)

    def condition(self, node: Comparison | Member | IsMissing | Not | Logical) -> ValueKind:
        match node:
            case Comparison():
                self.compare(node)
            case Member():
                for item in node.items:
                    self.same(node, node.operand, item, self.kind(node.operand), self.kind(item))
            case IsMissing():
                self.kind(node.operand)
            case Not():
                self.conditions([node.operand], "not")
            case Logical():
                self.conditions(node.operands, node.operator)
        return "flag"

    def unknown(self, node: Name) -> ValueKind:
        remedy = nearest(node.name, list(self.known))
        if any(node.name in column.levels for column in self.known.values()):
            remedy = f'write "{node.name}" in quotation marks if the code is meant'
        return self.wrong(node, f"there is no column `{node.name}`", remedy)

    def conditions(self, nodes: Sequence[Node], word: str) -> None:
        for node in nodes:
            kind = self.kind(node)
            if kind not in ("flag", "any"):
                self.wrong(node, f"`{word}` needs a condition, and {spoken(node, kind)} is none")

    def numbers(self, nodes: Sequence[Node], operator: str) -> ValueKind:
        for node in nodes:
            kind = self.kind(node)
            if kind == "date":
                remedy = "write days(earlier, later) for the days between two dates"
                self.wrong(node, f"`{operator}` needs numbers, not {spoken(node, kind)}", remedy)
            elif kind == "text":
                self.wrong(node, f"`{operator}` needs numbers, not {spoken(node, kind)}")
        return "number"

    def compare(self, node: Comparison) -> None:
        for side in (node.left, node.right):
            if isinstance(side, Missing):
                self.wrong(side, "nothing equals missing", "write `is missing` or `is not missing`")
                return
        left, right = self.kind(node.left), self.kind(node.right)
        self.same(node, node.left, node.right, left, right)
        if node.operator not in ("==", "!=") and "date" not in (left, right):
            for side, kind in ((node.left, left), (node.right, right)):
                if kind == "text":
                    remedy = "list the codes that are meant: in [...]"
                    self.wrong(node, f"`{node.operator}` compares numbers or dates, not {spoken(side, kind)}", remedy)
                    return

    def same(self, node: Node, left: Node, right: Node, kind: ValueKind, other: ValueKind) -> None:
        """Check that two values can be compared, whichever of them stands first."""
        if "any" in (kind, other):
            return
        if {kind, other} == {"date", "text"}:
            self.day(left if kind == "text" else right)
        elif kind == other == "text":
            self.level(left, right)
            self.level(right, left)
        elif kind == other or {kind, other} == {"flag", "number"}:
            self.zero_or_one(left, right, kind, other)
            self.zero_or_one(right, left, other, kind)
        else:
            remedy = self.how_to_compare(left, right, {kind, other})
            self.wrong(node, f"it compares {spoken(left, kind)} with {spoken(right, other)}", remedy)

    def how_to_compare(self, left: Node, right: Node, kinds: set[ValueKind]) -> str:
        if kinds == {"number", "text"}:
            number = left if isinstance(left, Number) else right
            if isinstance(number, Number):
                return f'the codes of a category are texts: "{number.value:g}"'
            return "a column whose numbers are codes must be declared as a category"
        if kinds == {"flag", "text"}:
            return "a flag is compared with 0 or 1"
        return ""

    def day(self, node: Node) -> None:
        if not isinstance(node, Text):
            self.wrong(node, f"a date is compared with a date or a day, not with {spoken(node, 'text')}")
        elif iso_date(node.value) is None:
            self.wrong(node, f'"{node.value}" is not a date', 'write it as "2020-01-31"')

    def level(self, name: Node, code: Node) -> None:
        """Check that a category is compared with one of its declared codes."""
        if not (isinstance(name, Name) and isinstance(code, Text)):
            return
        column = self.known.get(name.name)
        if column is None or not column.levels or isinstance(column, InferredColumn) or code.value in column.levels:
            return
        codes = ", ".join(f'"{level}"' for level in column.levels)
        meant = next((level for level, label in column.levels.items() if label == code.value), None)
        near = meant or nearest_of(code.value, column.levels)
        remedy = f'did you mean "{near}"? Its codes are {codes}' if near else f"its codes are {codes}"
        self.wrong(code, f'`{name.name}` has no code "{code.value}"', remedy)

    def zero_or_one(self, node: Node, other: Node, kind: ValueKind, other_kind: ValueKind) -> None:
        inferred = isinstance(node, Name) and isinstance(self.known.get(node.name), InferredColumn)
        if kind == "flag" and not inferred and isinstance(other, Number) and other.value not in (0, 1):
            self.wrong(other, f"{spoken(node, kind)} is compared with {other.value:g}", "a flag is 0 or 1")
        if isinstance(node, Truth) and other_kind == "number":
            self.wrong(node, f"it compares {spoken(node, kind)} with {spoken(other, other_kind)}")

    def call(self, node: Call) -> ValueKind:
        kinds: list[ValueKind] = [self.kind(argument) for argument in node.arguments]
        if node.function in ("days", "months", "years"):
            self.dates(node, kinds)
            return "number"
        if node.function in ("min", "max") and "date" in kinds:
            self.dates(node, kinds)
            return "date"
        for argument, kind in zip(node.arguments, kinds, strict=True):
            if kind in ("date", "text"):
                self.wrong(argument, f"`{node.function}` needs numbers, not {spoken(argument, kind)}")
        return "number"

    def dates(self, node: Call, kinds: Sequence[ValueKind]) -> None:
        for argument, kind in zip(node.arguments, kinds, strict=True):
            if isinstance(argument, Text):
                self.day(argument)
            elif kind not in ("date", "any"):
                self.wrong(argument, f"`{node.function}` needs dates, not {spoken(argument, kind)}")

    def choice(self, node: Choice) -> ValueKind:
        self.conditions([condition for condition, _ in node.branches], "if")
        values = [value for _, value in node.branches] + [node.otherwise]
        kinds: list[ValueKind] = [self.kind(value) for value in values]
        said: list[ValueKind] = [kind for kind in kinds if kind != "any"]
        if set(said) <= {"flag", "number"}:
            answers = [value for value, kind in zip(values, kinds, strict=True) if kind != "any"]
            flags = [is_zero_or_one(value) or self.kind(value) == "flag" for value in answers]
            return "any" if not said else "flag" if all(flags) else "number"
        for value, kind in zip(values, kinds, strict=True):
            if kind not in (said[0], "any"):
                first = _SPOKEN[said[0]]
                self.wrong(value, f"the branches of `if` must agree: {spoken(value, kind)} beside {first}")
        return said[0]


def literal_kind(node: Number | Text | Day | Truth | Missing) -> ValueKind:
    """Return the kind of a value that is written in the rule."""
    match node:
        case Number():
            return "number"
        case Text():
            return "text"
        case Day():
            return "date"
        case Truth():
            return "flag"
        case Missing():
            return "any"


def is_zero_or_one(node: Node) -> bool:
    """Say whether `node` is a written 0 or 1, which can stand for a flag."""
    return isinstance(node, Number) and node.value in (0, 1)


def spoken(node: Node, kind: ValueKind) -> str:
    """Name a part of a rule with its kind: "`age`, a number," or "the number 18"."""
    match node:
        case Name():
            return f"`{node.name}` ({_SPOKEN[kind]})"
        case Text():
            return f'the text "{node.value}"'
        case Number():
            return f"the number {node.value:g}"
        case _:
            return _SPOKEN[kind]
