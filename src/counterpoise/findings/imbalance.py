"""Which covariates still differ between the arms after matching and after weighting."""

from collections.abc import Iterable

import numpy as np

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding, listed
from counterpoise.kernels.imbalance import Imbalance

THRESHOLD, LARGE = 0.1, 0.25


def imbalance_left(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Warn of a standardised difference above .1 (Austin 2009, Stat Med 28:3083), gravely above .25."""
    if analyses.adjustments is None:
        return
    balance = analyses.adjustments.balance
    for name, adjusted in (("matching", balance.matched), ("weighting", balance.weighted)):
        if adjusted is not None:
            yield _left_by(name, balance.names, adjusted)


def _left_by(name: str, labels: tuple[str, ...], adjusted: Imbalance) -> Finding:
    size = np.abs(adjusted.smd)
    largest = int(np.argmax(size))
    over = [labels[index] for index in np.argsort(-size) if size[index] > THRESHOLD]
    values = {
        "largest": float(size[largest]),
        "std_error": float(adjusted.std_error[largest]),
        "threshold": THRESHOLD,
    }
    if not over:
        return Finding(
            name=f"balance_after_{name}",
            severity="note",
            title=f"After {name} the measured covariates are balanced",
            text=f"The largest absolute standardised difference is {{largest:number3}} ({labels[largest]}), below "
            "{threshold:number1}.",
            advice="Balance on what was measured says nothing of what was not.",
            values=values,
        )
    values["over"] = len(over)
    return Finding(
        name=f"balance_after_{name}",
        severity="serious" if size[largest] > LARGE else "caution",
        title=f"Imbalance is left after {name}",
        text=f"{{over:count}} {'covariate has' if len(over) == 1 else 'covariates have'} an absolute standardised "
        f"difference above {{threshold:number1}}: "
        f"{listed(over)}; the largest is {{largest:number2}} (standard error {{std_error:number2}}).",
        advice="Change the score (interactions, splines), tighten the caliper, or adjust for these covariates in the "
        "outcome model and say that the estimand changes.",
        values=values,
        importance=float(size[largest]),
    )
