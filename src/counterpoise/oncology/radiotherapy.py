"""Doses of radiotherapy made comparable by the linear-quadratic model."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Floats, as_floats, require
from counterpoise.oncology.definition import Given


def bed(dose: ArrayLike, fractions: ArrayLike, alpha_beta: ArrayLike) -> Floats:
    """Biologically effective dose n d (1 + d / (α/β)) of n fractions of d, in Gy.

    `dose` is the total n d in Gy, `fractions` is n, `alpha_beta` α/β in Gy; they broadcast, and a missing
    (NaN) dose or number of fractions gives NaN. No dose is 0 whatever the fractions. No correction is made
    for overall treatment time. Raises `InputError` for negative or infinite doses, for a dose in fewer than
    one fraction, and for an α/β that is not positive.

    >>> bed(50, 25, 4)
    array(75.)

    Source: Fowler JF, Br J Radiol 1989;62:679-694.
    """
    total, n, ratio = _phases(dose, fractions, alpha_beta)
    given = total > 0
    per_fraction = np.where(given, total / np.where(given, n, 1.0), total)
    return np.asarray(total * (1 + per_fraction / ratio))


def eqd2(dose: ArrayLike, fractions: ArrayLike, alpha_beta: ArrayLike) -> Floats:
    """Dose in 2-Gy fractions of the same effect: BED / (1 + 2 / (α/β)) = n d (d + α/β) / (2 + α/β), in Gy.

    Arguments, missing values and errors as for `bed`. Phases of one treatment add up: take each phase's EQD2
    and sum them.

    >>> eqd2([50, 43.5], [25, 15], 3).round(1)
    array([50. , 51.3])

    Source: Withers HR, Thames HD, Peters LJ, Radiother Oncol 1983;1:187-191.
    """
    ratio = as_floats("alpha_beta", alpha_beta)
    return np.asarray(bed(dose, fractions, ratio) / (1 + 2 / ratio))


def total_dose_of(given: Given) -> pl.Expr:
    """Dose of both phases in Gy; missing where a phase that was given has no dose."""
    return _sum_of_phases(given, [_first_phase(given), _boost(given, "boost_dose")])


def bed_of(given: Given) -> pl.Expr:
    """Biologically effective dose, summed over the phases; a simultaneous boost shares the fractions of the first."""
    ratio = given.number("alpha_beta")
    phases = [
        _bed_of_phase(_first_phase(given), given.column("fractions"), ratio),
        _bed_of_phase(_boost(given, "boost_dose"), _boost(given, "boost_fractions"), ratio),
    ]
    return _sum_of_phases(given, phases)


def eqd2_of(given: Given) -> pl.Expr:
    """Equivalent dose in 2-Gy fractions, summed over the phases."""
    return bed_of(given) / (1 + 2 / given.number("alpha_beta"))


def dose_per_fraction_of(given: Given) -> pl.Expr:
    """Dose of one fraction of the first phase in Gy; missing where there was no fraction."""
    dose, fractions = given.column("dose"), given.column("fractions")
    return pl.when(fractions > 0).then(dose / fractions).cast(pl.Float64)


def fractionation_of(given: Given) -> pl.Expr:
    """Kind of fractionation by the dose a fraction, rounded to 0.01 Gy so that 40 Gy in 15 count as 2.67."""
    each = dose_per_fraction_of(given).round(2)
    lowest, highest = given.number("conventional_from"), given.number("conventional_to")
    from_hypo, to_hypo = given.number("hypofractionated_from"), given.number("hypofractionated_to")
    return (
        pl.when(each.is_null())
        .then(None)
        .when(each.is_between(lowest, highest))
        .then(pl.lit("conventional"))
        .when(each.is_between(from_hypo, to_hypo))
        .then(pl.lit("hypofractionated"))
        .otherwise(pl.lit("unusual"))
    )


def technique_of(given: Given) -> pl.Expr:
    """Technique of radiotherapy, from its spellings."""
    return given.coded("technique")


def _phases(dose: ArrayLike, fractions: ArrayLike, alpha_beta: ArrayLike) -> tuple[Floats, Floats, Floats]:
    total, n, ratio = np.broadcast_arrays(
        as_floats("dose", dose), as_floats("fractions", fractions), as_floats("alpha_beta", alpha_beta)
    )
    require(~np.isinf(total) & ~(total < 0), "`dose` must be finite and non-negative, or missing")
    require(~np.isinf(n) & ~((n < 1) & (total > 0)), "`fractions` must be 1 or more where there is a dose")
    require(np.isfinite(ratio) & (ratio > 0), "`alpha_beta` must be finite and positive")
    return total, n, ratio


def _bed_of_phase(dose: pl.Expr, fractions: pl.Expr, ratio: float) -> pl.Expr:
    effect = dose * (1 + dose / fractions / ratio)
    return pl.when(dose == 0).then(0.0).otherwise(effect)


def _first_phase(given: Given) -> pl.Expr:
    """Dose of the first phase, with what a simultaneous boost gave in the same fractions."""
    if not given.has("simultaneous_dose"):
        return given.column("dose")
    return given.column("dose") + _boost(given, "simultaneous_dose")


def _boost(given: Given, name: str) -> pl.Expr:
    if not given.has(name):
        return pl.lit(None, dtype=pl.Float64)
    if not given.has("boost"):
        return given.column(name)
    return pl.when(given.column("boost") == 0).then(0).otherwise(given.column(name))


def _sum_of_phases(given: Given, phases: list[pl.Expr]) -> pl.Expr:
    boosted = given.has("boost_dose")
    return (phases[0] + phases[1] if boosted else phases[0]).cast(pl.Float64)
