"""The options of weighting all groups of a study to one population."""

from typing import Self

from pydantic import Field, model_validator

from counterpoise.kernels.weighting.several_arms import SeveralArmsEstimand
from counterpoise.read.codebook import Options


class GroupWeightOptions(Options):
    """Weights that make all groups of `treatment.groups` resemble one population, from one multinomial score."""

    covariates: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="What decided the group and also bears on the outcome; those of [balance] by default. What makes "
        "the groups must not be among them.",
    )
    estimand: SeveralArmsEstimand = Field(
        default="ATE",
        description="Whose effect is estimated: everyone's (ATE), the focal group's (ATT), or that of patients who "
        "might be in any of the groups: overlap (ATO), matching (ATM) or entropy weights (ATEN).",
    )
    focal: str | None = Field(default=None, description="The level of treatment.groups that ATT is about.")
    penalty: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Of a ridge on covariates of unit variance, where groups are separated or small; 0 is none.",
    )
    factorial: tuple[str, str] | None = Field(
        default=None,
        description="Two 0/1 columns whose combinations are the groups: the effect of each with and without the "
        "other, and their interaction.",
    )

    @model_validator(mode="after")
    def _fits_the_estimand(self) -> Self:
        if (self.estimand == "ATT") != (self.focal is not None):
            what = "the estimand ATT needs a `focal` group" if self.focal is None else "`focal` belongs to ATT"
            raise ValueError(what)
        if self.factorial and self.factorial[0] == self.factorial[1]:
            raise ValueError(f"`factorial` names `{self.factorial[0]}` twice")
        return self
