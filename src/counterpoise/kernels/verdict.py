"""What an iterative fit says of itself: a verdict whose text gives cause and remedy."""

from enum import Enum

from counterpoise.errors import FitError


class Verdict(Enum):
    """How an iterative fit ended; every fit record carries one."""

    CONVERGED = "converged"
    SEPARATED = "separated"
    MONOTONE = "monotone likelihood"
    COLLINEAR = "collinear covariates"
    NO_EVENTS = "no events"
    MAX_STEPS = "not converged"

    @property
    def advice(self) -> str:
        """Cause and remedy in one sentence."""
        return _ADVICE[self]


_ADVICE = {
    Verdict.CONVERGED: "the fit converged.",
    Verdict.SEPARATED: "the covariates predict the treatment perfectly in some patients, so no finite score exists; "
    "leave out patients who could get one treatment only, or use fewer or coarser covariates.",
    Verdict.MONOTONE: "all events fall on one side of a covariate, so the hazard ratio is infinite; "
    "merge its levels, or leave it out.",
    Verdict.COLLINEAR: "a covariate is constant or a combination of others; remove it.",
    Verdict.NO_EVENTS: "there is no event, so no hazard can be estimated; check the endpoint.",
    Verdict.MAX_STEPS: "the iterations did not settle; rescale or remove covariates.",
}


def raise_unless_converged(verdict: Verdict, what: str) -> None:
    """Raise `FitError` naming `what` and the cause, unless the fit converged.

    >>> raise_unless_converged(Verdict.NO_EVENTS, "Cox model of OS")
    Traceback (most recent call last):
    counterpoise.errors.FitError: Cox model of OS: no events: there is no event, ... check the endpoint.
    """
    if verdict is not Verdict.CONVERGED:
        raise FitError(f"{what}: {verdict.value}: {verdict.advice}")
