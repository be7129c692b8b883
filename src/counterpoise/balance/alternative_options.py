"""The options of further adjustments, which stand beside the main one in the report."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from counterpoise.kernels.weighting.estimands import Estimand
from counterpoise.read.codebook import Options

Method = Literal["weights", "doubly robust"]
Score = Literal[
    "logistic",
    "firth",
    "ridge",
    "covariate balancing",
    "over-identified covariate balancing",
    "entropy balancing",
    "tilting",
]
Trim = Literal["none", "crump", "sturmer", "symmetric"]
OutcomeModel = Literal["common", "arms"]
Quantile = Annotated[float, Field(ge=0.0, le=1.0)]

POPULATIONS: Final = ("ATE", "ATT", "ATC")
ESTIMANDS: Final[Mapping[Score, tuple[str, ...]]] = {
    "covariate balancing": POPULATIONS,
    "over-identified covariate balancing": POPULATIONS,
    "entropy balancing": POPULATIONS,
    "tilting": POPULATIONS,
}
"""The estimands of scores that are made for one; a score that is not listed serves any."""
WITHOUT_SCORE: Final[tuple[Score, ...]] = ("entropy balancing", "tilting")
"""What gives weights without one score, which could be trimmed by, stabilised or used in another model."""


class AlternativeOptions(Options):
    """One further adjustment of the same comparison."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Its name in results.json: small letters and digits.")
    label: str = Field(default="", description="What tables call it; made of its options by default.")
    method: Method = Field(
        default="weights",
        description="weights: by the score; doubly robust: weights and an outcome model within each arm (AIPW), whose "
        "survival and restricted mean are right if either model is. It gives no hazard ratio.",
    )
    score: Score = Field(
        default="logistic",
        description="logistic; firth (bias-reduced, finite where covariates separate the arms); ridge (with its "
        "penalty); covariate balancing (CBPS), exactly or over-identified; entropy balancing and tilting: weights that "
        "make the means of the covariates equal.",
    )
    estimand: Estimand = Field(default="ATE", description="Whose effect is estimated, as in [balance.weights].")
    stabilised: bool = Field(default=False, description="Multiply ATE weights by the share of patients in the arm.")
    penalty: float | None = Field(default=None, gt=0, description="Of ridge, on covariates of unit variance.")
    moments: int = Field(default=1, ge=1, le=3, description="Of entropy balancing: 1 means, 2 squares, 3 cubes too.")
    trim: Trim = Field(
        default="none",
        description="Leave out patients with extreme scores and fit the score again: crump (the threshold that "
        "minimises the variance), sturmer (below the treated's, above the controls' quantile), symmetric.",
    )
    trim_at: float | None = Field(
        default=None, gt=0, lt=0.5, description="The quantile of sturmer (0.05), the bound of symmetric (0.1)."
    )
    truncate: tuple[Quantile, Quantile] | None = Field(
        default=None, description="Two quantiles beyond which weights are set to them; the bounds count as fixed."
    )
    outcome_model: OutcomeModel = Field(
        default="common",
        description="Of doubly robust: one Cox model with the treatment among its covariates (common), or one in each "
        "arm (arms), which takes twice the events. The covariates are those of [cox].",
    )
    censoring_model: Literal["kaplan-meier", "cox"] = Field(
        default="kaplan-meier",
        description="Of doubly robust: the chance of being uncensored by arm alone, or given the covariates too.",
    )
    splines: dict[str, Annotated[int, Field(ge=2, le=7)]] = Field(
        default_factory=dict[str, int],
        description="Natural cubic splines of columns of numbers: their degrees of freedom.",
    )
    interactions: tuple[tuple[str, str], ...] = Field(default=(), description="Pairs of covariates to be multiplied.")

    @model_validator(mode="after")
    def _fits_the_score(self) -> Self:
        problem = self._problem()
        if problem:
            raise ValueError(problem)
        return self

    def _problem(self) -> str:
        estimands = ESTIMANDS.get(self.score)
        if estimands and self.estimand not in estimands:
            return f"`estimand` must be {', '.join(estimands)} with the score {self.score}; it is {self.estimand}"
        if (self.penalty is not None) != (self.score == "ridge"):
            return "`penalty` belongs to the score ridge" if self.penalty else "the score ridge needs a `penalty`"
        if self.moments > 1 and self.score != "entropy balancing":
            return "`moments` belongs to the score entropy balancing"
        if self.truncate is not None and not self.truncate[0] < self.truncate[1]:
            return "the first quantile must be below the second"
        if self.trim_at is not None and self.trim not in ("sturmer", "symmetric"):
            return "`trim_at` belongs to `trim` sturmer or symmetric"
        if self.stabilised and self.estimand != "ATE":
            return f"`stabilised` belongs to the estimand ATE; it is {self.estimand}"
        if self.score in WITHOUT_SCORE:
            used = self._changed("trim", "stabilised")
            if used or self.method == "doubly robust":
                return f"`{used[0] if used else 'method'}` needs a score; {self.score} has weights alone"
        if self.method == "doubly robust":
            return self._doubly_robust_problem()
        used = self._changed("outcome_model", "censoring_model")
        return f"`{used[0]}` belongs to the method doubly robust" if used else ""

    def _doubly_robust_problem(self) -> str:
        if self.estimand not in POPULATIONS:
            return f"`estimand` must be ATE, ATT or ATC where the method is doubly robust; it is {self.estimand}"
        used = self._changed("stabilised", "truncate")
        return f"`{used[0]}` is not used by the method doubly robust" if used else ""

    def _changed(self, *keys: str) -> list[str]:
        """Return those of the options that are not at their default."""
        return [key for key in keys if getattr(self, key) != type(self).model_fields[key].default]

    @property
    def columns(self) -> tuple[str, ...]:
        """The covariates that an option names, each once."""
        return tuple(dict.fromkeys((*self.splines, *(name for pair in self.interactions for name in pair))))
