"""What the weights cost, and whether a few patients carry the answer."""

from collections.abc import Iterable

import numpy as np

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding

LOW_SHARE = 0.5
EXTREME = 10.0


def extreme_weights(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Report the effective sample size (sum w)^2 / sum w^2 (Kish) by arm, and the largest weight in mean weights."""
    if analyses.adjustments is None:
        return
    weighting = analyses.adjustments.weighting
    treated = analyses.adjustments.score.treatment
    sizes = (int((~treated).sum()), int(treated.sum()))
    shares = [ess / size for ess, size in zip(weighting.effective_sample_size, sizes, strict=True)]
    largest = float(np.max(weighting.weights) / np.mean(weighting.weights))
    grave = min(shares) < LOW_SHARE or largest > EXTREME
    control, active = design.treatment.labels
    yield Finding(
        name="weights",
        severity="caution" if grave else "note",
        title="A few patients carry much of the weight" if grave else "The weights are moderate",
        text=f"Weighting leaves the information of {{ess_control:number1}} of {{control:count}} patients in the arm "
        f"“{control}” and of {{ess_treated:number1}} of {{treated:count}} in the arm “{active}”; weights run from "
        "{minimum:number} to {maximum:number}, and the largest is {largest:number1} times the mean.",
        advice="Check overlap; consider overlap weights, or truncation as a sensitivity analysis."
        if grave
        else "Nothing needs to be done; quote the effective sample sizes beside the weighted results.",
        values={
            "ess_control": weighting.effective_sample_size[0],
            "ess_treated": weighting.effective_sample_size[1],
            "control": sizes[0],
            "treated": sizes[1],
            "minimum": weighting.minimum,
            "maximum": weighting.maximum,
            "largest": largest,
        },
        importance=largest,
    )
