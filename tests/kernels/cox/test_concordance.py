"""Concordance against R's survival, by hand, against every pair compared, and its properties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import FitError, InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.concordance import Concordance, TimeWeight, concordance, concordance_of
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.verdict import Verdict
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.cox.after_cox import cgd, heart, lung, model, rotterdam_all, veteran
from tests.kernels.cox.slow_cox import Cohort, cohort

FIVE = ("concordant", "discordant", "tied_predictor", "tied_time", "tied_both")


def agree_with_r(key: str, ours: Concordance) -> None:
    r = golden("cox_after", key)
    agrees("Concordance: value", "cox_after", key, ours.value, r["value"])
    agrees("Concordance: standard error", "cox_after", key, ours.std_error, r["std_error"])
    agrees("Concordance: counts of pairs", "cox_after", key, ours.by_stratum, r["counts"])
    assert ours.n == r["n"]


def influence_agrees(key: str, ours: Concordance) -> None:
    r = golden("cox_after", key)
    agrees("Concordance: influence", "cox_after", key, ours.influence[:30], r["influence"], relative_to="largest")
    agrees("Concordance: sum of squared influence", "cox_after", key, float((ours.influence**2).sum()), r["sumsq"])


def cases() -> dict[str, Concordance]:
    d, v, h, c, r = lung(), veteran(), heart(), cgd(), rotterdam_all()
    inst = ~np.isnan(d["inst"])
    age: dict[str, Any] = {"time": d["time"], "event": d["died"], "predictor": d["age"]}
    months: dict[str, Any] = {"time": v["months"], "event": v["status"], "predictor": v["karno"]}
    nodes: dict[str, Any] = {"event": r["death"], "predictor": r["nodes"]}
    years: dict[str, Any] = {"entry": h["start"], "time": h["stop"], "event": h["event"], "predictor": h["age"]}
    result = {
        "c_lung_age": concordance(**age),
        "c_lung_weights": concordance(**age, weights=d["w"]),
        "c_lung_entry": concordance(**age, entry=d["entry"]),
        "c_lung_entry_weights_strata": concordance(**age, entry=d["entry"], weights=d["w"], stratum=d["sex"]),
        "c_lung_cluster": concordance(**{k: a[inst] for k, a in age.items()}, cluster=d["inst"][inst]),
        "c_lung_better": concordance(**age, larger="better"),
        "c_veteran": concordance(v["time"], v["status"], v["karno"]),
        "c_veteran_months_strata": concordance(**months, stratum=v["cell"]),
        "c_veteran_months_weights_cluster": concordance(**months, weights=v["w"], cluster=v["group"]),
        "c_heart": concordance(**years),
        "c_heart_cluster": concordance(**years, cluster=h["id"]),
        "c_cgd": concordance(c["tstop"], c["status"], c["age"], entry=c["tstart"], cluster=c["id"]),
        "c_rotterdam": concordance(r["dmonths"], **nodes),
        "c_rotterdam_halfyears_all": concordance(
            r["halfyears"], **nodes, stratum=r["size"], weights=r["w"], cluster=r["year"]
        ),
        "c_rotterdam_entry": concordance(r["dmonths"], **nodes, entry=r["entry"]),
        "c_lung_uno_365": concordance(**age, time_weight="n/G2", until=365),
        "c_rotterdam_60": concordance(r["dmonths"], **nodes, until=60),
        "c_veteran_until_100": concordance(v["time"], v["status"], v["karno"], until=100),
    }
    weights: tuple[TimeWeight, ...] = ("S", "S/G", "n/G2", "I")
    for name in weights:
        result[f"c_lung_{name}"] = concordance(**age, time_weight=name)
        result[f"c_veteran_months_{name}"] = concordance(**months, time_weight=name)
        result[f"c_rotterdam_{name}"] = concordance(
            r["dmonths"], **nodes, stratum=r["size"], weights=r["w"], time_weight=name
        )
    return result


def test_in_r() -> None:
    for key, ours in cases().items():
        agree_with_r(key, ours)
    for key in ("c_lung_age", "c_lung_entry_weights_strata", "c_veteran_months_S", "c_heart", "c_rotterdam_S/G"):
        influence_agrees(key, cases()[key])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(
    "name", ["lung", "lung_weights", "lung_entry_strata", "veteran_months", "heart", "cgd", "rotterdam_all"]
)
def test_of_a_fit_in_r(name: str, ties: str) -> None:
    key, cluster = f"after_{name}_{ties}", cgd()["id"] if name == "cgd" else None
    ours, r = concordance_of(model(name, ties), cluster=cluster), golden("cox_after", key)["concordance"]
    agrees("Concordance of a fit: value", "cox_after", key, ours.value, r["value"])
    agrees("Concordance of a fit: standard error", "cox_after", key, ours.std_error, r["std_error"])
    agrees("Concordance of a fit: counts of pairs", "cox_after", key, ours.by_stratum, r["counts"])


# ---- by hand ---------------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    """Events at 1 (predictor 3), 2 (2 and 2), 4 (1); censored at 2 (2), 3 (5).

    The event at 1 outranks 2, 2, 1, 2 and not 5. Each event at 2 ties with the censored 2, is outranked by 5 and
    outranks 1; the two tie in both. The event at 4 has no partner.
    """
    c = concordance([1, 2, 2, 4, 2, 3], [1, 1, 1, 1, 0, 0], [3, 2, 2, 1, 2, 5])
    assert [getattr(c, name) for name in FIVE] == [4 + 2, 1 + 2, 2, 0, 1]
    assert c.value == (6 + 1) / 11
    # what a row moves 7 / 11 by: (own share of the numerator - 7 / 11 of its pairs) / 11
    gained = np.array([4, 2.5, 2.5, 3, 2, 0]) - np.array([5, 4, 4, 3, 3, 3]) * 7 / 11
    np.testing.assert_allclose(c.influence, gained / 11, atol=1e-15)
    np.testing.assert_allclose(c.std_error, np.sqrt((gained**2).sum()) / 11, rtol=1e-14)


# ---- slow and obvious: every pair ------------------------------------------------------------------------------


def factors(c: Cohort, weights: Floats, stratum: np.ndarray, name: str, until: float | None) -> Floats:
    """The time weight of each row's own time, from Kaplan-Meier curves of its stratum."""
    result = np.ones(c.time.size)
    for s in set(stratum.tolist()):
        for i in np.flatnonzero(stratum == s):
            mine = stratum == s
            if c.event[mine].sum() < 2 or name == "n":
                continue
            at_risk = weights[mine & (c.entry < c.time[i]) & (c.time >= c.time[i])].sum()
            survival, g = 1.0, 1.0
            for t in sorted(set(c.time[mine & (c.time < c.time[i])].tolist())):
                here = mine & (c.entry < t) & (c.time >= t)
                dead, lost = (here & (c.time == t) & (c.event == e) for e in (1, 0))
                survival *= 1 - weights[dead].sum() / weights[here].sum()
                left = weights[here].sum() - weights[dead].sum()
                g *= 1 - weights[lost].sum() / left if lost.any() else 1
            with np.errstate(divide="ignore", invalid="ignore"):  # nobody left, and no event to come
                result[i] = {
                    "S": weights[mine].sum() * survival / at_risk,
                    "S/G": weights[mine].sum() * survival / g / at_risk,
                    "n/G2": 1 / g**2,
                    "I": 1 / at_risk,
                }[name]
    return result if until is None else np.where(c.time > until, 0.0, result)


def every_pair(c: Cohort, x: Floats, weights: Floats, stratum: np.ndarray, factor: Floats) -> np.ndarray:
    counts = np.zeros(5)
    for i in np.flatnonzero(c.event == 1):
        for j in range(c.time.size):
            if j == i or stratum[i] != stratum[j]:
                continue
            product = weights[i] * weights[j] * factor[i]
            if c.time[j] == c.time[i] and c.event[j] == 1:
                counts[3 if x[i] != x[j] else 4] += product / 2
            elif c.entry[j] < c.time[i] <= c.time[j]:
                counts[0 if x[i] > x[j] else 1 if x[i] < x[j] else 2] += product
    return counts


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["n", "S", "S/G", "n/G2", "I"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 6.0]),
)
def test_agrees_with_every_pair(
    seed: int, name: TimeWeight, weighted: bool, many_ties: bool, until: float | None
) -> None:
    c = cohort(seed, n=25, strata=2)
    if name in ("S/G", "n/G2"):
        c.entry[:] = 0.0
    x = np.round(c.x[:, 0]) if many_ties else c.x[:, 0]
    entry = c.entry if c.entry.any() else None
    weights = c.weights if weighted else np.ones(25)
    ours = concordance(
        c.time, c.event, x, entry=entry, weights=weights if weighted else None, stratum=c.stratum,
        time_weight=name, until=until,
    )  # fmt: skip
    factor = factors(c, weights, c.stratum, name, until)
    counts = every_pair(c, x, weights, c.stratum, factor)
    np.testing.assert_allclose([getattr(ours, n) for n in FIVE], counts, atol=1e-10)
    if not weighted and name == "n" and until is None:
        np.testing.assert_array_equal([getattr(ours, n) for n in FIVE], counts)
    pairs = counts[:3].sum()
    if pairs == 0:
        assert np.isnan([ours.value, ours.std_error, ours.lower, ours.upper]).all()
        return
    np.testing.assert_allclose(ours.value, (counts[0] + counts[2] / 2) / pairs, atol=1e-12)
    step = 1e-6  # the influence holds the time weights, so the perturbed counts do too
    for row in range(0, 25, 6):
        moved = weights * (1 + step * (np.arange(25) == row))
        more = every_pair(c, x, moved, c.stratum, factor)
        slope = ((more[0] + more[2] / 2) / more[:3].sum() - ours.value) / step
        np.testing.assert_allclose(ours.influence[row], slope, atol=1e-5)


# ---- properties ------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_does_not_matter(seed: int) -> None:
    c = cohort(seed, n=30)
    g = np.random.default_rng(seed)
    x, order = np.round(c.x[:, 0], 1), g.permutation(30)
    base = concordance(c.time, c.event, x, **c.options())
    moved = concordance(
        3 * c.time[order], c.event[order], np.exp(x[order]), entry=3 * c.entry[order], stratum=c.stratum[order],
        weights=7 * c.weights[order], cluster=order,
    )  # fmt: skip
    turned = concordance(c.time, c.event, -x, larger="better", **c.options())
    opposite = concordance(c.time, c.event, -x, **c.options())
    if np.isnan(base.value):
        return
    np.testing.assert_allclose([moved.value, moved.std_error], [base.value, base.std_error], atol=1e-12)
    np.testing.assert_allclose([turned.value, turned.std_error], [base.value, base.std_error], atol=1e-12)
    np.testing.assert_allclose([1 - opposite.value, opposite.std_error], [base.value, base.std_error], atol=1e-12)
    np.testing.assert_allclose(base.influence.sum(), 0, atol=1e-14)
    pairs = concordance(c.time, c.event, x, entry=c.entry, stratum=c.stratum)
    doubled = concordance(
        np.tile(c.time, 2), np.tile(c.event, 2), np.tile(x, 2), entry=np.tile(c.entry, 2),
        stratum=np.repeat([0, 1], 30) * 3 + np.tile(c.stratum, 2), cluster=np.tile(np.arange(30), 2),
    )  # fmt: skip
    if pairs.concordant + pairs.discordant + pairs.tied_predictor:
        np.testing.assert_allclose([doubled.value, doubled.std_error], [pairs.value, pairs.std_error], atol=1e-12)
    same = concordance_of(cox(c.time, c.event, c.x, **c.options())) if seed % 2 and _fits(c) else None
    if same is not None:
        fit = cox(c.time, c.event, c.x, **c.options())
        direct = concordance(c.time, c.event, c.x @ fit.coefficients, **c.options())
        np.testing.assert_allclose([same.value, same.std_error], [direct.value, direct.std_error], atol=1e-12)
        np.testing.assert_allclose(same.influence, direct.influence, atol=1e-12)


def _fits(c: Cohort) -> bool:
    return cox(c.time, c.event, c.x, **c.options()).verdict is Verdict.CONVERGED


def test_without_censoring_it_is_kendalls_tau() -> None:
    g = np.random.default_rng(0)
    t, x = g.permutation(60).astype(float), g.permutation(60).astype(float)
    c = concordance(t, np.ones(60), x, larger="better")
    agreement = np.sign(t[:, None] - t) * np.sign(x[:, None] - x)
    np.testing.assert_allclose(2 * c.value - 1, agreement.sum() / (60 * 59), rtol=1e-12)
    assert c.concordant + c.discordant == 60 * 59 / 2


def test_without_censoring_uno_is_harrell() -> None:
    g = np.random.default_rng(1)
    t, x = g.exponential(size=50), g.normal(size=50)
    plain, uno = (concordance(t, np.ones(50), x, time_weight=name) for name in ("n", "n/G2"))
    np.testing.assert_allclose([uno.value, uno.std_error], [plain.value, plain.std_error], rtol=1e-12)


# ---- edges -----------------------------------------------------------------------------------------------------


def test_where_no_pair_is_comparable_there_is_no_concordance() -> None:
    for time, event in (([1.0, 2.0], [0, 0]), ([2.0, 2.0], [1, 1]), ([5.0], [1]), ([1.0, 2.0], [0, 1])):
        c = concordance(time, event, np.arange(len(time)))
        assert np.isnan([c.value, c.std_error, c.lower, c.upper, *c.influence]).all()
        assert c.concordant == c.discordant == c.tied_predictor == 0
    assert concordance([2.0, 2.0], [1, 1], [0, 1]).tied_time == 1
    assert concordance([2.0, 2.0], [1, 1], [1, 1]).tied_both == 1
    assert concordance([1.0, 2.0], [1, 0], [1, 0]).value == 1.0


def test_limits_stay_between_0_and_1() -> None:
    c = concordance([1, 2, 3, 4], [1, 1, 1, 1], [4, 3, 1, 2], confidence=0.999)
    assert c.upper == 1.0
    assert 0 <= c.lower < c.value
    wide = concordance([1, 2, 3, 4], [1, 1, 1, 1], [1, 2, 4, 3], confidence=0.999)
    assert wide.lower == 0.0


ROWS: dict[str, Any] = {"time": [1.0, 2.0, 3.0], "event": [1, 1, 0], "predictor": [2.0, 1.0, 3.0]}


@pytest.mark.parametrize("name", ["time", "event", "predictor", "entry", "weights", "stratum", "cluster"])
def test_nothing_may_be_missing(name: str) -> None:
    for bad in (np.nan, np.inf):
        if name in ("stratum", "cluster") and bad == np.inf:
            continue
        values: dict[str, Any] = {
            "entry": [0.0] * 3,
            "weights": [1.0] * 3,
            "stratum": [0.0] * 3,
            "cluster": [0.0] * 3,
        } | ROWS
        values[name] = [values[name][0], bad, values[name][2]]
        with pytest.raises(InputError, match=f"`{name}` must"):
            concordance(**values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [1.0, 0.0, 1.0]}, "`weights` must be positive"),
        ({"weights": [1.0, -1.0, 1.0]}, "`weights` must be positive"),
        ({"entry": [0.0, 2.0, 0.0]}, "`entry` must be before `time`"),
        ({"larger": "up"}, "`larger` must be 'worse' or 'better'"),
        ({"time_weight": "G"}, "`time_weight` must be one of"),
        ({"time_weight": "n/G2", "entry": [0.0] * 3}, "can't be 'n/G2' with `entry`"),
        ({"until": 0.0}, "`until` must be positive"),
        ({"until": np.nan}, "`until` must be positive"),
        ({"confidence": 1.0}, "`confidence` must lie"),
        ({"predictor": [1.0]}, "`predictor` must have 3 elements"),
        ({"time": []}, "`time` must hold at least one row"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        concordance(**(ROWS | changes))


def test_a_model_without_estimate_has_none() -> None:
    with pytest.raises(FitError, match="no events"):
        concordance_of(cox([1.0, 2.0], [0, 0], [1.0, 2.0]))
