"""The weights under which the tables of `tests/golden/values/balance.json` were made, and those tables by column.

cobalt's weights came from R's `glm`, which stops where the deviance changes by less than 1e-8 of itself, up to 2e-8 of
a probability short of the estimate. The same steps with the same rule give the same weights to rounding.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from counterpoise.kernels.arrays import Bools, Floats
from tests.balance.designs import (
    LALONDE_LEVELS,
    ROTTERDAM_LEVELS,
    lalonde,
    lalonde_levels,
    rotterdam_design,
    rotterdam_levels,
)
from tests.golden import dataset, floats, golden, rotterdam

Name = Literal["lal", "rott"]
NAMES: dict[str, tuple[str, ...]] = {"lal": LALONDE_LEVELS, "rott": ROTTERDAM_LEVELS}


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A data set with every level of its categories, and R's propensity score."""

    x: Floats
    treated: Bools
    score: Floats
    names: tuple[str, ...]

    def weights(self, estimand: str) -> Floats:
        odds = {"ATE": (1 / self.score, 1 / (1 - self.score)), "ATT": (1.0, self.score / (1 - self.score))}
        return np.where(self.treated, *odds.get(estimand, (1 - self.score, self.score)))


@cache
def cohort(name: str) -> Cohort:
    treated = (dataset("lalonde")["treat"] if name == "lal" else rotterdam()["hormon"]) == 1
    x, design = (lalonde_levels(), lalonde()) if name == "lal" else (rotterdam_levels(), rotterdam_design())
    return Cohort(x, treated, glm(treated, design), NAMES[name])


def glm(treated: Bools, x: Floats) -> Floats:
    """Fitted probabilities as R's `glm` leaves them: weighted least squares from (y + 1/2) / 2 on."""
    design = np.column_stack([np.ones(treated.size), x])
    mu = (treated + 0.5) / 2
    eta, before = np.log(mu / (1 - mu)), np.inf
    for _ in range(25):
        variance = mu * (1 - mu)
        root = np.sqrt(variance)
        response = (eta + (treated - mu) / variance) * root
        eta = design @ np.linalg.lstsq(design * root[:, None], response, rcond=None)[0]
        mu = 1 / (1 + np.exp(-eta))
        deviance = float(-2 * np.log(np.where(treated, mu, 1 - mu)).sum())
        if abs(deviance - before) / (abs(deviance) + 0.1) < 1e-8:
            break
        before = deviance
    return mu


def is_share(x: Floats) -> Bools:
    return np.asarray(np.isin(x, (0.0, 1.0)).all(axis=0), dtype=bool)


def column(table: dict[str, Any], names: tuple[str, ...], name: str) -> Floats:
    """One column of a table of cobalt's, its rows in the order of `names`."""
    return floats(table["columns"][name])[[table["variables"].index(variable) for variable in names]]


def table(key: str) -> dict[str, Any]:
    return golden("balance", key)["balance"]
