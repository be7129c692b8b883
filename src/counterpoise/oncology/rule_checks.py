"""Whether a rule, as a file describes it, can be computed: it must offer what the arithmetic behind it asks for."""

import re
from collections.abc import Iterable, Sequence

from counterpoise.oncology.definition import Argument, RuleText
from counterpoise.read.names import nearest_or_valid

UNKNOWN = "unknown"


def misfits(text: RuleText, models: Sequence[RuleText]) -> list[str]:
    """Return why a rule cannot be computed as the rule of which `models` are the shipped editions.

    Labels, cut-offs, limits, spellings and defaults are free; the names of arguments, of cut-offs, of meanings and
    of levels are those by which the arithmetic calls them.
    """
    found = [*_levels(text, models), *_names(text, models), *_sentence(text)]
    for name, argument in text.arguments.items():
        others = [model.arguments[name] for model in models if name in model.arguments]
        found += [f"argument `{name}` {fault}" for fault in _argument(argument, others)]
        found += [f"argument `{name}` refers to `{other}`, which is none" for other in _referred(argument, text)]
    return found


def _referred(argument: Argument, text: RuleText) -> Sequence[str]:
    named = [*argument.needs, *argument.or_else, *argument.unless, argument.label_of, argument.at_most]
    return [name for name in named if name and name not in text.arguments]


def _levels(text: RuleText, models: Sequence[RuleText]) -> Iterable[str]:
    if models and text.kind not in {model.kind for model in models}:
        yield f"`kind` must be {models[0].kind}; it is {text.kind}"
    if models and all(set(text.levels) != set(model.levels) for model in models):
        yield f"`levels` must be those that are computed, {_listed(models[-1].levels)}; their labels are free"
    if text.minimum is not None and text.maximum is not None and text.minimum > text.maximum:
        yield "`minimum` is above `maximum`"


def _names(text: RuleText, models: Sequence[RuleText]) -> Iterable[str]:
    """Yield the arguments and cut-offs that are missing, and those that nothing uses."""
    if not models:
        return
    numbers = {name for name, argument in text.arguments.items() if argument.takes == "number"}
    for name in models[-1].arguments:
        asked = all(name in model.arguments and _needed(model.arguments[name]) for model in models)
        if asked and name not in {*text.arguments, *text.cutoffs}:
            yield f"`arguments` lacks `{name}`, which is needed to compute it"
    for name in models[-1].cutoffs:
        if all(name in model.cutoffs for model in models) and name not in {*text.cutoffs, *numbers}:
            yield f"`cutoffs` lacks `{name}`, which is needed to compute it"
    usable = {name for model in models for name in (*model.arguments, *model.cutoffs)}
    for name in (*text.arguments, *text.cutoffs):
        if name not in usable:
            yield f"`{name}` is no argument or cut-off that is used; {nearest_or_valid(name, sorted(usable))}"


def _sentence(text: RuleText) -> Iterable[str]:
    words: dict[str, str | float] = dict(text.cutoffs)
    words |= {name: 1.0 if argument.takes == "number" else "x" for name, argument in text.arguments.items()}
    sentences = {
        "definition": text.definition,
        **{f"additions.{name}": addition for name, addition in text.additions.items()},
    }
    for place, sentence in sentences.items():
        try:
            sentence.format(**words)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            yield f"`{place}` has a placeholder that cannot be filled in; there are {_listed(words)}"
    for name in text.additions:
        if name not in text.arguments:
            yield f"`additions.{name}` follows no argument; there are {_listed(text.arguments)}"


def _argument(argument: Argument, models: Sequence[Argument]) -> Iterable[str]:
    spellings = [spelling for group in argument.codes.values() for spelling in group]
    for spelling in sorted({spelling for spelling in spellings if spellings.count(spelling) > 1}):
        yield f"has the spelling `{spelling}` twice"
    for spelling in spellings:
        if spelling != spelling.strip().lower():
            yield f"has the spelling `{spelling}`, which must be in lower case without blanks at its ends"
    if argument.minimum is not None and argument.maximum is not None and argument.minimum > argument.maximum:
        yield "has a `minimum` above its `maximum`"
    for key, pattern in (("prefix", argument.prefix), ("suffix", argument.suffix)):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"has a `{key}` that is no pattern: {error}"
    if models:
        yield from _differences(argument, models)


def _differences(argument: Argument, models: Sequence[Argument]) -> Iterable[str]:
    if argument.takes not in {model.takes for model in models}:
        yield f"must take a {models[-1].takes}"
    offered: tuple[tuple[str, Iterable[str], set[str]], ...] = (
        ("kinds", argument.kinds, {kind for model in models for kind in model.kinds}),
        ("choices", argument.choices, {choice for model in models for choice in model.choices}),
        ("codes", argument.codes, {meaning for model in models for meaning in model.codes} | {UNKNOWN}),
    )
    for key, given, usable in offered:
        for name in given:
            if name not in usable:
                yield f"has `{name}` in `{key}`, which nothing uses; {nearest_or_valid(name, sorted(usable))}"
    if argument.takes == "column" and not argument.kinds:
        yield "must say by `kinds` which columns it takes"
    if not argument.required and argument.default is None and all(_needed(model) for model in models):
        yield "must stay required, or have a `default`"
    if argument.takes == "choice" and argument.default is not None and argument.default not in argument.choices:
        yield "has a `default` that is none of its `choices`"


def _needed(model: Argument) -> bool:
    return model.required or model.default is not None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
