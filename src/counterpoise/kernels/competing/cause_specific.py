"""Cox models of the cause-specific hazards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts
from counterpoise.kernels.competing.causes import CENSORED, as_causes
from counterpoise.kernels.cox.fit import AnyTies, CoxFit, cox


@dataclass(frozen=True, slots=True, eq=False)
class CauseSpecificFit:
    """Cox models of k causes, each with the events of the other causes censored."""

    causes: Counts
    """(k,) the causes, ascending."""
    fits: tuple[CoxFit, ...]
    """(k,) one model a cause, in the order of `causes`."""

    def of(self, cause: int) -> CoxFit:
        """Return the model of one cause.

        >>> models = cause_specific(time=[1, 2, 3, 4], cause=[1, 2, 1, 2], x=[1, 0, 0, 1])
        >>> models.of(2).n_events
        2
        """
        found = np.flatnonzero(self.causes == cause)
        if found.size == 0:
            raise InputError(f"`cause` must be one of {', '.join(map(str, self.causes))}; it is {cause}.")
        return self.fits[int(found[0])]


def cause_specific(  # noqa: PLR0913 - the terms of a Cox model, each with the default that leaves it out
    time: ArrayLike,
    cause: ArrayLike,
    x: ArrayLike,
    *,
    ties: AnyTies = "efron",
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    robust: bool | None = None,
) -> CauseSpecificFit:
    """Fit Cox's model to the hazard of each cause, censoring the others; `cause` is 0 for censored, else 1, 2, ... .

    exp(b) is a ratio of rates among those free of any event; unlike the subdistribution hazard it does not order
    cumulative incidences, for these depend on all causes. The options are those of `cox`, the same for all causes.
    Each record carries a verdict.

    Raises `InputError` if all rows are censored.

    >>> models = cause_specific(time=[1, 2, 3, 4, 5, 6], cause=[1, 2, 1, 2, 1, 2], x=[1, 0, 0, 1, 0, 0])
    >>> models.causes, [round(float(fit.coefficients[0]), 4) for fit in models.fits]
    (array([1, 2]), [0.8959, 1.0397])

    Source: Prentice et al. (1978), Biometrics 34:541.
    """
    codes = as_causes("cause", cause)
    causes = np.unique(codes[codes != CENSORED])
    if causes.size == 0:
        raise InputError("`cause` must hold an event; all rows are censored.")
    fits = tuple(
        cox(
            time, (codes == code).astype(float), x, ties=ties, entry=entry, weights=weights, stratum=stratum,
            cluster=cluster, offset=offset, robust=robust,
        )
        for code in causes
    )  # fmt: skip
    return CauseSpecificFit(causes, fits)
