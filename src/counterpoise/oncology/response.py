"""Pathological response to neoadjuvant treatment."""

import polars as pl

from counterpoise.oncology.definition import Given
from counterpoise.oncology.receptors import first_true

BREAST_ONLY = "breast only"
NO_IN_SITU = "ypT0 ypN0"
ROUNDING = 1e-9
"""Percentages and sums are decimals; a limit that is met but for their rounding is met."""


def pathological_complete_response(given: Given) -> pl.Expr:
    """1 where no tumour is left as the definition has it, 0 where some is; missing where neither is known.

    Residual tumour in the breast alone, or in a node alone, decides against it whatever the other is.
    """
    definition = given.arguments["definition"]
    breast = given.coded("ypt")
    clear = breast == "none" if definition == NO_IN_SITU else breast.is_in(["none", "in_situ"])
    if definition == BREAST_ONLY:
        return clear.cast(pl.Int64)
    nodes = given.coded("ypn") == "none" if given.has("ypn") else pl.lit(None, dtype=pl.Boolean)
    return (clear & nodes).cast(pl.Int64)


def miller_payne(given: Given) -> pl.Expr:
    """Miller-Payne grade from the loss of invasive tumour cells, or from cellularity before and after.

    30 % lost is still grade 2 and 90 % still grade 3. Who had no tumour cells before is missing.
    """
    grades: list[pl.Expr] = []
    if given.has("loss"):
        grades.append(_grade(given, given.column("loss"), pl.lit(100.0)))
    if given.has("before"):
        before = given.column("before")
        lost = before - given.column("after")
        grades.append(pl.when(before > 0).then(_grade(given, lost, before)))
    return pl.coalesce(grades)


def residual_cancer_burden(given: Given) -> pl.Expr:
    """RCB index 1.4 (f d)^0.17 + (4 (1 - 0.75^n) m)^0.17, diameters in mm.

    f is the fraction of the tumour bed that is invasive cancer, d the geometric mean of the two diameters of the
    bed, n the number of positive nodes and m the diameter of the largest metastasis. Where there is no invasive
    cancer, or no positive node, that term is 0 whatever else is known; it is missing where one entry says that
    there is none and another that there is some.

    Source: Symmans WF et al., J Clin Oncol 2007;25:4414-4422.
    """
    return _primary_term(given) + _node_term(given)


def rcb_class(given: Given) -> pl.Expr:
    """RCB-0 to RCB-III from the index; the upper limits belong to their class."""
    index = given.column("index")
    one, two = index <= given.number("one_to"), index <= given.number("two_to")
    none = index == 0
    return first_true({"RCB-0": none, "RCB-I": ~none & one, "RCB-II": ~one & two, "RCB-III": ~two})


def _grade(given: Given, lost: pl.Expr, before: pl.Expr) -> pl.Expr:
    # Products, not quotients: 15 of 50 is exactly 30 %.
    share = 100 * lost
    minor = share <= given.number("minor_to") * before + ROUNDING
    major = share <= given.number("moderate_to") * before + ROUNDING
    none, all_gone = lost <= 0, lost >= before
    return first_true(
        {"5": all_gone, "1": none, "2": ~none & minor, "3": ~minor & major, "4": ~major & ~all_gone},
    )


def _primary_term(given: Given) -> pl.Expr:
    first, second = given.column("first_diameter"), given.column("second_diameter")
    cellularity, in_situ = given.column("cellularity"), given.column("in_situ")
    invasive = (
        pl.when((cellularity == 0) | (in_situ == 100)).then(0.0).otherwise((cellularity / 100) * (1 - in_situ / 100))
    )
    no_extent = (first == 0) | (second == 0)
    return (
        pl.when(invasive == 0)
        .then(0.0)
        .when(no_extent & (invasive > 0))
        .then(None)
        .when((first == 0) & (second == 0))
        .then(0.0)
        .otherwise(1.4 * (invasive * (first * second).sqrt()).pow(0.17))
    )


def _node_term(given: Given) -> pl.Expr:
    nodes, largest = given.column("nodes"), given.column("largest_metastasis")
    none = (nodes == 0) | (largest == 0)
    some = (nodes > 0) | (largest > 0)
    base = pl.lit(0.75)
    return (
        pl.when(none & some).then(None).when(none).then(0.0).otherwise((4 * (1 - base.pow(nodes)) * largest).pow(0.17))
    )
