"""Cohorts in which the treatment does nothing: the naive analysis is wrong, and every remedy holds its level."""

from dataclasses import replace

import numpy as np
import pytest

from counterpoise.cohort.time_zero import TimeZeroFacts, TreatmentStart
from counterpoise.findings.time_zero import immortal_time
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import CoxFit, cox
from counterpoise.kernels.curves.product_limit import kaplan_meier, survival_at
from counterpoise.kernels.time_zero.clone_censor_weight import clone_censor_weight
from counterpoise.kernels.time_zero.rows import landmark_rows, start_stop_rows
from tests.estimate.cohorts import analysed, endpoint, make_design

COHORTS, N = 1000, 300
LIMIT = 1.96
MONTE_CARLO = 3 * np.sqrt(0.95 * 0.05 / COHORTS)
"""Three errors of a share of 95 % in 1,000 cohorts: 2.1 points."""


def holds(fit: CoxFit) -> bool:
    return bool(abs(fit.coefficients[0]) <= LIMIT * fit.std_error[0])


def one_cohort(rng: np.random.Generator) -> list[float]:
    """Whether each interval holds no effect, where a covariate decides both the start and death."""
    x = np.column_stack([rng.normal(size=N), rng.random(N) < 0.4]).astype(float)
    outlook = np.exp(0.5 * x[:, 0] + 0.4 * x[:, 1])
    death, end = rng.exponential(40 / outlook), rng.uniform(24, 72, N)
    wish = np.where(rng.random(N) < 0.7, rng.exponential(6 * np.exp(0.3 * x[:, 0])), np.inf)
    time, event = np.minimum(death, end), death <= end
    start = np.where(wish < time, wish, np.inf)
    ever = np.isfinite(start)
    naive = cox(time, event, np.column_stack([ever, x]))
    mark = landmark_rows(time, event, start, at=6)
    cut = start_stop_rows(time, event, start)
    clones = clone_censor_weight(time, event, start, grace=6, x=x, at=[36], replicates=200, seed=7)
    z = clones.difference[0] / clones.difference_std_error[0]
    varying = cox(cut.time, cut.event, np.column_stack([cut.treated, x[cut.rows]]), entry=cut.entry, cluster=cut.rows)
    return [
        holds(naive),
        holds(cox(mark.time, mark.event, np.column_stack([mark.treated, x[mark.rows]]))),
        holds(varying),
        abs(clones.log_hazard_ratio) <= LIMIT * clones.std_error,
        abs(z) <= LIMIT,
        float(naive.coefficients[0]),
        clones.log_hazard_ratio,
    ]


@pytest.mark.slow
def test_a_treatment_that_begins_later_and_does_nothing() -> None:
    found = np.array([one_cohort(np.random.default_rng([35, seed])) for seed in range(COHORTS)])
    naive, *remedies = found[:, :5].mean(axis=0)
    assert naive < 0.5
    assert found[:, 5].mean() < -0.3
    assert abs(found[:, 6].mean()) < 0.03
    assert np.abs(np.array(remedies) - 0.95).max() <= MONTE_CARLO


def guaranteed(rng: np.random.Generator) -> tuple[Floats, Floats, Floats, Floats]:
    """Time, event, arm and the months that each patient had to live to be included, longer in the treated."""
    death = rng.exponential(40, 4 * N)
    treated = rng.random(4 * N) < 0.5
    until = np.where(treated, rng.uniform(9, 15, 4 * N), rng.uniform(2, 6, 4 * N))
    kept = np.flatnonzero(death > until)[:N]
    end = np.maximum(rng.uniform(24, 72, N), until[kept] + 1)
    return np.minimum(death[kept], end), (death[kept] <= end).astype(float), treated[kept].astype(float), until[kept]


def one_guarantee(rng: np.random.Generator) -> list[bool]:
    time, event, treated, until = guaranteed(rng)
    mark = landmark_rows(time, event, np.where(treated == 1, 0.0, np.inf), at=15, entry=until)
    truth = np.exp(-36 / 40)
    control = treated == 0
    # Given survival to the first entry, which is the one thing that left truncation cannot tell.
    from_first = truth / np.exp(-until[control].min() / 40)
    curves = [
        survival_at(kaplan_meier(time[control], event[control], entry=entry), [36.0])
        for entry in (None, until[control])
    ]
    return [
        holds(cox(time, event, treated)),
        holds(cox(time, event, treated, entry=until)),
        holds(cox(mark.time, mark.event, mark.treated)),
        bool(curves[0].lower[0] <= truth <= curves[0].upper[0]),
        bool(curves[1].lower[0] <= from_first <= curves[1].upper[0]),
    ]


@pytest.mark.slow
def test_the_finding_fires_in_such_cohorts() -> None:
    for seed in range(20):
        rng = np.random.default_rng([37, seed])
        death, end = rng.exponential(40, N), rng.uniform(24, 72, N)
        wish = np.where(rng.random(N) < 0.7, rng.exponential(6, N), np.inf)
        time, event = np.minimum(death, end), death <= end
        start, days = np.where(wish < time, wish, np.inf), 30.4375
        design = make_design(np.isfinite(start), [endpoint(time, event)])
        never = np.full(N, np.inf)
        began = TreatmentStart("began", "start", start * days, named=False)
        design = replace(design, dates=TimeZeroFacts("origin", "death", time * days, event, never, None, began))
        (found,) = immortal_time(design, analysed(design, weights=None))
        assert found.severity == "serious"


@pytest.mark.slow
def test_a_date_that_the_arms_reach_after_unequal_times() -> None:
    found = np.array([one_guarantee(np.random.default_rng([36, seed])) for seed in range(COHORTS)]).mean(axis=0)
    naive, delayed, landmark, naive_rate, delayed_rate = found
    assert naive < 0.8
    assert naive_rate < 0.85
    assert np.abs(np.array([delayed, landmark, delayed_rate]) - 0.95).max() <= MONTE_CARLO
