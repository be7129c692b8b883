"""Response to neoadjuvant treatment."""

import polars as pl

from counterpoise.oncology.definition import Given

BREAST_ONLY = "breast only"
NO_IN_SITU = "ypT0 ypN0"


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
