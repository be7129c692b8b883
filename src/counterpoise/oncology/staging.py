"""Staging: categories by ordered conditions over facts, and groups by tables of categories; all of it is data.

A site is one file `rules/staging/SITE.toml`. Missing is three-valued: a category that hangs on an unknown fact is
missing, unless what is known decides it; a group is given where it is the same whatever the unknown categories are.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import polars as pl
from pydantic import Field, model_validator

from counterpoise.errors import PlanError, Problem
from counterpoise.oncology.definition import Argument, Derivation, Given, RuleText
from counterpoise.oncology.rule_checks import misfits
from counterpoise.oncology.rule_tables import Tables, checked, place_of, unfolded
from counterpoise.read.codebook import Column, Kind
from counterpoise.read.rules import check_rule, parse_rule

ANY = "*"
_UNKNOWN = "unknown"
_SEPARATOR = "\x1f"
_ANSWER = "category derived"


class StagingText(RuleText):
    """One rule of a site's file, in one edition: `categories`, or `groups`.

    `categories` maps each category to its condition over the arguments; the first that holds decides. `undivided` maps
    categories to conditions in the same way: they are given where it is open which of their parts holds. `quantities`
    are named expressions that the conditions may use. `groups` maps each group to its rows: one word an argument, in
    the order of the arguments, being one of the argument's meanings, several joined by `|`, or `*` for any. An
    argument may have meanings joined by `|` as well, for spellings that leave open which of them is meant.
    """

    kind: Kind = "category"
    quantities: dict[str, str] = Field(default_factory=dict[str, str])
    categories: dict[str, str] = Field(default_factory=dict[str, str])
    undivided: dict[str, str] = Field(default_factory=dict[str, str])
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])

    @model_validator(mode="before")
    @classmethod
    def _levels_in_order(cls, given: Any) -> Any:  # noqa: ANN401 - what a file holds is not known before it is checked
        """Let the levels run from the least advanced category to the most where the file does not list them."""
        if not isinstance(given, dict) or "levels" in given:
            return given
        parts = [given.get(key, {}) for key in ("groups", "categories", "undivided")]
        if not all(isinstance(part, dict) for part in parts):
            return given
        groups, categories, undivided = parts
        return {**given, "levels": {code: code for code in (*groups, *reversed(categories), *undivided)}}


def sites() -> tuple[str, ...]:
    """Return the sites that come with the package.

    >>> sites()
    ('breast', 'lung')
    """
    folder = resources.files("counterpoise.oncology") / "rules" / "staging"
    names = sorted(file.name for file in folder.iterdir())
    return tuple(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def staging_rules(tables: Tables) -> dict[str, dict[str, Derivation]]:
    """Return the rules of a site's file, by rule and edition.

    Raises `PlanError` with everything that is wrong with the tables.

    >>> spread = {
    ...     "label": "Spread", "edition": "1st", "source": "example", "definition": "As found.",
    ...     "arguments": {"far": {"meaning": "distant spread, 0/1", "kinds": ["flag"]}},
    ...     "categories": {"M1": "far", "M0": "true"},
    ... }
    >>> rule = staging_rules({"liver_m": spread})["liver_m"]["1st"]
    >>> category = rule.compile({"far": "lung"}, {"lung": Column(kind="flag")})
    >>> pl.DataFrame({"lung": [1, 0, None]}).select(category).to_series().to_list()
    ['M1', 'M0', None]
    """
    contents, problems = unfolded(tables)
    texts: dict[str, dict[str, StagingText]] = {}
    for rule, editions in contents.items():
        texts[rule] = {}
        for edition, content in editions.items():
            place = place_of(rule, edition, tables)
            text = checked(StagingText, place, content, problems)
            if text is not None:
                unknown = [
                    f"`arguments_of`: there is no rule `{o}` above it" for o in text.arguments_of if not texts.get(o)
                ]
                text = text if unknown else _with_shared_arguments(text, texts)
                faults = unknown or [*_faults(text), *misfits(text, [])]
                problems += [Problem(place, fault) for fault in faults]
                texts[rule][edition] = text
    if problems:
        raise PlanError(problems)
    return {
        rule: {e: Derivation(rule, text, functools.partial(_compiled, text)) for e, text in editions.items()}
        for rule, editions in texts.items()
    }


def _with_shared_arguments(text: StagingText, texts: Mapping[str, Mapping[str, StagingText]]) -> StagingText:
    """Fill in the arguments of `arguments_of`: those of the same edition, or else of the last."""
    others = [texts[other].get(text.edition, list(texts[other].values())[-1]) for other in text.arguments_of]
    shared = {name: argument for other in others for name, argument in other.arguments.items()}
    return text.model_copy(update={"arguments": {**shared, **text.arguments}})


def _compiled(text: StagingText, given: Given) -> pl.Expr:
    facts = pl.struct(_fact(name, argument, given).alias(name) for name, argument in text.arguments.items())
    apply = _grouped if text.groups else _categorised
    return facts.map_batches(lambda facts: apply(text, facts.struct.unnest()), pl.String, is_elementwise=True)


def _fact(name: str, argument: Argument, given: Given) -> pl.Expr:
    """Return the values of a fact: the column, its meaning where it is coded, or what is assumed of every patient."""
    if argument.takes != "column":
        return pl.lit(given.arguments.get(name))
    if given.has(name):
        return given.coded(name) if argument.codes else given.column(name)
    return pl.lit(argument.assumed.value if argument.assumed else None, dtype=pl.Float64)


def _categorised(text: StagingText, facts: pl.DataFrame) -> pl.Series:
    """Return the first category whose condition holds; missing where an unknown condition stands before it."""
    known = _known(text)
    for name, quantity in text.quantities.items():
        value = parse_rule(quantity).expression(known)
        facts = facts.with_columns((value.cast(pl.Int64) if known[name].kind == "flag" else value).alias(name))
    answers = [_first_that_holds(categories, known) for categories in (text.categories, text.undivided)]
    return facts.with_columns(pl.coalesce(answers).alias(_ANSWER))[_ANSWER]


def _first_that_holds(categories: dict[str, str], known: Mapping[str, Column]) -> pl.Expr:
    answer = pl.lit(None, dtype=pl.String)
    for category, condition in reversed(categories.items()):
        holds = parse_rule(condition).expression(known)
        answer = pl.when(holds).then(pl.lit(category)).when(holds.is_not_null()).then(answer)
    return answer


def _grouped(text: StagingText, facts: pl.DataFrame) -> pl.Series:
    """Return the group of the categories; missing where none is laid down, or where the unknown would decide."""
    table = _group_of(text)
    known = [meanings(argument) for argument in text.arguments.values()]
    words = [
        (*argument.codes, *(() if _UNKNOWN in argument.codes else (_UNKNOWN,))) for argument in text.arguments.values()
    ]
    found = {_SEPARATOR.join(row): _decided(row, known, table) for row in itertools.product(*words)}
    decided = {row: group for row, group in found.items() if group is not None}
    row = pl.concat_str(pl.all().fill_null(_UNKNOWN), separator=_SEPARATOR)
    return facts.select(row.replace_strict(decided, default=None, return_dtype=pl.String)).to_series()


def _decided(row: Sequence[str], known: Sequence[Sequence[str]], table: Mapping[tuple[str, ...], str]) -> str | None:
    """Return the group that a row has whichever of its open words is meant, or None."""
    options = [every if word == _UNKNOWN else word.split("|") for word, every in zip(row, known, strict=True)]
    groups = {table.get(possible) for possible in itertools.product(*options)}
    return groups.pop() if len(groups) == 1 else None


def _group_of(text: StagingText) -> dict[tuple[str, ...], str]:
    """Return the group of each combination of categories that the table lays down."""
    return {
        combination: group
        for group, rows in text.groups.items()
        for row in rows
        for combination in _combinations(row, text)
    }


def _combinations(row: str, text: StagingText) -> Iterator[tuple[str, ...]]:
    words = zip(row.split(), text.arguments.values(), strict=True)
    return itertools.product(*(meanings(a) if word == ANY else word.split("|") for word, a in words))


def meanings(argument: Argument) -> tuple[str, ...]:
    """Return the meanings that a category of the argument can have in the end, each by itself."""
    return tuple(meaning for meaning in argument.codes if meaning != _UNKNOWN and "|" not in meaning)


def _known(text: StagingText) -> dict[str, Column]:
    """Describe the facts and quantities as columns of those names, for the language of rules."""
    known = {name: _described(argument) for name, argument in text.arguments.items()}
    for name, quantity in text.quantities.items():
        if not check_rule(quantity, known):
            kind = parse_rule(quantity).kind(known)
            known[name] = Column(kind="text" if kind == "category" else kind)
    return known


def _described(argument: Argument) -> Column:
    if argument.takes in ("choice", "text") or argument.codes:
        return Column(kind="category", levels={code: code for code in argument.choices or meanings(argument)})
    return Column(kind="number" if argument.takes == "number" else argument.kinds[0])


def _faults(text: StagingText) -> Iterator[str]:
    if bool(text.categories) == bool(text.groups):
        yield "a staging rule needs exactly one of `categories` and `groups`"
        return
    without = [name for name, argument in text.arguments.items() if argument.takes == "column" and not argument.kinds]
    if without or not text.arguments:
        yield f"`arguments` must be given, each column with its `kinds`{': ' if without else ''}{', '.join(without)}"
        return
    known = _known(text)
    for quantity in text.quantities.values():
        yield from map(str, check_rule(quantity, known))
    for category, condition in (*text.categories.items(), *text.undivided.items()):
        wrong = check_rule(condition, known)
        yield from map(str, wrong)
        if not wrong and parse_rule(condition).kind(known) != "flag":
            yield f"`{condition}`, of category {category}, must be a condition"
    unlisted = [code for code in (*text.categories, *text.undivided, *text.groups) if code not in text.levels]
    if unlisted:
        yield f"`levels` must list every outcome; they lack {', '.join(unlisted)}"
    yield from _group_faults(text)


def _group_faults(text: StagingText) -> Iterator[str]:
    seen: dict[tuple[str, ...], str] = {}
    known = [meanings(argument) for argument in text.arguments.values()]
    for group, rows in text.groups.items():
        for row in rows:
            if len(row.split()) != len(known):
                yield f"row `{row}` of group {group} must have one word for each of {', '.join(text.arguments)}"
                continue
            for combination in _combinations(row, text):
                strange = [word for word, words in zip(combination, known, strict=True) if word not in words]
                if strange:
                    yield f"row `{row}` of group {group} names {', '.join(strange)}, which no argument knows"
                elif seen.setdefault(combination, group) != group:
                    yield f"{' '.join(combination)} stands in two groups: {seen[combination]} and {group}"
