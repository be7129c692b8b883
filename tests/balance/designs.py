"""The model matrices, without intercept, of the propensity models in `tests/golden/r/05_ps_weights.R`."""

import numpy as np

from counterpoise.kernels.arrays import Floats
from tests.golden import dataset, rotterdam

LALONDE_LEVELS = ("age", "educ", "race_black", "race_hispan", "race_white", "married", "nodegree", "re74", "re75")
ROTTERDAM_LEVELS = (
    "age", "meno", "size_<=20", "size_20-50", "size_>50", "grade3", "lnodes", "lpgr", "ler", "chemo",
)  # fmt: skip


def lalonde() -> Floats:
    """Columns age, educ, race (Hispanic, white), married, nodegree, re74, re75."""
    return np.delete(lalonde_levels(), LALONDE_LEVELS.index("race_black"), axis=1)


def lalonde_levels() -> Floats:
    """The same with every level of race."""
    d = dataset("lalonde")
    race = [d["race"] == level for level in ("black", "hispan", "white")]
    columns = [d["age"], d["educ"], *race, d["married"], d["nodegree"], d["re74"], d["re75"]]
    return np.column_stack(columns).astype(float)


def rotterdam_design() -> Floats:
    """Columns age, meno, size (20-50, >50), grade3, lnodes, lpgr, ler, chemo."""
    return np.delete(rotterdam_levels(), ROTTERDAM_LEVELS.index("size_<=20"), axis=1)


def rotterdam_levels() -> Floats:
    """The same with every level of size."""
    r = rotterdam()
    small = 1.0 - r["size20"] - r["size50"]
    columns = ("grade3", "lnodes", "lpgr", "ler", "chemo")
    return np.column_stack([r["age"], r["meno"], small, r["size20"], r["size50"], *(r[name] for name in columns)])
