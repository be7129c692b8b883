"""A response that was measured differently in the two parts of the cohort."""

from collections.abc import Iterable

import numpy as np

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding


def response_measured_differently(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Where a station was not dissected, residual disease in it cannot be seen, and the response looks better."""
    if design.response is None:
        return
    outcome, examined = design.response.outcome, design.response.examined
    known = ~np.isnan(outcome.values) & ~np.isnan(examined.values)
    without = known & (examined.values == 0)
    among = known & (examined.values == 1)
    if not without.any():
        return
    values = {
        "unexamined": float(without.sum()),
        "known": float(known.sum()),
        "share_unexamined": float(outcome.values[without].mean()),
    }
    comparison = ""
    if among.any():
        values["share_examined"] = float(outcome.values[among].mean())
        comparison = (
            " The response is recorded in {share_unexamined:percent} of them and in {share_examined:percent} of "
            "the others."
        )
    used = any(outcome.name == item.name for item in (*design.score.covariates, *design.cox.covariates))
    yield Finding(
        name="response_measured_differently",
        severity="caution",
        title=f"{outcome.label} is measured differently without {examined.label}",
        text=f"In {{unexamined:count}} of {{known:count}} patients ({examined.label}: {examined.levels[0]}) part of "
        "the disease was never examined after treatment, so residual disease there cannot count against a response."
        + comparison,
        advice="Show results with the response defined by what was examined in everyone"
        + ("; it is among the covariates here, so repeat the models without it." if used else "."),
        values=values,
        importance=5,
    )
