"""The options of matching, as the plan and as Python write them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypedDict

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from counterpoise.errors import InputError
from counterpoise.kernels.matching.nearest import Order
from counterpoise.kernels.matching.sets import Estimand
from counterpoise.read.codebook import Options

Method = Literal["nearest", "optimal", "full", "subclass", "coarsened", "exact", "cardinality"]
Distance = Literal["logit", "probability", "mahalanobis", "robust mahalanobis", "scaled euclidean", "euclidean"]
CaliperSd = Literal["pooled", "overall"]
Discard = Literal["none", "treated", "control", "both"]
Rule = tuple[float, ...] | int | str
"""How a covariate is cut: the cuts, a number of bins, or the name of a rule."""

PAIRS: Final = (
    "distance",
    "caliper",
    "caliper_sd",
    "covariate_calipers",
    "anti_exact",
    "exact",
    "discard",
    "stability",
)
USED: Final[Mapping[Method, tuple[str, ...]]] = {
    "nearest": (*PAIRS, "ratio", "max_ratio", "replacement", "order", "stability_orders", "referent"),
    "optimal": (*PAIRS, "ratio", "min_controls", "max_controls", "referent"),
    "full": (*PAIRS, "estimand", "min_controls", "max_controls"),
    "subclass": ("estimand", "subclasses", "discard", "stability"),
    "coarsened": ("estimand", "cutpoints", "exact", "discard"),
    "exact": ("estimand", "exact", "discard"),
    "cardinality": ("ratio", "tolerance", "discard", "stability"),
}
"""Which options each method knows."""


def _fraction(value: object) -> object:
    """Read '1/3' as a number."""
    if not isinstance(value, str):
        return value
    above, slash, below = (part.strip() for part in value.partition("/"))
    if not slash or not above.isdigit() or not below.isdigit() or int(below) == 0:
        raise ValueError('must be a number, or one whole number over another in quotation marks, such as "1/3"')
    return int(above) / int(below)


Number = Annotated[float, Field(gt=0), BeforeValidator(_fraction)]
NUMBER_OR_FRACTION: Final[Any] = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}, {"type": "null"}]
}


class MatchOptions(Options):
    """How patients are matched; an option that the method does not know is refused."""

    method: Method = Field(
        default="nearest",
        description="nearest: greedy, each treated patient in turn; optimal: the least total distance; full: everybody "
        "in a set of one treated patient and controls, or of one control and treated patients; subclass: strata "
        "between quantiles of the score; coarsened: strata that agree in all covariates after coarsening; exact: "
        "strata that agree in all covariates; cardinality: the largest sample whose means differ by the tolerance.",
    )
    distance: Distance = Field(
        default="logit",
        description="What is near: the logit or the probability of the score, or the covariates of the score in the "
        "metric named (scaled euclidean: each in its standard deviations).",
    )
    ratio: int = Field(default=1, ge=1, description="Controls to each treated patient.")
    max_ratio: int | None = Field(
        default=None,
        ge=2,
        description="Variable ratio: the most controls that a treated patient may have, `ratio` on average.",
    )
    replacement: bool = Field(default=False, description="Whether a control may be used again.")
    estimand: Estimand = Field(
        default="ATT",
        description="Whose effect full matching and strata are weighted to: the treated patients' (ATT), the controls' "
        "(ATC) or everyone's (ATE).",
    )
    caliper: float | None = Field(
        default=0.2,
        gt=0.0,
        description="Largest distance of two scores, in standard deviations of the logit of the score (of the "
        'probability where that is the distance); the word "none" sets no limit. The default is that of nearest; '
        "optimal and full have none unless one is given.",
        json_schema_extra={"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "none"}]},
    )
    caliper_sd: CaliperSd = Field(
        default="pooled",
        description="Which standard deviation: pooled within the two arms (Austin 2011), or overall, of all "
        "patients (MatchIt).",
    )
    covariate_calipers: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict[str, float],
        description="Largest difference in a column of numbers, in its unit.",
    )
    exact: tuple[str, ...] = Field(
        default=(),
        description="Columns in which matched patients must agree. The method exact takes these instead of all "
        "covariates of the score; coarsened leaves them uncut.",
    )
    anti_exact: tuple[str, ...] = Field(default=(), description="Columns in which matched patients must differ.")
    discard: Discard = Field(
        default="none",
        description="Who is left out beforehand, and the score fitted again: treated patients, controls or both "
        "whose score is beyond all scores of the other arm.",
    )
    subclasses: int = Field(default=6, ge=2, description="Number of strata between quantiles of the score.")
    cutpoints: dict[str, Rule] = Field(
        default_factory=dict[str, Rule],
        description="How a column of numbers is coarsened: cuts such as [40, 50], a number of bins of equal width, "
        "'sturges' (the default), 'scott', 'fd', or 'q5' for five quantile bins.",
    )
    tolerance: float = Field(
        default=0.1, ge=0, description="Largest absolute standardised difference that cardinality matching may leave."
    )
    min_controls: Number | None = Field(
        default=None,
        description="Fewest controls to a treated patient; full takes fractions such as '1/3' as well.",
        json_schema_extra=NUMBER_OR_FRACTION,
    )
    max_controls: Number | None = Field(
        default=None,
        description="Most controls to a treated patient; full takes fractions such as '1/2' as well.",
        json_schema_extra=NUMBER_OR_FRACTION,
    )
    order: Order = Field(
        default="descending",
        description="Which treated patient chooses first: the one with the largest score (descending), the "
        "smallest (ascending), or always the closest pair that is left (closest).",
    )
    stability: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="How often ties are broken anew, by another seed, to show what the answer owes to it; 0: never.",
    )
    stability_orders: tuple[Order, ...] = Field(
        default=(), description="Further orders in which the reruns of `stability` are made."
    )
    referent: str | None = Field(
        default=None,
        description="A level of treatment.groups to which each other level is matched as well, in the same way, for a "
        "comparison of all groups in the same patients (common referent); the smallest group is best. Left out: only "
        "the two arms are matched.",
    )

    @field_validator("caliper", mode="before")
    @classmethod
    def _none_in_words(cls, value: object) -> object:
        return None if value == "none" else value

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        known = USED[self.method]
        changed = [key for key in type(self).model_fields if key != "method" and key in self.model_fields_set]
        strange = [key for key in changed if key not in known and getattr(self, key) != _default(key)]
        if strange:
            users = " or ".join(method for method, keys in USED.items() if strange[0] in keys)
            raise ValueError(f"`{strange[0]}` is not used by the method {self.method}; it belongs to {users}")
        problem = _pair_problem(self) or _size_problem(self)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def score_caliper(self) -> float | None:
        """The caliper that holds: that of the plan, else the default where the method has one."""
        if "caliper" not in USED[self.method]:
            return None
        return self.caliper if self.method == "nearest" or "caliper" in self.model_fields_set else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that an option names, each once."""
        names = (*self.exact, *self.anti_exact, *self.covariate_calipers, *self.cutpoints)
        return tuple(dict.fromkeys(names))

    @property
    def measured(self) -> tuple[str, ...]:
        """Those of `columns` that must be numbers."""
        return tuple(dict.fromkeys((*self.covariate_calipers, *self.cutpoints)))


def breaks_ties(options: MatchOptions) -> bool:
    """Say whether the method has ties that a seed breaks.

    >>> breaks_ties(MatchOptions()), breaks_ties(MatchOptions(method="exact"))
    (True, False)
    """
    return "stability" in USED[options.method]


class MatchKeywords(TypedDict, total=False):
    """The options of `MatchOptions` as keywords, but for the referent, which is an argument of `match_arms`."""

    method: Method
    distance: Distance
    ratio: int
    max_ratio: int | None
    replacement: bool
    estimand: Estimand
    caliper: float | Literal["none"] | None
    caliper_sd: CaliperSd
    covariate_calipers: Mapping[str, float]
    exact: tuple[str, ...] | list[str]
    anti_exact: tuple[str, ...] | list[str]
    discard: Discard
    subclasses: int
    cutpoints: Mapping[str, Any]
    tolerance: float
    min_controls: float | str | None
    max_controls: float | str | None
    order: Order
    stability: int
    stability_orders: tuple[Order, ...] | list[Order]


def match_options(keywords: MatchKeywords) -> MatchOptions:
    """Return the options that keywords stand for.

    >>> match_options({"method": "full", "estimand": "ATE"}).score_caliper is None
    True

    Raises `InputError`, one sentence an option, where one is not known or does not belong to the method.
    """
    if "referent" in keywords:
        raise InputError("`referent` belongs to `match_arms`; it has no meaning for two arms.")
    try:
        return MatchOptions.model_validate(keywords)
    except ValidationError as error:
        raise InputError(" ".join(_sentence(dict(item)) for item in error.errors())) from error


def _sentence(error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "must")
    if not error["loc"]:
        return f"{message}."
    if error["type"] == "extra_forbidden":
        return f"`{error['loc'][0]}` is no option of matching."
    return f"`{error['loc'][0]}` {message}; it is {error['input']!r}."


def _default(key: str) -> object:
    return MatchOptions.model_fields[key].get_default(call_default_factory=True)


def _pair_problem(options: MatchOptions) -> str:
    """Say what contradicts itself in the options of pairs."""
    both = set(options.exact) & set(options.anti_exact)
    if both:
        return f"`exact` and `anti_exact` both name `{min(both)}`; two patients can't agree and differ in it"
    if options.max_ratio is not None and options.max_ratio <= options.ratio:
        return f"`max_ratio` must be more than `ratio`, which is the mean; it is {options.max_ratio}"
    if options.max_ratio is not None and options.replacement:
        return "`max_ratio` and `replacement` exclude each other; a variable ratio uses nobody twice"
    if options.stability_orders and not options.stability:
        return "`stability_orders` needs `stability`, the number of reruns; it is 0"
    return ""


def _size_problem(options: MatchOptions) -> str:
    """Say what is wrong with the bounds on the size of sets."""
    least, most = options.min_controls, options.max_controls
    for name, value in (("min_controls", least), ("max_controls", most)):
        whole = value is None or abs(value - round(value)) < 1e-9
        inverse = value is not None and abs(1 / value - round(1 / value)) < 1e-9
        if not whole and not (options.method == "full" and inverse):
            over = " or one over one" if options.method == "full" else ""
            return f"`{name}` must be a whole number{over}; it is {value:g}"
    if least is not None and most is not None and least > most:
        return f"`min_controls` must not exceed `max_controls`; they are {least:g} and {most:g}"
    if options.method == "optimal" and not (least or 1) <= options.ratio <= (most or options.ratio):
        return "`ratio` must lie between `min_controls` and `max_controls`"
    return ""
