"""Imbalance against cobalt's and MatchIt's tables of lalonde and rotterdam, and base R on three more data sets."""

from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import ArrayLike

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.imbalance import Denominator, Imbalance, imbalance, standard_deviation
from tests.balance.arms import NAMES, arms
from tests.balance.cobalt import cohort, column, is_share, table
from tests.golden import dataset, floats, golden, rotterdam
from tests.golden.agreement import agrees as agrees_under

PLAIN = ("bal_unadj_lal_pooled_std", "bal_unadj_lal_treated_raw", "bal_unadj_lal_control_std",
         "bal_unadj_lal_control_raw", "bal_unadj_lal_all_raw", "bal_unadj_lal_hedges_std",
         "bal_unadj_lal_hedges_raw")  # fmt: skip
WEIGHTED = (
    *(f"bal_att_lal_{name}" for name in ("pooled_std", "pooled_raw", "treated_std", "treated_raw", "control_std",
      "weighted_raw", "hedges_std", "hedges_raw")),
    *(f"bal_ate_rott_{name}" for name in ("pooled_raw", "treated_raw", "control_std", "control_raw", "all_std",
      "weighted_std", "weighted_raw", "hedges_std", "hedges_raw")),
    "bal_ato_rott_pooled_std",
)  # fmt: skip
COLUMNS = {
    "M.1": ("mean_treated", "mean"),
    "M.0": ("mean_control", "mean"),
    "SD.1": ("sd_treated", "standard deviation"),
    "SD.0": ("sd_control", "standard deviation"),
    "V.Ratio": ("variance_ratio", "variance ratio"),
    "KS": ("ks", "Kolmogorov-Smirnov distance"),
    "Diff": ("smd", "standardised difference"),
}


def agrees(what: str, name: str, key: str, ours: ArrayLike, theirs: Any) -> None:
    """Differences of means cancel: near zero they are known to the rounding of the means only."""
    agrees_under(f"Balance: {what}", name, key, ours, theirs, relative_to="largest")


def assert_table(key: str, suffix: str, names: tuple[str, ...], x: Floats, found: Imbalance, *, raw: bool) -> None:
    """Compare every column of one of cobalt's tables, which leaves some of a 0/1 column out."""
    for name, (field, what) in COLUMNS.items():
        theirs = column(table(key), names, f"{name}.{suffix}")
        ours = getattr(found, field)
        if name == "Diff" and raw:
            ours = np.where(is_share(x), found.mean_treated - found.mean_control, ours)
        ours = np.where(np.isnan(theirs), np.nan, ours)
        if (key, name, suffix) == ("bal_ato_rott", "Diff", "Adj"):
            # Overlap weights leave no difference at all, but for glm's last step.
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
            continue
        if name in ("M.1", "M.0", "SD.1", "SD.0"):  # of columns of every size
            agrees_under(f"Balance: {what}", "balance", key, ours, theirs)
        else:
            agrees(what, "balance", key, ours, theirs)


@pytest.mark.parametrize("key", PLAIN)
def test_cobalts_tables_before_adjustment(key: str) -> None:
    _, _, name, denominator, kind = key.split("_")
    c = cohort(name)
    found = imbalance(c.x, c.treated, denominator=denominator, shares="binomial")  # pyright: ignore[reportArgumentType]
    assert_table(key, "Un", c.names, c.x, found, raw=kind == "raw")


@pytest.mark.parametrize("key", WEIGHTED)
def test_cobalts_tables_before_and_after_weighting(key: str) -> None:
    _, estimand, name, denominator, kind = key.split("_")
    key = key.removesuffix("_pooled_std") if estimand == "ato" else key
    c = cohort(name)
    weights = c.weights(estimand.upper())
    scale = standard_deviation(c.x, c.treated, denominator, weights=weights, shares="binomial")  # pyright: ignore[reportArgumentType]
    for suffix, given in (("Un", None), ("Adj", weights)):
        found = imbalance(c.x, c.treated, weights=given, scale=scale, shares="binomial")
        assert_table(key, suffix, c.names, c.x, found, raw=kind == "raw")
    sizes = golden("balance", key)["observations"]["values"][1]
    agrees("effective sample size", "balance", key, [found.size_control, found.size_treated], sizes)


def matched_weights(key: str, name: str) -> Floats:
    """The weights of MatchIt's sets: its own, or 1 for both patients of a pair."""
    if key == "near_lal_ratio2":
        return floats(golden("balance", key)["weights"])
    identifiers = dataset("lalonde")["id"] if name == "lal" else rotterdam()["pid"].astype(int)
    row = {str(identifier): index for index, identifier in enumerate(identifiers)}
    matrix = golden("matchit", key)["match_matrix"]
    pairs = [(unit, match[0]) for unit, match in zip(matrix["focal_unit"], matrix["matches"], strict=True)]
    weights = np.zeros(len(row))
    weights[[row[str(patient)] for pair in pairs if pair[1] is not None for patient in pair]] = 1.0
    return weights


MATCHED = [
    ("bal_matched_cal_lal", "lal", "treated", "near_lal_linlogit_cal02_largest"),
    ("bal_matched_cal_lal_pooled", "lal", "pooled", "near_lal_linlogit_cal02_largest"),
    ("bal_matched_ratio2_lal", "lal", "treated", "near_lal_ratio2"),
    ("bal_matched_cal_rott", "rott", "pooled", "near_rott_linlogit_cal02_largest"),
]


@pytest.mark.parametrize(("key", "name", "denominator", "matching"), MATCHED)
def test_cobalts_tables_before_and_after_matching(key: str, name: str, denominator: Denominator, matching: str) -> None:
    c, weights = cohort(name), matched_weights(matching, name)
    distance = c.score if matching == "near_lal_ratio2" else np.log(c.score / (1 - c.score))
    x, names, kept = np.column_stack([distance, c.x]), ("distance", *c.names), weights > 0
    scale = standard_deviation(x, c.treated, denominator, shares="binomial")
    before = imbalance(x, c.treated, scale=scale, shares="binomial")
    after = imbalance(x[kept], c.treated[kept], weights=weights[kept], scale=scale, shares="binomial")
    assert_table(key, "Un", names, x, before, raw=False)
    assert_table(key, "Adj", names, x, after, raw=False)


@pytest.mark.parametrize(("key", "name"), [("near_lal_ratio2", "lal"), ("near_rott_replace_cal", "rott")])
def test_matchits_summary_has_the_same_distances_of_distributions(key: str, name: str) -> None:
    c, reference = cohort(name), golden("balance", key)
    weights, rows = floats(reference["weights"]), reference["balance"]["rows"]
    theirs = floats(reference["balance"]["values"])[[rows.index(name.replace("_", "")) for name in c.names]]
    kept = weights > 0
    scale = standard_deviation(c.x, c.treated, "treated", shares="binomial")
    found = imbalance(c.x[kept], c.treated[kept], weights=weights[kept], scale=scale, shares="binomial")
    agrees("standardised difference", "balance", key, found.smd, theirs[:, 2].tolist())
    # MatchIt's mean is over the values of patients left out, too.
    same = np.array([np.unique(column[kept]).size == np.unique(column).size for column in c.x.T])
    assert same.sum() >= 6
    agrees("mean distance of distributions", "balance", key, found.ecdf_mean[same], theirs[same, 4].tolist())
    agrees("Kolmogorov-Smirnov distance", "balance", key, found.ks, theirs[:, 5].tolist())


def test_cobalts_column_functions() -> None:
    c, reference = cohort("lal"), golden("balance", "col_w_smd")
    before = imbalance(c.x, c.treated, shares="binomial")
    after = imbalance(c.x, c.treated, weights=c.weights("ATE"), shares="binomial")
    for found, name, what in [(before.smd, "smd_unw_pooled", "Diff"), (after.smd, "smd_w_pooled", "Diff"),
                              (after.variance_ratio, "vr_w", "V.Ratio"), (after.ks, "ks_w", "KS"),
                              (after.mean_treated, "mean_w1", "M.1"), (after.sd_treated, "sd_w1", "SD.1")]:  # fmt: skip
        agrees(COLUMNS[what][1], "balance", "col_w_smd", found, reference[name])


def test_cobalts_table_of_five_subclasses() -> None:
    c, reference = cohort("lal"), golden("balance", "bal_subclass5_lal")
    scale = standard_deviation(c.x, c.treated, shares="binomial")

    def differences(inside: Bools, weights: Floats | None = None) -> Floats:
        return imbalance(c.x[inside], c.treated[inside], weights=weights, scale=scale).smd

    everyone = np.ones(c.treated.size, dtype=bool)
    for suffix, weights in (("Un", None), ("Adj", floats(reference["weights"]))):
        theirs = column(reference["across"], c.names, f"Diff.{suffix}")
        agrees("standardised difference", "balance", "bal_subclass5_lal", differences(everyone, weights), theirs)
    for label, expected in reference["per_subclass"].items():
        inside = np.array(reference["subclass"]) == int(label)
        theirs = column(expected, c.names, "Diff.Adj")
        agrees("difference within a subgroup", "balance", "bal_subclass5_lal", differences(inside), theirs)


@pytest.mark.parametrize("name", NAMES)
def test_every_denominator_in_r(name: str) -> None:
    a, key = arms(name), f"denominators_{name}"
    reference = golden("balance_measures", key)
    for denominator in get_args(Denominator):
        found = standard_deviation(a.x, a.treated, denominator, weights=a.weights)
        agrees(f"denominator, {denominator}", "balance_measures", key, found, reference[denominator])
    found = imbalance(a.x, a.treated)
    treated, control = floats(reference["treated"]), floats(reference["control"])
    agrees("standard deviation", "balance_measures", key, found.sd_treated, treated.tolist())
    agrees("standard deviation", "balance_measures", key, found.sd_control, control.tolist())
    agrees("variance ratio", "balance_measures", key, found.variance_ratio, ((treated / control) ** 2).tolist())
    for when, weights in (("before", None), ("after", a.weights)):
        theirs = golden("balance_measures", f"terms_{name}")[when][:3]
        found = imbalance(a.x, a.treated, weights=weights)
        agrees("standardised difference", "balance_measures", f"terms_{name}", found.smd, theirs)
    sampled: tuple[Denominator, ...] = ("pooled", "all", "weighted")
    for denominator in sampled:
        found = standard_deviation(a.x, a.treated, denominator, weights=a.weights, sampling_weights=a.sampling)
        theirs = reference[f"{denominator}_sampling"]
        agrees("denominator with sampling weights", "balance_measures", key, found, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_distances_of_distributions_in_r(name: str) -> None:
    a, key = arms(name), f"distances_{name}"
    reference = golden("balance_measures", key)
    before, after = imbalance(a.x, a.treated), imbalance(a.x, a.treated, weights=a.weights)
    what = "mean distance of distributions"
    agrees(what, "balance_measures", key, before.ecdf_mean, reference["ecdf_mean"])
    agrees(what, "balance_measures", key, after.ecdf_mean, reference["ecdf_mean_weighted"])
    agrees("Kolmogorov-Smirnov distance", "balance_measures", key, after.ks, reference["ks_weighted"])


@pytest.mark.parametrize("name", NAMES)
def test_sampling_weights_in_r(name: str) -> None:
    a, key = arms(name), f"sampled_{name}"
    reference = golden("balance_measures", key)
    before = imbalance(a.x, a.treated, sampling_weights=a.sampling)
    after = imbalance(a.x, a.treated, weights=a.weights, sampling_weights=a.sampling)
    for found, when in ((before, "before"), (after, "after")):
        agrees("difference with sampling weights", "balance_measures", key, found.smd, reference[when])
        sizes = [found.size_treated, found.size_control]
        agrees("effective sample size", "balance_measures", key, sizes, reference[f"size_{when}"])
