from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.kernels.logistic import logistic
from counterpoise.kernels.matching.allowed_pairs import Limits
from counterpoise.kernels.matching.distance import covariate_distances, distance_matrix
from counterpoise.kernels.matching.nearest_sets import nearest_sets
from counterpoise.kernels.matching.sets import MatchedSets, sets_from_links
from tests.balance.designs import lalonde, lalonde_levels, rotterdam_design
from tests.golden import dataset, golden, rotterdam
from tests.golden.agreement import agrees
from tests.kernels.matching.matching_cohorts import assert_sound, cohort, links

FILE = "matching_nearest"

CASES: dict[str, dict[str, Any]] = {
    "near_lal_ratio2": {"ratio": 2},
    "near_lal_replace": {"replacement": True},
    "near_lal_replace_ratio2_cal": {"replacement": True, "ratio": 2},
    "near_lal_exact_race": {"exact": ("race",)},
    "near_lal_caliper_var": {"age": 3.0},
    "near_rott_ratio2_cal": {"ratio": 2},
    "near_rott_replace_cal": {"replacement": True},
    "near_rott_exact_grade_meno_cal": {"exact": ("grade3", "meno")},
}
ON_LOGIT = {key for key in CASES if "cal" in key and key != "near_lal_caliper_var"}


def units_of(key: str) -> list[str]:
    return dataset("lalonde")["id"].tolist() if "_lal_" in key else [str(int(pid)) for pid in rotterdam()["pid"]]


def links_in_r(key: str) -> list[tuple[int, int]]:
    row = {unit: index for index, unit in enumerate(units_of(key))}
    table = golden(FILE, key)["match_matrix"]
    pairs = zip(table["focal_unit"], table["matches"], strict=True)
    return [(row[focal], row[match]) for focal, matches in pairs for match in matches if match is not None]


def weights_in_r(key: str) -> Floats:
    row = {unit: index for index, unit in enumerate(units_of(key))}
    weights = np.zeros(len(row))
    weights[[row[unit] for unit in golden(FILE, key)["unit"]]] = golden(FILE, key)["weights"]
    return weights


def treatment_of(key: str) -> Bools:
    return (dataset("lalonde")["treat"] if "_lal_" in key else rotterdam()["hormon"]) == 1


def matched(key: str) -> tuple[Floats, MatchedSets]:
    """Return the score, and the matching that the key names."""
    d = dataset("lalonde") if "_lal_" in key else rotterdam()
    x = lalonde() if "_lal_" in key else rotterdam_design()
    fit = logistic(treatment_of(key), x)
    score = fit.linear_predictor if key in ON_LOGIT else fit.probability
    case, caliper = CASES[key], golden(FILE, key)["caliper"]
    age = case.get("age")
    limits = Limits(
        caliper=None if caliper is None else caliper[""],
        exact=np.column_stack([d[name] for name in case["exact"]]) if "exact" in case else None,
        covariates=d["age"] if age else None,
        covariate_calipers=[age] if age else None,
    )
    options = {name: case[name] for name in ("ratio", "replacement") if name in case}
    return score, nearest_sets(score, treatment_of(key), limits=limits, tie_covariates=x, **options)


@pytest.mark.parametrize("key", CASES)
def test_agrees_with_matchit_but_for_ties(key: str) -> None:
    score, sets = matched(key)
    expected = links_in_r(key)
    theirs = np.sort([abs(score[treated] - score[control]) for treated, control in expected])
    np.testing.assert_allclose(np.sort(sets.distance), theirs, atol=1e-9)
    assert sets.n_treated == golden(FILE, key)["n_matched_focal"]
    # MatchIt's scores come from glm's default convergence, and half of these distances are next to nothing.
    total = golden(FILE, key)["sum_abs_distance"]
    agrees("Nearest matching: total distance", FILE, key, sets.total_distance, total, tolerance=5e-8)
    # Every link that is not MatchIt's own is of a row that shares its score, or of one of two controls equally near.
    apart = np.abs(np.subtract.outer(score, score))
    for treated, control in links(sets) ^ set(expected):
        rivals = np.abs(apart[treated, ~sets.treatment] - apart[treated, control]) < 1e-12
        namesakes = apart[treated, sets.treatment] < 1e-12
        assert max(rivals.sum(), namesakes.sum()) > 1
    if not CASES[key].get("replacement"):
        assert_sound(sets)


@pytest.mark.parametrize("key", CASES)
def test_weighs_matchits_own_links_as_it_does(key: str) -> None:
    expected = links_in_r(key)
    treated, control = np.array(expected).T
    replacement = CASES[key].get("replacement", False)
    parts = treated, control, np.zeros(treated.size)
    sets = sets_from_links(parts, treatment_of(key), replacement=replacement)
    agrees("Nearest matching: weights", FILE, key, sets.weights, weights_in_r(key).tolist())


@pytest.mark.parametrize("key", ["near_rott_replace_cal", "near_rott_exact_grade_meno_cal"])
def test_links_are_matchits_own_where_no_scores_tie(key: str) -> None:
    _, sets = matched(key)
    assert links(sets) == set(links_in_r(key))
    agrees("Nearest matching: weights", FILE, key, sets.weights, weights_in_r(key).tolist())


def test_agrees_with_matchit_on_mahalanobis_distances() -> None:
    key = "near_lal_mahalanobis"
    treated, x = treatment_of(key), lalonde_levels()
    # MatchIt goes by the order of the rows.
    by_row = Limits(score=-np.arange(treated.size))
    sets = nearest_sets(covariate_distances(x, treated), treated, limits=by_row, tie_covariates=x)
    matrix = distance_matrix(x, treated)
    place = np.where(treated, np.cumsum(treated), np.cumsum(~treated)) - 1
    theirs = [matrix[place[i], place[j]] for i, j in sorted(links_in_r(key))]
    ours = sets.distance[np.argsort(sets.treated)]
    agrees("Nearest matching: Mahalanobis distances", FILE, key, ours, theirs)


@pytest.mark.parametrize("name", ["veteran", "Melanoma", "pbc"])
@pytest.mark.parametrize(
    "form",
    [
        "largest", "smallest", "closest", "ratio_2", "ratio_3_closest", "replacement", "replacement_3", "exact",
        "anti_exact", "age_5", "mahalanobis", "mahalanobis_closest", "mahalanobis_replacement_2",
    ],
)  # fmt: skip
def test_agrees_with_the_greedy_rule_in_r(name: str, form: str) -> None:
    key = f"nearest_{name}"
    reference = golden("nearest_kernels", key)
    treated, x = cohort(name)
    score = np.array(reference["score"])
    label = {"veteran": dataset("veteran")["celltype"], "Melanoma": x[:, 0], "pbc": x[:, -1]}[name]
    age = {"veteran": 2, "Melanoma": 1, "pbc": 0}[name]
    is_free = form in ("replacement_3", "mahalanobis_replacement_2")
    limits = Limits(
        caliper=None if is_free else reference["caliper"],
        score=score,
        exact=label if form == "exact" else None,
        anti_exact=label if form == "anti_exact" else None,
        covariates=x[:, age] if form == "age_5" else None,
        covariate_calipers=[5] if form == "age_5" else None,
    )
    sets = nearest_sets(
        covariate_distances(x, treated) if "mahalanobis" in form else score,
        treated,
        ratio=3 if "3" in form else 2 if "_2" in form or form == "mahalanobis_closest" else 1,
        replacement="replacement" in form,
        order="ascending" if form == "smallest" else "closest" if "closest" in form else "descending",
        limits=limits,
    )
    theirs = reference[form]
    assert (sets.n_treated, sets.n_control) == (theirs["treated"], theirs["controls"])
    # Distances are rounded to 12 decimals, so that small ones are known to fewer digits.
    title = f"Nearest matching: distances, {form.replace('_', ' ')}"
    agrees(title, "nearest_kernels", key, np.sort(sets.distance), theirs["distance"], relative_to="largest")
    weights = sets.weights[~sets.treatment]
    size = weights.sum() ** 2 / np.square(weights).sum()
    agrees("Nearest matching: effective number of controls", "nearest_kernels", key, size, theirs["ess"])
