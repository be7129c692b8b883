"""Patients of the control arm who received the dose of the treated."""

from collections.abc import Iterable

import numpy as np

from counterpoise.cohort.boost_dose import BoostDoses
from counterpoise.design import Design
from counterpoise.findings.finding import Finding


def exposure_misclassified(design: Design, doses: BoostDoses) -> Iterable[Finding]:
    """Whoever reached the lowest boosted dose without a boost was not treated otherwise than the boosted."""
    treatment = design.treatment
    boosted = doses.total[treatment.received & (doses.total > doses.base)]
    if not boosted.size:
        return
    lowest = float(boosted.min())
    controls = ~treatment.received & ~np.isnan(doses.total)
    reached = controls & (doses.total >= lowest)
    if not reached.any():
        return
    what = "equivalent dose in 2-Gy fractions" if doses.equivalent else "dose"
    yield Finding(
        name="exposure_misclassified",
        severity="caution",
        title=f"{treatment.labels[0]}: some received the dose of {treatment.labels[1]}",
        text="{reached:count} of {controls:count} patients of the arm "
        f"{treatment.labels[0]} received as much without a boost as boosted patients did in all ({what} of up to "
        "{highest:number1} Gy; the lowest of a boosted patient is {lowest:number1} Gy).",
        advice="Look up what these patients received at the boosted site, and repeat the analysis without them, or "
        "with the total dose as the exposure.",
        values={
            "reached": float(reached.sum()),
            "controls": float(controls.sum()),
            "highest": float(doses.total[reached].max()),
            "lowest": lowest,
        },
        importance=4,
    )
