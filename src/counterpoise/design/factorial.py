"""Two treatments whose combinations are the groups of a study."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from counterpoise.design.covariates import Covariate
from counterpoise.kernels.arrays import Counts


@dataclass(frozen=True, slots=True, eq=False)
class Factorial:
    """Two treatments, each a flag, known for every patient."""

    first: Covariate
    second: Covariate

    @property
    def codes(self) -> Counts:
        """(n,) 0 neither, 1 the first alone, 2 the second alone, 3 both."""
        return (self.first.values + 2 * self.second.values).astype(np.intp)


def factorial_problem(groups: Covariate, first: Covariate, second: Covariate) -> str:
    """Say in what the groups are not the four combinations of two treatments; nothing where they are.

    >>> def flag(name, values): return Covariate(name, name, "", "flag", np.array(values, dtype=float), ("No", "Yes"))
    >>> four = Covariate("group", "Group", "", "category", np.array([0.0, 1, 2, 3]), ("A", "B", "C", "D"))
    >>> factorial_problem(four, flag("one", [0, 1, 0, 1]), flag("two", [0, 0, 1, 1]))
    ''
    >>> factorial_problem(four, flag("one", [0, 1, 0, 1]), flag("two", [0, 0, 1, 0]))
    '`B` and `D` are one combination of `one` and `two`'
    """
    for item in (first, second):
        unknown = int(np.isnan(item.values).sum())
        if unknown:
            return f"`{item.name}` is not known for {unknown} of {item.values.size} included patients"
    names = f"`{first.name}` and `{second.name}`"
    codes = Factorial(first, second).codes
    held = [set(codes[groups.values == level].tolist()) for level in range(len(groups.levels))]
    for label, found in zip(groups.levels, held, strict=True):
        if len(found) > 1:
            return f"`{label}` holds {len(found)} combinations of {names}"
    for (one, own), (other, others) in combinations(zip(groups.levels, held, strict=True), 2):
        if own & others:
            return f"`{one}` and `{other}` are one combination of {names}"
    present = len(set().union(*held))
    return "" if present == 4 else f"only {present} of the 4 combinations of {names} occur"
