"""Response of measured lesions by RECIST 1.1, from sums of diameters."""

import polars as pl

from counterpoise.oncology.definition import Given
from counterpoise.oncology.receptors import first_true
from counterpoise.oncology.response import ROUNDING


def recist(given: Given) -> pl.Expr:
    """CR, PR, SD or PD at one assessment; missing where what is known leaves more than one open.

    Progression is judged from the smallest sum so far, the baseline included, and comes before any response. Without
    a column of the smallest sum, this is the first assessment. Without one of lesions that are not measured, none is
    assumed. The sums are in mm, of longest diameters and, of nodes, short axes.
    """
    baseline, current = given.column("baseline"), given.column("current")
    gone, elsewhere = _gone(given), _progressive_elsewhere(given)
    progressive = _grown(given, baseline, gone) | elsewhere
    if given.has("nadir"):
        progressive = progressive | _grown(given, given.column("nadir"), gone)
    others_gone = given.coded("non_target") == "complete" if given.has("non_target") else pl.lit(value=True)
    complete = gone & others_gone
    shrunk = 100 * current <= (100 - given.number("response_percent")) * baseline + ROUNDING
    partial = ~complete & (gone | shrunk)
    classes = first_true(
        {
            "PD": progressive,
            "CR": ~progressive & complete,
            "PR": ~progressive & partial,
            "SD": ~progressive & ~complete & ~gone & ~shrunk,
        }
    )
    measurable = baseline >= given.number("measurable_from")
    return pl.when(elsewhere).then(pl.lit("PD")).when(measurable).then(classes)


def _gone(given: Given) -> pl.Expr:
    """Whether all target lesions have disappeared; a node has at a short axis below 10 mm."""
    if not given.has("largest_node"):
        return given.column("current") == 0
    return (given.column("extranodal") == 0) & (given.column("largest_node") < given.number("node_below"))


def _grown(given: Given, smallest: pl.Expr, gone: pl.Expr) -> pl.Expr:
    current = given.column("current")
    relative = 100 * current >= (100 + given.number("progression_percent")) * smallest - ROUNDING
    absolute = current - smallest >= given.number("progression_mm") - ROUNDING
    returned = (smallest == 0) & (current > 0)
    return ~gone & ((relative & absolute) | returned)


def _progressive_elsewhere(given: Given) -> pl.Expr:
    found = pl.lit(value=False)
    if given.has("new_lesion"):
        found = found | (given.column("new_lesion") == 1)
    if given.has("non_target"):
        found = found | (given.coded("non_target") == "progressive")
    return found
