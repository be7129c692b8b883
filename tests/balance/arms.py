"""The data, and the weights that need no model, of `tests/golden/r/33_balance.R`."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from tests.golden import dataset

NAMES = ("veteran", "lung", "colon")


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Three columns, of which the last is a flag, two arms, a category, and balancing and sampling weights."""

    x: Floats
    treated: Bools
    group: np.ndarray
    weights: Floats
    sampling: Floats


@cache
def arms(name: str) -> Arms:
    d = dataset(name)
    if name == "veteran":
        kept = np.ones(d["trt"].size, dtype=bool)
        x, treated, group = [d["karno"], d["age"], d["prior"] == 10], d["trt"] == 2, d["celltype"]
    elif name == "lung":
        kept = ~np.isnan(d["ph.ecog"]) & ~np.isnan(d["wt.loss"])
        x, treated = [d["age"], d["wt.loss"], d["ph.ecog"] >= 1], d["sex"] == 2
        group = np.minimum(d["ph.ecog"], 2)
    else:
        kept = (d["etype"] == 2) & (d["rx"] != "Lev") & ~np.isnan(d["nodes"]) & ~np.isnan(d["differ"])
        x, treated, group = [d["age"], d["nodes"], d["obstruct"]], d["rx"] == "Lev+5FU", d["differ"]
    row = np.arange(1, int(kept.sum()) + 1)
    columns = np.column_stack([column[kept] for column in x]).astype(float)
    return Arms(columns, treated[kept], group[kept], 1 + row % 5 / 4, 1 + row % 3 / 4)
