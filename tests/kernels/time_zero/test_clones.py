"""Clones by hand, against a slow definition, and by what must hold for any data."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.time_zero.beginning import beginning
from counterpoise.kernels.time_zero.clone_censor_weight import clone_censor_weight
from counterpoise.kernels.time_zero.clones import clone_patients, time_to_begin

NEVER = np.inf
ESTIMATE: Callable[..., object] = clone_censor_weight


def drawn(seed: int, n: int = 120) -> tuple[Floats, Bools, Floats, Floats]:
    """Draw time, event, start and covariates in whole days: many of them are tied with each other."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.random(n) < 0.5]).astype(float)
    death, end = rng.exponential(40 * np.exp(-0.4 * x[:, 0])), rng.uniform(10, 80, n)
    start = np.floor(rng.exponential(15 * np.exp(0.3 * x[:, 1])))
    time = np.ceil(np.minimum(death, end))
    return time, np.asarray(death <= end), np.where((start < time) & (rng.random(n) < 0.8), start, NEVER), x


def test_who_does_what_an_arm_does_stays_in_it() -> None:
    #        began, then died   died before   began late   never, alive   began on the last day of grace
    time, event = [8, 3, 9, 9, 7], [1, 1, 1, 0, 1]
    made = clone_patients(time, event, [2, NEVER, 6, NEVER, 5], grace=5)
    assert made.time.tolist() == [[2, 3, 9, 9, 5], [8, 3, 5, 5, 7]]
    assert made.event.astype(int).tolist() == [[0, 1, 1, 0, 0], [1, 1, 0, 0, 1]]
    assert made.began.astype(int).tolist() == [1, 0, 0, 0, 1]


def test_an_event_at_the_moment_of_leaving_the_arm_comes_first() -> None:
    made = clone_patients([5, 4], [1, 1], [NEVER, 4], grace=5)
    assert made.event.all()
    assert not made.left_arm.any()


def test_who_died_as_another_began_was_not_at_risk_of_beginning() -> None:
    clones = clone_patients([4, 9, 9], [1, 0, 0], [NEVER, 4, NEVER], grace=5)
    assert time_to_begin(clones).tolist() == [3.5, 4, 5]


def slow(time: Floats, event: Bools, start: Floats, grace: float, at: float, w: Floats) -> tuple[float, float, float]:
    """Weigh without covariates, clone by clone and event by event: log hazard ratio (Breslow) and survival."""
    n = time.size
    began = [start[i] <= grace and start[i] < time[i] for i in range(n)]
    seen = [time[i] > grace for i in range(n)]
    after = sum(w[i] for i in range(n) if seen[i]) / sum(w[i] for i in range(n) if seen[i] and began[i])

    def staying(t: float) -> float:
        hazard = 0.0
        for s in sorted({start[i] for i in range(n) if began[i] and start[i] < t}):
            risk = sum(
                w[i] for i in range(n) if (start[i] >= s if began[i] else (time[i] > s or (seen[i] and s <= grace)))
            )
            hazard += sum(w[i] for i in range(n) if began[i] and start[i] == s) / risk
        return float(np.exp(hazard))

    rows: list[tuple[int, float, float, bool, float]] = []
    events = sorted(set(time[event]))
    for arm in (0, 1):
        for i in range(n):
            if arm:
                end, happened = (grace, False) if seen[i] and not began[i] else (time[i], bool(event[i]))
            else:
                end, happened = (start[i], False) if began[i] else (time[i], bool(event[i]))
            for t in [u for u in events if u <= end]:
                weight = (after if t > grace else 1.0) if arm else staying(min(t, grace + 0.5))
                rows.append((arm, t - 0.5, t, happened and t == end, weight * w[i]))
    arms, entry, stop, died, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    fit = cox(stop, died, arms, entry=entry, weights=weight, ties="breslow")
    survival = [1.0, 1.0]
    for t in events:
        if t > at:
            break
        for arm in (0, 1):
            here = (arms == arm) & (stop == t)
            survival[arm] *= 1 - weight[here & (died == 1)].sum() / weight[here].sum()
    return float(fit.coefficients[0]), survival[0], survival[1]


@pytest.mark.parametrize("seed", range(3))
def test_weights_without_covariates_are_those_of_the_definition(seed: int) -> None:
    time, event, start, _ = drawn(seed, 40)
    found = clone_censor_weight(time, event, start, grace=12, at=[30], ties="breslow", replicates=2)
    expected = slow(time, event, start, 12, 30, np.ones(40))
    assert [found.log_hazard_ratio, *found.survival[:, 0]] == pytest.approx(expected, rel=1e-9)


def test_the_unit_of_time_and_the_order_of_the_rows_do_not_matter() -> None:
    time, event, start, x = drawn(5)
    one = clone_censor_weight(time, event, start, grace=12, x=x, at=[30], replicates=2)
    other = np.random.default_rng(1).permutation(time.size)
    turned = clone_censor_weight(
        time[other] / 30.4375, event[other], start[other] / 30.4375, grace=12 / 30.4375,
        x=5 - 2 * x[other], at=[30 / 30.4375], replicates=2,
    )  # fmt: skip
    assert turned.log_hazard_ratio == pytest.approx(one.log_hazard_ratio, rel=1e-9)
    assert turned.survival == pytest.approx(one.survival, rel=1e-9)


def test_the_same_seed_gives_the_same_errors_however_many_blocks() -> None:
    time, event, start, x = drawn(6)
    found = [clone_censor_weight(time, event, start, grace=12, x=x, replicates=130, seed=s) for s in (1, 1, 2)]
    assert found[0].std_error == found[1].std_error != found[2].std_error
    assert found[0].replicates == 130
    assert found[0].lower < np.exp(found[0].log_hazard_ratio) < found[0].upper


def test_the_hazard_of_beginning_under_weights_is_that_of_cox() -> None:
    time, event, start, x = drawn(7)
    clones = clone_patients(time, event, start, grace=12)
    weights = np.vstack([np.ones(time.size), np.random.default_rng(3).exponential(size=(4, time.size))])
    waited = time_to_begin(clones)
    made = beginning(waited, clones.began, x, weights)
    for row, ratio in zip(weights, made.ratio, strict=True):
        fit = cox(waited, clones.began, x, weights=row, ties="breslow")
        assert np.log(ratio) == pytest.approx((x - x.mean(axis=0)) @ fit.coefficients, abs=1e-9)
    assert made.known.all()


def test_beyond_the_last_patient_of_an_arm_survival_is_not_known() -> None:
    time, event, start, _ = drawn(8)
    found = clone_censor_weight(time, event * (time < time.max()), start, grace=12, at=[1000.0], replicates=3)
    assert np.isnan(found.survival).any()
    assert np.isnan(found.difference).all()


def test_a_covariate_that_decides_who_begins_is_refused_with_the_model_named() -> None:
    time, event, start, _ = drawn(9)
    decided = (start <= 12).astype(float)
    with pytest.raises(FitError, match="the model of"):
        clone_censor_weight(time, event, start, grace=12, x=decided, replicates=2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"grace": 0.0}, "`grace` must be positive"),
        ({"grace": np.nan}, "`grace` must be positive"),
        ({"start": np.full(120, NEVER)}, "`start` must be within the grace period"),
        ({"start": np.zeros(120)}, "`start` must be beyond the grace period"),
        ({"replicates": 1}, "`replicates` must be at least 2"),
        ({"confidence": 1.0}, "`confidence` must be between 0 and 1"),
        ({"at": [-1.0]}, "`at` must be finite and non-negative"),
        ({"ties": "exact"}, "`ties` must be"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], message: str) -> None:
    time, event, start, _ = drawn(10)
    with pytest.raises(InputError, match=message):
        ESTIMATE(**{"time": time, "event": event, "start": start, "grace": 12.0, **given})
