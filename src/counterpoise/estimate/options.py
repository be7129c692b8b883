"""The options of the estimates, as the plan writes them."""

from typing import Literal

from pydantic import Field

from counterpoise.kernels.curves.product_limit import IntervalType
from counterpoise.read.codebook import Options


class CoxOptions(Options):
    """The multivariable Cox models: one for each endpoint, with the treatment added to the covariates."""

    covariates: tuple[str, ...] = Field(default=(), description="Columns or derived names, prespecified.")
    group_covariates: tuple[str, ...] | None = Field(
        default=None,
        description="Covariates of the model of the groups; by default those of the model of the treatment.",
    )
    ties: Literal["efron", "breslow"] = Field(default="efron", description="How tied events are handled.")


class CurveOptions(Options):
    """The survival curves."""

    interval: IntervalType = Field(default="log-log", description="The scale on which intervals are symmetric.")
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="The level of every interval.")


class BootstrapOptions(Options):
    """The bootstrap that refits the propensity score in each replicate."""

    replicates: int = Field(default=1000, ge=0, le=100_000, description="0 turns the bootstrap off.")
    seed: int = Field(default=20240101, ge=0, description="The same seed gives the same numbers.")


class SubgroupOptions(Options):
    """The subgroups of the weighted cohort."""

    of: str = Field(description="The endpoint.")
    by: tuple[str, ...] = Field(default=(), description="Columns or derived names: flags or categories.")
    minimum_events: int = Field(default=10, ge=1, description="Below this a subgroup shows counts only.")
    minimum_events_per_arm: int = Field(default=3, ge=0, description="Below this, too.")
