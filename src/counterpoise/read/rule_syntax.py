"""The grammar of rules: text in, syntax tree out; no column is looked up here.

::

    rule        if rule then rule (else if rule then rule)* else rule  |  or
    or          and ("or" and)*
    and         not ("and" not)*
    not         "not" not  |  comparison
    comparison  sum [ (== != < <= > >=) sum | ["not"] "in" "[" literal, ... "]" | "is" ["not"] "missing" ]
    sum         product (("+" | "-") product)*
    product     unary (("*" | "/") unary)*
    unary       "-" unary  |  primary
    primary     number | "text" | name | `any name` | true | false | missing
                | function "(" rule, ... ")" | "(" rule ")"
"""

import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from counterpoise.errors import InputError, Problem

DEPTH_LIMIT = 40
SIZE_LIMIT = 1000
_LONGEST_SHOWN = 80
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "missing", "if", "then", "else", "true", "false"})
FUNCTIONS = {
    "days": (2, 2),
    "months": (2, 2),
    "years": (2, 2),
    "floor": (1, 1),
    "log": (1, 1),
    "min": (2, 20),
    "max": (2, 20),
    "date": (1, 1),
}
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.])"
    r"|(?P<name>[^\W\d][\w.]*)"
    r'|(?P<text>"[^"]*"|\'[^\']*\')'
    r"|(?P<quoted>`[^`]+`)"
    r"|(?P<stray><>|\*\*|&&|\|\|)"
    r"|(?P<operator>==|!=|<=|>=|<|>|\+|-|\*|/|\(|\)|\[|\]|,)"
)
_HINTS = {
    "=": "compare with `==`",
    "<>": "write `!=`",
    "&&": "write `and`",
    "&": "write `and`",
    "||": "write `or`",
    "|": "write `or`",
    "!": "write `not`",
    "“": 'use straight quotation marks: "',
    "”": 'use straight quotation marks: "',
    "‘": "use straight quotation marks: '",
    "’": "use straight quotation marks: '",
    '"': "the text is not closed by a second quotation mark",
    "'": "the text is not closed by a second quotation mark",
    "`": "the name is not closed by a second backtick",
    "**": "powers are not part of the language",
}


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number."""

    value: float
    at: int


@dataclass(frozen=True, slots=True)
class Text:
    """A string; beside a date it must be an ISO date."""

    value: str
    at: int


@dataclass(frozen=True, slots=True)
class Day:
    """A date written `date("2020-01-31")`."""

    value: dt.date
    at: int


@dataclass(frozen=True, slots=True)
class Truth:
    """`true` or `false`."""

    value: bool
    at: int


@dataclass(frozen=True, slots=True)
class Missing:
    """`missing`, as the value of a branch."""

    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a column."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A run of `+` and `-`, or of `*` and `/`, worked from left to right."""

    first: "Node"
    rest: "tuple[tuple[str, Node], ...]"
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of == != < <= > >= between two values."""

    operator: str
    left: "Node"
    right: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`operand in [items]`, or `not in`."""

    operand: "Node"
    items: "tuple[Literal, ...]"
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class IsMissing:
    """`operand is missing`, or `is not missing`; the only test that is never unknown."""

    operand: "Node"
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    """Negation; the opposite of unknown is unknown."""

    operand: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Logical:
    """Two or more conditions joined by `and`, or by `or`."""

    operator: str
    operands: "tuple[Node, ...]"
    at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`if ... then ... else if ... then ... else ...`: (condition, value) pairs and the last value."""

    branches: "tuple[tuple[Node, Node], ...]"
    otherwise: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the allow-list with its arguments."""

    function: str
    arguments: "tuple[Node, ...]"
    at: int


Literal = Number | Text | Day | Truth
Node = Literal | Missing | Name | Negative | Chain | Comparison | Member | IsMissing | Not | Logical | Choice | Call


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a rule: its kind (number, name, quoted, text, operator, end), text and position."""

    kind: str
    text: str
    at: int


class RuleError(InputError):
    """A rule that cannot be used; `problems` keeps what is wrong apart."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{problem}." for problem in self.problems))


def rule_problem(rule: str, what: str, at: int, remedy: str = "") -> Problem:
    """Return the problem of a rule: its text, what is wrong, the position (from 1), and what to do."""
    shown = rule if len(rule) <= _LONGEST_SHOWN else f"{rule[:_LONGEST_SHOWN]}…"
    return Problem(f"rule `{shown}`", f"{what} (position {at + 1})", remedy)


def rule_error(rule: str, what: str, at: int, remedy: str = "") -> RuleError:
    """Return the error of a rule that has one problem."""
    return RuleError([rule_problem(rule, what, at, remedy)])


def tokens_of(rule: str) -> tuple[Token, ...]:
    """Cut a rule into words; a character that belongs to none is an `InputError`.

    >>> [token.text for token in tokens_of("age >= 18")]
    ['age', '>=', '18', '']
    """
    tokens: list[Token] = []
    at = 0
    while at < len(rule):
        match = _TOKEN.match(rule, at)
        if match is None or match.lastgroup == "stray":
            raise _stray(rule, at)
        if match.lastgroup not in (None, "space"):
            tokens.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return (*tokens, Token("end", "", len(rule)))


def _stray(rule: str, at: int) -> InputError:
    """Explain the character at which no word can start."""
    if rule[at].isdigit():
        return rule_error(rule, f"`{_word(rule, at)}` is neither a number nor a name", at, "put a name in backticks")
    found = next((sign for sign in (rule[at : at + 2], rule[at]) if sign in _HINTS), rule[at])
    return rule_error(rule, f"`{found}` is not part of the language", at, _HINTS.get(found, ""))


def _word(rule: str, at: int) -> str:
    match = re.match(r"[\w.]+", rule[at:])
    return match.group() if match else rule[at]


def iso_date(text: str) -> dt.date | None:
    """Return the date written YYYY-MM-DD, or None if `text` is not one.

    >>> iso_date("2020-02-29"), iso_date("2020-02-30")
    (datetime.date(2020, 2, 29), None)
    """
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below `node`, from left to right."""
    match node:
        case Negative() | IsMissing() | Not():
            return (node.operand,)
        case Member():
            return (node.operand, *node.items)
        case Comparison():
            return (node.left, node.right)
        case Chain():
            return (node.first, *(operand for _, operand in node.rest))
        case Logical():
            return node.operands
        case Call():
            return node.arguments
        case Choice():
            return (*(part for branch in node.branches for part in branch), node.otherwise)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def compiled_size(node: Node) -> int:
    """Return how many parts the expression of `node` has; parts that the compiler repeats count each time.

    >>> compiled_size(Name("age", 0)), compiled_size(Negative(Name("age", 1), 0))
    (1, 6)
    """
    match node:
        case Chain() | Negative():
            return 3 * _arithmetic_size(node)
        case Member():
            return 2 + compiled_size(node.operand)
        case Choice():
            branches = (2 * compiled_size(condition) + compiled_size(value) for condition, value in node.branches)
            return 1 + sum(branches) + compiled_size(node.otherwise)
        case Call():
            times = {"years": 3, "min": 2, "max": 2, "log": 2}.get(node.function, 1)
            return 1 + times * sum(map(compiled_size, node.arguments))
        case _:
            return 1 + sum(map(compiled_size, children(node)))


def _arithmetic_size(node: Node) -> int:
    """Return the size of sums and products within one another, whose result is checked once for all of them."""
    match node:
        case Negative():
            return 1 + _arithmetic_size(node.operand)
        case Chain():
            rest = (_arithmetic_size(part) * (2 if symbol == "/" else 1) for symbol, part in node.rest)
            return 1 + _arithmetic_size(node.first) + sum(rest)
        case _:
            return compiled_size(node)


def finite_number(text: str) -> float | None:
    """Return the number that `text` writes, or None if it is too large to be finite."""
    value = float(text)
    return value if math.isfinite(value) else None
