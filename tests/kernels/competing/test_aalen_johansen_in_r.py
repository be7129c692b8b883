"""Cumulative incidence against R's survfit and cmprsk's cuminc."""

import itertools

import numpy as np
import pytest

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.competing.aalen_johansen import (
    CumulativeIncidence,
    aalen_johansen,
    incidence_at,
    incidence_difference,
    time_lost,
)
from tests.golden import floats, golden
from tests.golden.agreement import agrees
from tests.kernels.competing.competing_cohorts import NAMES, cohort

FILE = "competing"
SCALES = {"log": "log", "log-log": "log-log", "plain": "plain", "logit": "logit", "arcsine": "arcsin"}


def assert_equal_to_survfit(key: str, curve: CumulativeIncidence, part: slice = slice(None)) -> None:
    r = golden(FILE, key)
    read = incidence_at(curve, floats(r["time"])[part], extend=True)
    columns = ("pstate", "std_err", "lower", "upper")
    states, errors, lower, upper = (floats(r[name])[part, 1:].T for name in columns)
    agrees("Cumulative incidence: estimate", FILE, key, read.incidence, states)
    agrees("Cumulative incidence: event-free survival", FILE, key, read.survival, floats(r["pstate"])[part, 0])
    agrees("Cumulative incidence: standard error (influence)", FILE, key, read.std_error, errors)
    agrees(f"Cumulative incidence: {curve.interval} limits", FILE, key, [read.lower, read.upper], [lower, upper])
    if not key.endswith("weights"):  # under weights survfit still counts rows
        agrees("Cumulative incidence: number at risk", FILE, key, read.at_risk, floats(r["n_risk"])[part])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", NAMES)
def test_every_interval(name: str, scale: str) -> None:
    d = cohort(name)
    curve = aalen_johansen(d["time"], d["cause"], interval=scale)  # pyright: ignore[reportArgumentType]
    assert_equal_to_survfit(f"aj_{name}_{SCALES[scale]}", curve)


@pytest.mark.parametrize("name", NAMES)
def test_weights_clusters_and_late_entry(name: str) -> None:
    d = cohort(name)
    assert_equal_to_survfit(f"aj_{name}_weights", aalen_johansen(d["time"], d["cause"], weights=d["w"]))
    key, kept = f"aj_{name}_cluster", d["time"] > 0
    r, d = golden(FILE, key), {column: values[kept] for column, values in d.items()}
    clustered = aalen_johansen(d["time"], d["cause"], weights=d["w"], cluster=d["site"])
    read = incidence_at(clustered, floats(r["time"]), extend=True)
    what = "Cumulative incidence: standard error by clusters"
    agrees(what, FILE, key, read.std_error, floats(r["std_err"])[:, 1:].T)
    d = cohort(name)
    kept = d["time"] > d["entry"]
    late = aalen_johansen(d["time"][kept], d["cause"][kept], entry=d["entry"][kept])
    assert_equal_to_survfit(f"aj_{name}_entry", late)


@pytest.mark.parametrize("name", NAMES)
def test_groups_and_their_difference(name: str) -> None:
    d = cohort(name)
    key = f"aj_{name}_groups"
    r = golden(FILE, key)
    curves: list[CumulativeIncidence] = []
    for index, level in enumerate(np.unique(d["grp"])):
        rows = d["grp"] == level
        curves.append(aalen_johansen(d["time"][rows], d["cause"][rows], causes=np.unique(d["cause"])[1:]))
        assert_equal_to_survfit(key, curves[-1], slice(4 * index, 4 * index + 4))
    times = [t for t in r["time"][:4] if all(t <= curve.time[-1] for curve in curves)]
    states, errors = floats(r["pstate"]), floats(r["std_err"])
    count = len(times)
    difference = incidence_difference(curves[0], curves[-1], times)
    last = 4 * (len(curves) - 1)
    theirs = (states[:count] - states[last : last + count])[:, 1:].T
    error = np.sqrt(errors[:count] ** 2 + errors[last : last + count] ** 2)[:, 1:].T
    agrees("Cumulative incidence: difference", FILE, key, difference.difference, theirs, relative_to="largest")
    agrees("Cumulative incidence: standard error of the difference", FILE, key, difference.std_error, error)


@pytest.mark.parametrize("name", NAMES[1:])
def test_time_lost(name: str) -> None:
    d = cohort(name)
    kept = d["time"] > 0
    key = f"aj_{name}_rmean"
    table = floats(golden(FILE, key)["values"])
    horizon = floats(golden(FILE, f"aj_{name}_log")["time"])[3]
    lost = time_lost(aalen_johansen(d["time"][kept], d["cause"][kept]), horizon)
    agrees("Time lost to a cause: estimate", FILE, key, [lost.event_free, *lost.time_lost], table[:, 2])
    agrees("Time lost to a cause: standard error", FILE, key, [lost.event_free_std_error, *lost.std_error], table[:, 3])


@pytest.mark.parametrize("name", NAMES)
def test_aalen_variance_is_that_of_cuminc(name: str) -> None:
    d = cohort(name)
    times = floats(golden(FILE, f"aj_{name}_log")["time"])
    for key, levels in ((f"cuminc_{name}", [np.nan]), (f"cuminc_{name}_groups", np.unique(d["grp"]))):
        r = golden(FILE, key)
        causes = np.unique(d["cause"])[1:]
        results: dict[tuple[int, int], list[Floats]] = {}
        for index, level in enumerate(levels):
            rows = np.ones(d["time"].size, dtype=bool) if np.isnan(level) else d["grp"] == level
            curve = aalen_johansen(d["time"][rows], d["cause"][rows], causes=causes, variance="aalen")
            read = incidence_at(curve, times)
            # cuminc ends a curve with its group's last time (NA), where nobody may be left: then it is known.
            beyond = times > curve.time[-1]
            for k in range(causes.size):
                results[k, index] = [np.where(beyond, np.nan, v[k]) for v in (read.incidence, read.std_error**2)]
        for row, (k, index) in enumerate(itertools.product(range(causes.size), range(len(levels)))):
            incidence, variance = results[k, index]
            agrees("Cumulative incidence: estimate", FILE, key, incidence, floats(r["est"]["values"][row]))
            agrees("Cumulative incidence: Aalen's variance", FILE, key, variance, floats(r["var"]["values"][row]))
