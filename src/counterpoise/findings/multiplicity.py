"""How many tests of the treatment the report prints, and what is left of them once they are counted."""

from collections.abc import Iterable

import numpy as np

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import SIGNIFICANT, Finding
from counterpoise.kernels.tables.multiplicity import holm


def multiplicity(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Adjust the endpoints' P values of the main comparison by Holm's method (1979, Scand J Statist 6:65)."""
    main = "weighted" if analyses.adjustments else "unadjusted"
    p_values = np.array([c.ratio.p_value for c in analyses.contrasts if c.adjustment == main])
    known = p_values[~np.isnan(p_values)]
    if known.size < 2:
        return
    subgroups = sum(len(v.levels) for v in analyses.subgroups.variables) if analyses.subgroups else 0
    adjusted = float(holm(known).min())
    lost = float(known.min()) < SIGNIFICANT <= adjusted
    yield Finding(
        name="multiplicity",
        severity="caution" if lost else "note",
        title="No result outlasts the number of endpoints" if lost else "Many tests of one treatment",
        text="The report tests the treatment {tests:count} times: {endpoints:count} endpoints in {comparisons:count} "
        f"comparisons, and {{subgroups:count}} subgroups. Over the endpoints of the {main} comparison the smallest "
        "P value is {smallest:p}, and {adjusted:p} after Holm's adjustment.",
        advice="Name one endpoint and one comparison as primary before the outcomes are seen.",
        values={
            "tests": len(analyses.contrasts) + subgroups,
            "endpoints": len(design.endpoints),
            "comparisons": len(analyses.contrasts) // len(design.endpoints),
            "subgroups": subgroups,
            "smallest": float(known.min()),
            "adjusted": adjusted,
        },
    )
