"""What a rule of the oncology library is: its arguments, its outcome, its source, and its expression."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl
from pydantic import Field

from counterpoise.oncology.rule_tables import read_rules, unfolded
from counterpoise.read.codebook import Column, Kind, Options
from counterpoise.read.names import nearest

ArgumentValue = str | float
Arguments = Mapping[str, ArgumentValue]


class Assumed(Options):
    """What a column that the plan does not name is taken to hold, and the words for that in the methods section."""

    value: float
    words: str


class Argument(Options):
    """What one argument of a rule must be: a column, or a value written in the plan.

    `codes` maps a meaning to its spellings in the data, in lower case and without `prefix` and `suffix` (patterns).
    A value that is none of them is an error, never silently missing. `needs` are other arguments that it
    makes no sense without; `unless` names the argument, and its value, that make this one dispensable, and
    `or_else` the arguments of which any one does; where it is not given, the label of the column of `label_of`
    takes its place. A number may be no greater than that of `at_most`. A choice may set the number that `sets` names
    to one of `values`, and then stands in the place of that argument.
    """

    meaning: str
    takes: Literal["column", "number", "text", "choice"] = "column"
    kinds: tuple[Kind, ...] = ()
    required: bool = True
    default: str | float | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: dict[str, str] = Field(default_factory=dict[str, str])
    codes: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    prefix: str = ""
    suffix: str = ""
    assumed: Assumed | None = None
    needs: tuple[str, ...] = ()
    label_of: str = ""
    unless: dict[str, str] = Field(default_factory=dict[str, str])
    or_else: tuple[str, ...] = ()
    sets: str = ""
    values: dict[str, float] = Field(default_factory=dict[str, float])
    at_most: str = ""

    def meaning_of(self, code: str, label: str = "") -> str | None:
        """Return what a code means, or None; where the code's label is a known spelling, the label decides.

        >>> DERIVED = Argument(meaning="", codes={"none": ("t0",)}, prefix="yp|p")
        >>> DERIVED.meaning_of("ypT0"), DERIVED.meaning_of("1", "T0"), DERIVED.meaning_of("T0?")
        ('none', 'none', None)
        """
        by_spelling = {spelling: meaning for meaning, spellings in self.codes.items() for spelling in spellings}
        return by_spelling.get(self._spelling(label), by_spelling.get(self._spelling(code)))

    def _spelling(self, text: str) -> str:
        return re.sub(self.decoration, "", text.strip().lower()) if self.decoration else text.strip().lower()

    @property
    def decoration(self) -> str:
        """The pattern of what a spelling may carry before and after it; empty where it carries nothing."""
        ends = ((self.prefix, f"^(?:{self.prefix})"), (self.suffix, f"(?:{self.suffix})$"))
        return "|".join(pattern for given, pattern in ends if given)


class RuleText(Options):
    """One table of a `rules/*.toml` file: everything of a rule that is not arithmetic.

    `verified` says how the rule was checked against its source; empty, it was not. `computed_as` names the rule of
    the same file whose arithmetic it uses, where that is not its own. `additions` are sentences that follow the
    definition where the argument of their name is given.
    """

    label: str
    kind: Kind
    unit: str = ""
    levels: dict[str, str] = Field(default_factory=dict[str, str])
    minimum: float | None = None
    maximum: float | None = None
    edition: str
    source: str
    verified: str = ""
    definition: str
    additions: dict[str, str] = Field(default_factory=dict[str, str])
    cutoffs: dict[str, float] = Field(default_factory=dict[str, float])
    arguments: dict[str, Argument] = Field(default_factory=dict[str, Argument])
    arguments_of: tuple[str, ...] = ()
    computed_as: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What the expression of a rule may use: its text, its arguments (defaults filled in), the codebook."""

    text: RuleText
    arguments: Arguments
    known: Mapping[str, Column]

    def has(self, name: str) -> bool:
        """Return whether an optional argument was given."""
        return name in self.arguments

    def column(self, name: str) -> pl.Expr:
        """Return the column that an argument names."""
        return pl.col(str(self.arguments[name]))

    def number(self, name: str) -> float:
        """Return an argument that is a number, or a cut-off of the rule's file."""
        return float(self.arguments[name] if name in self.arguments else self.text.cutoffs[name])

    def coded(self, name: str) -> pl.Expr:
        """Return the meaning of each value of a coded column; null where it is missing or 'unknown'."""
        column = str(self.arguments[name])
        return _meaning(column, self.text.arguments[name], self.known[column]).replace("unknown", None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Values that an argument may not hold: where `condition` is true, `column` is in error."""

    column: str
    must: str
    condition: pl.Expr


@dataclass(frozen=True, slots=True)
class Derivation:
    """A rule that makes one column of others.

    `output` describes the new column; for rules whose levels hang on their arguments, `describe` does.
    `definition` is the sentence of the methods section, with its placeholders; `sentence` fills them.
    """

    name: str
    text: RuleText
    expression: Callable[[Given], pl.Expr]
    levels_of: Callable[[Given], dict[str, str]] | None = None

    @property
    def arguments(self) -> Mapping[str, Argument]:
        """The arguments by name."""
        return self.text.arguments

    @property
    def output(self) -> Column:
        """The new column, as far as it does not hang on the arguments."""
        text = self.text
        return Column(
            kind=text.kind,
            label=text.label,
            unit=text.unit,
            levels=text.levels,
            minimum=text.minimum,
            maximum=text.maximum,
        )

    @property
    def edition(self) -> str:
        """The edition of the guideline that the rule follows."""
        return self.text.edition

    @property
    def source(self) -> str:
        """The publication that states the rule."""
        return self.text.source

    @property
    def verified(self) -> str:
        """How the rule was checked against its source; empty, it was not."""
        return self.text.verified

    @property
    def definition(self) -> str:
        """The sentence for the methods section, its placeholders unfilled."""
        return self.text.definition

    def compile(self, arguments: Arguments, known: Mapping[str, Column]) -> pl.Expr:
        """Return the expression of the new column; the arguments must have no `faults`."""
        return self.expression(self._given(arguments, known))

    def describe(self, arguments: Arguments, known: Mapping[str, Column]) -> Column:
        """Return the new column as these arguments make it."""
        if self.levels_of is None:
            return self.output
        return self.output.model_copy(update={"levels": self.levels_of(self._given(arguments, known))})

    def sentence(self, arguments: Arguments, known: Mapping[str, Column]) -> str:
        """Return the definition for the methods section, with these arguments in it."""
        given = self._given(arguments, known).arguments
        words: dict[str, ArgumentValue] = dict(self.text.cutoffs)
        for name, argument in self.arguments.items():
            words[name] = _words(argument, given.get(name, ""), known)
        sentences = [self.definition, *(text for name, text in self.text.additions.items() if name in given)]
        assumed = [a.assumed.words for name, a in self.arguments.items() if a.assumed and name not in arguments]
        said = f" Not recorded, and assumed: {', '.join(assumed)}." if assumed else ""
        return " ".join(sentences).format(**words) + said

    def faults(self, arguments: Mapping[str, object], known: Mapping[str, Column]) -> list[str]:
        """Return what is wrong with the arguments, one sentence a fault."""
        faults = [_unknown_argument(self, name) for name in arguments if name not in self.arguments]
        for name, argument in self.arguments.items():
            if name in arguments:
                faults.extend(_argument_faults(name, argument, arguments[name], known))
                missing = [other for other in argument.needs if other not in arguments]
                faults.extend(f"`{name}` needs `{other}` beside it" for other in missing)
                if argument.sets in arguments:
                    faults.append(f"`{name}` and `{argument.sets}` exclude each other; give one of them")
            elif not _dispensable(argument, arguments):
                others = "".join(f" or `{other}`" for other in argument.or_else)
                faults.append(f"rule `{self.name}` needs `{name}`{others} ({argument.meaning})")
        return faults or self._disorder(arguments)

    def refusals(self, arguments: Arguments, known: Mapping[str, Column]) -> tuple[Refusal, ...]:
        """Return the values that stop the rule, argument by argument."""
        given = self._given(arguments, known)
        return tuple(
            refusal
            for name, argument in self.arguments.items()
            if argument.takes == "column" and given.has(name)
            for refusal in _refusals(name, argument, given)
        )

    def columns(self, arguments: Mapping[str, object]) -> tuple[str, ...]:
        """Return the columns that the arguments name."""
        return tuple(
            str(value)
            for name, value in arguments.items()
            if name in self.arguments and self.arguments[name].takes == "column"
        )

    def _disorder(self, arguments: Mapping[str, object]) -> list[str]:
        numbers = {name: arguments.get(name, a.default) for name, a in self.arguments.items() if a.takes == "number"}
        return [
            f"`{name}` must be no greater than `{a.at_most}` ({numbers[a.at_most]}); it is {numbers[name]}"
            for name, a in self.arguments.items()
            if a.at_most and _greater(numbers[name], numbers[a.at_most])
        ]

    def _given(self, arguments: Arguments, known: Mapping[str, Column]) -> Given:
        defaults = {name: a.default for name, a in self.arguments.items() if a.default is not None}
        named = {name: str(arguments[a.label_of]) for name, a in self.arguments.items() if a.label_of}
        labels = {name: known[column].label or column for name, column in named.items()}
        chosen = {
            a.sets: a.values[str(arguments[name])] for name, a in self.arguments.items() if a.sets and name in arguments
        }
        return Given(self.text, {**defaults, **labels, **chosen, **arguments}, known)


@functools.cache
def rule_texts(name: str) -> Mapping[str, RuleText]:
    """Return the rules of `rules/NAME.toml` in their last edition, with the arguments shared with others filled in.

    >>> rule_texts("receptors")["clinical_subtype"].arguments.keys()
    dict_keys(['er', 'er_allred', 'pr', 'pr_allred', 'ihc', 'ish', 'ish_ratio', 'ish_copies'])
    """
    contents, _ = unfolded(read_rules(name))
    texts: dict[str, RuleText] = {}
    for rule, editions in contents.items():
        text = RuleText.model_validate(list(editions.values())[-1])
        texts[rule] = with_shared_arguments(text, texts)
    return texts


def with_shared_arguments(text: RuleText, others: Mapping[str, RuleText]) -> RuleText:
    """Return a rule with the arguments of `arguments_of`, and the sentences that speak of them, before its own."""
    shared = {key: a for other in text.arguments_of for key, a in others[other].arguments.items()}
    added = {key: a for other in text.arguments_of for key, a in others[other].additions.items()}
    filled = {"arguments": {**shared, **text.arguments}, "additions": {**added, **text.additions}}
    return text.model_copy(update=filled)


def nearest_or_all(name: str, names: Sequence[str]) -> str:
    """Return a remedy that offers the most alike of `names`, or lists them where none is.

    >>> nearest_or_all("agee", ["age", "bed"])
    'did you mean `age`?'
    """
    return nearest(name, names) or f"it is one of {', '.join(names)}"


def phrase(label: str) -> str:
    """Return a column's label as it stands inside a sentence.

    >>> phrase("Date of diagnosis"), phrase("Disease-free survival"), phrase("Ki-67"), phrase("Miller-Payne grade")
    ('date of diagnosis', 'disease-free survival', 'Ki-67', 'Miller-Payne grade')
    """
    first, *others = label.split(" ", 1)[0].split("-")
    is_word = len(first) > 1 and first.isalpha() and first.istitle()
    return label[0].lower() + label[1:] if is_word and all(o.isalpha() and o.islower() for o in others) else label


def _words(argument: Argument, value: ArgumentValue, known: Mapping[str, Column]) -> ArgumentValue:
    if argument.takes == "column" and value:
        return phrase(known[str(value)].label or str(value)).removeprefix("date of ")
    if argument.takes == "column":
        return argument.meaning.split(",", 1)[0]
    return argument.choices.get(str(value), value)


def _dispensable(argument: Argument, arguments: Mapping[str, object]) -> bool:
    if not argument.required or any(other in arguments for other in argument.or_else):
        return True
    return any(arguments.get(key) == value for key, value in argument.unless.items())


def _greater(value: object, limit: object) -> bool:
    return isinstance(value, int | float) and isinstance(limit, int | float) and value > limit


def _unknown_argument(derivation: Derivation, name: str) -> str:
    return f"rule `{derivation.name}` takes no `{name}`; {nearest_or_all(name, list(derivation.arguments))}"


def _argument_faults(name: str, argument: Argument, value: object, known: Mapping[str, Column]) -> list[str]:
    if argument.takes == "column":
        return _column_faults(name, argument, value, known)
    if argument.takes == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [f"`{name}` must be a number; it is {value!r}"]
        limits = _limits(argument)
        return [f"`{name}` must be {limits}; it is {value:g}"] if _beyond(argument, value) else []
    if not isinstance(value, str) or not value:
        return [f"`{name}` must be a text; it is {value!r}"]
    if argument.takes == "choice" and value not in argument.choices:
        return [f"`{name}` must be one of {', '.join(map(repr, argument.choices))}; it is {value!r}"]
    return []


def _column_faults(name: str, argument: Argument, value: object, known: Mapping[str, Column]) -> list[str]:
    if not isinstance(value, str):
        return [f"`{name}` must name a column; it is {value!r}"]
    if value not in known:
        return [f"`{name}`: {'; '.join(filter(None, (f'there is no column `{value}`', nearest(value, list(known)))))}"]
    kind = known[value].kind
    if kind not in argument.kinds:
        return [f"`{name}` must be a column of kind {' or '.join(argument.kinds)}; `{value}` is of kind {kind}"]
    return []


def _meaning(column: str, argument: Argument, described: Column) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    spelling = text.str.strip_chars().str.to_lowercase()
    if argument.decoration:
        spelling = spelling.str.replace_all(argument.decoration, "")
    by_spelling = {text: meaning for meaning, texts in argument.codes.items() for text in texts}
    meaning = spelling.replace_strict(by_spelling, default=None, return_dtype=pl.String)
    by_label = {code: argument.meaning_of(code, label) for code, label in described.levels.items()}
    return text.replace_strict(by_label, default=meaning, return_dtype=pl.String) if by_label else meaning


def _refusals(name: str, argument: Argument, given: Given) -> list[Refusal]:
    column = str(given.arguments[name])
    if argument.codes:
        unread = pl.col(column).is_not_null() & _meaning(column, argument, given.known[column]).is_null()
        spellings = ", ".join(spelling for group in argument.codes.values() for spelling in group)
        return [Refusal(column, f"must be a known {argument.meaning} (in lower case: {spellings})", unread)]
    value = pl.col(column)
    outside = [value < argument.minimum] if argument.minimum is not None else []
    outside += [value > argument.maximum] if argument.maximum is not None else []
    if not outside:
        return []
    return [Refusal(column, f"must be {_limits(argument)}", pl.any_horizontal(outside))]


def _beyond(argument: Argument, value: float) -> bool:
    below = argument.minimum is not None and value < argument.minimum
    return below or (argument.maximum is not None and value > argument.maximum)


def _limits(argument: Argument) -> str:
    if argument.maximum is None:
        return f"{argument.minimum:g} or more"
    if argument.minimum is None:
        return f"{argument.maximum:g} or less"
    return f"{argument.minimum:g} to {argument.maximum:g}"
