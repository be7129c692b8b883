"""What dose each patient had reached without and with a boost, so that the exposure can be held against it."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from counterpoise.errors import PlanError, Problem
from counterpoise.kernels.arrays import Floats
from counterpoise.oncology.radiotherapy import eqd2
from counterpoise.oncology.records import RecordOptions, role_problems
from counterpoise.read.table import Table

ALPHA_BETA = 4.0
"""Of breast cancer; doses of 1.8 to 2.9 Gy a fraction are ordered alike by 3 and by 10 Gy."""


@dataclass(frozen=True, slots=True, eq=False)
class BoostDoses:
    """Doses of n patients, NaN where not known: of the first phase, and of all phases.

    `equivalent` says whether they are equivalent doses in 2-Gy fractions (α/β = 4 Gy), which takes the numbers of
    fractions; otherwise they are plain Gy.
    """

    base: Floats
    total: Floats
    equivalent: bool


def boost_doses(table: Table, options: RecordOptions) -> BoostDoses | None:
    """Return the doses of the records, or None where the plan names no dose or no boost dose.

    Raises `PlanError` for columns that are not there or hold no numbers.

    >>> from counterpoise.read import table_from_frame
    >>> given = pl.DataFrame({"id": ["a", "b"], "gy": [50.0, 60.0], "more": [10.0, None]})
    >>> found = boost_doses(table_from_frame(given, id_column="id"), RecordOptions(dose="gy", boost_dose="more"))
    >>> found.base, found.total
    (array([50., 60.]), array([60., 60.]))
    """
    roles = {"dose": options.dose, "boost_dose": options.boost_dose}
    if options.dose is None or options.boost_dose is None:
        return None
    with_fractions = options.fractions is not None and options.boost_fractions is not None
    if with_fractions:
        roles |= {"fractions": options.fractions, "boost_fractions": options.boost_fractions}
    named = {role: column for role, column in roles.items() if column is not None}
    problems: list[Problem] = role_problems(table.columns, named)
    if problems:
        raise PlanError(problems)
    numbers = {role: _numbers(table, column) for role, column in named.items()}
    base, boost = numbers["dose"], np.nan_to_num(numbers["boost_dose"], nan=0.0)
    if with_fractions:
        base, boost = _equivalent(base, numbers["fractions"]), _equivalent(boost, numbers["boost_fractions"])
    return BoostDoses(base, base + boost, with_fractions)


def _equivalent(dose: Floats, fractions: Floats) -> Floats:
    """Return the equivalent dose; NaN where dose and fractions cannot be, which the checks of the records ask about."""
    possible = (dose == 0) | ((dose > 0) & (fractions >= 1))
    number = np.where(fractions >= 1, fractions, 1.0)
    return eqd2(np.where(possible, dose, np.nan), number, ALPHA_BETA)


def _numbers(table: Table, column: str) -> Floats:
    return table.frame[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
