"""Rules: the small typed language in which a plan selects patients and derives columns.

Unknown stays unknown: a comparison with a missing value is missing, `and` and `or` follow Kleene's
three-valued logic, and only `is missing` always answers. A quotient by zero is missing, and so are the logarithm
of a number that is not positive and a number that overflows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from counterpoise.errors import Problem
from counterpoise.read.codebook import Column
from counterpoise.read.rule_expression import expression_of
from counterpoise.read.rule_kinds import Kinds, ValueKind, kinds_of
from counterpoise.read.rule_parser import syntax_tree
from counterpoise.read.rule_syntax import Missing, Name, Node, RuleError, rule_error, walk

RuleKind = Literal["flag", "number", "date", "category"]
_RULE_KINDS: dict[ValueKind, RuleKind] = {
    "flag": "flag",
    "number": "number",
    "date": "date",
    "text": "category",
    "any": "number",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that has been parsed: its text, its syntax tree, and the columns that it names."""

    text: str
    tree: Node = field(repr=False)
    columns: frozenset[str]

    def kind(self, known: Mapping[str, Column]) -> RuleKind:
        """Return what the rule yields, given the columns that exist.

        >>> parse_rule("age >= 18").kind({"age": Column(kind="number")})
        'flag'
        """
        return _RULE_KINDS[_checked(self, known).of[id(self.tree)]]

    def expression(self, known: Mapping[str, Column]) -> pl.Expr:
        """Return the rule as a polars expression: Boolean, Float64, Date or String by its kind.

        The frame must hold the types of `Table`: flags are Int64 there, while a rule that yields a flag is
        Boolean. The operations are those that narwhals has as well, but for the days between two dates.

        >>> adult = parse_rule("age >= 18").expression({"age": Column(kind="number")})
        >>> pl.DataFrame({"age": [17.0, 18.0, None]}).select(adult).to_series().to_list()
        [False, True, None]
        """
        return expression_of(self.tree, _checked(self, known), known)


def parse_rule(text: str) -> Rule:
    """Return the rule that `text` writes; text that is no rule is an `InputError` with the position.

    >>> sorted(parse_rule('cM == "M1" or distant_met_at_dx == 1').columns)
    ['cM', 'distant_met_at_dx']
    >>> parse_rule("age => 18")
    Traceback (most recent call last):
    counterpoise.read.rule_syntax.RuleError: rule `age => 18`: `=` is not part of the language (position 5);
    compare with `==`.
    """
    tree = syntax_tree(text)
    return Rule(text, tree, frozenset(node.name for node in walk(tree) if isinstance(node, Name)))


def check_rule(text: str, known: Mapping[str, Column]) -> list[Problem]:
    """Return everything that is wrong with a rule over the columns `known`, and nothing if it can be used.

    >>> [str(problem) for problem in check_rule("agee >= 18", {"age": Column(kind="number")})]
    ['rule `agee >= 18`: there is no column `agee` (position 1); did you mean `age`?']
    """
    try:
        _checked(parse_rule(text), known)
    except RuleError as error:
        return list(error.problems)
    return []


def _checked(rule: Rule, known: Mapping[str, Column]) -> Kinds:
    """Return the kinds of the rule's parts, or raise all its problems."""
    if isinstance(rule.tree, Missing):
        raise rule_error(rule.text, "it is always missing", 0)
    kinds = kinds_of(rule.text, rule.tree, known)
    if kinds.problems:
        raise RuleError(kinds.problems)
    return kinds
