from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from counterpoise.balance import MatchOptions, PropensityScore, match, propensity, tie_ranks
from counterpoise.errors import InputError
from counterpoise.kernels.effects.batched_effects import batched_effects
from counterpoise.kernels.matching.nearest import Order
from tests.balance.designs import lalonde
from tests.balance.imn import cohort
from tests.golden import dataset, golden

moderate = settings(max_examples=25, deadline=None)


def imn_score(order: np.ndarray | None = None) -> PropensityScore:
    patients = cohort()
    rows = np.arange(146) if order is None else order
    return propensity(patients.treatment[rows], patients.x[rows])


@pytest.mark.parametrize(
    ("key", "order"),
    [("near_lal_linlogit_cal02_largest", "descending"), ("near_lal_linlogit_cal02_smallest", "ascending")],
)
def test_agrees_with_matchit_on_lalonde(key: str, order: Order) -> None:
    reference = golden("matchit", key)
    matching = match(propensity(dataset("lalonde")["treat"], lalonde()), caliper_sd="overall", order=order)
    assert matching.n_pairs == reference["n_matched_focal"]
    # MatchIt's scores come from glm's default convergence.
    assert matching.caliper == pytest.approx(reference["caliper"][""], rel=1e-8)
    assert matching.distance.sum() == pytest.approx(reference["sum_abs_distance"], rel=1e-8)


def test_the_pooled_deviation_is_austins() -> None:
    logit = propensity(dataset("lalonde")["treat"], lalonde())
    matching = match(logit)
    treated = logit.treatment
    arms = [logit.logit[arm].std(ddof=1) for arm in (treated, ~treated)]
    assert matching.caliper_sd == pytest.approx(np.sqrt((arms[0] ** 2 + arms[1] ** 2) / 2), rel=1e-12)
    overall = match(logit, caliper_sd="overall")
    assert overall.caliper / matching.caliper_sd == pytest.approx(0.268, abs=5e-4)


@pytest.mark.parametrize("order", ["descending", "ascending"])
@pytest.mark.parametrize("caliper_sd", ["overall", "pooled"])
def test_the_study_that_ships_with_the_package_has_52_pairs_each_way(caliper_sd: Any, order: Any) -> None:
    matching = match(imn_score(), caliper_sd=caliper_sd, order=order)
    assert matching.n_pairs == 52
    assert (matching.unmatched_treated, matching.unmatched_control) == (27, 15)
    assert round(matching.caliper, 3) == (0.161 if caliper_sd == "overall" else 0.152)
    assert matching.distance.max() <= matching.caliper


@pytest.mark.parametrize(
    ("order", "caliper_sd", "ratio"),
    [("descending", "overall", 0.51), ("descending", "pooled", 0.57), ("ascending", "overall", 0.43),
     ("ascending", "pooled", 0.41)],
)  # fmt: skip
def test_the_same_52_pairs_give_other_hazard_ratios_by_order_and_deviation(
    order: Any, caliper_sd: Any, ratio: float
) -> None:
    patients, matching = cohort(), match(imn_score(), caliper_sd=caliper_sd, order=order)
    rows = np.flatnonzero(matching.pair >= 0)
    arguments = (patients.time[rows], patients.event[rows], patients.treatment[rows], np.ones((1, 104)))
    assert round(float(np.exp(batched_effects(*arguments).log_hazard_ratio[0])), 2) == ratio


@given(st.integers(0, 10_000), st.sampled_from(["descending", "ascending", "closest"]))
@moderate
def test_row_order_is_irrelevant_where_ranks_follow_the_patients(seed: int, order: Any) -> None:
    identifiers = cohort().identifiers
    rows = np.random.default_rng(seed).permutation(146)
    first = match(imn_score(), order=order, tie_rank=tie_ranks(identifiers, 1))
    second = match(imn_score(rows), order=order, tie_rank=tie_ranks([identifiers[row] for row in rows], 1))
    pairs = {(identifiers[i], identifiers[j]) for i, j in zip(first.treated, first.control, strict=True)}
    shuffled = zip(rows[second.treated], rows[second.control], strict=True)
    assert {(identifiers[i], identifiers[j]) for i, j in shuffled} == pairs


def test_pairs_are_numbered_and_everybody_is_counted() -> None:
    matching = match(imn_score(), order="closest")
    assert sorted(matching.pair[matching.pair >= 0].tolist()) == sorted(list(range(matching.n_pairs)) * 2)
    np.testing.assert_array_equal(matching.pair[matching.treated], matching.pair[matching.control])
    assert 2 * matching.n_pairs + matching.unmatched_treated + matching.unmatched_control == 146


def test_a_wide_caliper_uses_up_the_smaller_arm_and_none_asks_for_more_controls() -> None:
    matching = match(imn_score(), caliper=1e6)
    assert matching.n_pairs == 67
    with pytest.raises(InputError, match=r"There are fewer controls \(67\) than treated patients \(79\)"):
        match(imn_score(), caliper=None)


def test_by_hand_ties_go_to_the_same_covariates() -> None:
    # One treated to two controls at x1 = 0, two to one at x1 = 1, whatever x2: the score is that of x1 alone.
    cells = [(0, x2, arm) for x2 in (0, 1) for arm in (1, 0, 0)] + [(1, x2, arm) for x2 in (0, 1) for arm in (1, 1, 0)]
    x = np.array(cells, dtype=float)
    for seed in range(5):
        matching = match(propensity(x[:, 2], x[:, :2]), seed=seed)
        partners = x[matching.treated, :2], x[matching.control, :2]
        assert matching.n_pairs == 4
        low = partners[0][:, 0] == 0
        np.testing.assert_array_equal(partners[0][low], partners[1][low])


def test_ranks_differ_by_seed_and_repeated_identifiers_are_refused() -> None:
    identifiers = [f"P{i}" for i in range(50)]
    assert sorted(tie_ranks(identifiers, 1).tolist()) == list(range(50))
    assert tie_ranks(identifiers, 1).tolist() != tie_ranks(identifiers, 2).tolist()
    with pytest.raises(InputError, match="`identifiers` must be distinct"):
        tie_ranks(["A", "A"], 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "best"}, InputError, "`method` must be 'nearest', 'optimal'"),
        ({"caliper": 0}, InputError, "`caliper` must be greater than 0; it is 0"),
        ({"caliper": np.nan}, InputError, "`caliper` must be a finite number; it is nan"),
        ({"caliper_sd": "all"}, InputError, "`caliper_sd` must be 'pooled' or 'overall'; it is 'all'"),
        ({"order": "random"}, InputError, "`order` must be 'descending', 'ascending' or 'closest'"),
        ({"tie_rank": [1, 2]}, InputError, "`tie_rank` must have 146 elements"),
    ],
)
def test_what_is_no_option_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        match(imn_score(), **options)


def test_options_have_defaults_describe_themselves_and_refuse_the_rest() -> None:
    options = MatchOptions()
    assert (options.caliper, options.caliper_sd, options.order) == (0.2, "pooled", "descending")
    assert all(field.description for field in MatchOptions.model_fields.values())
    for wrong in ({"ratio": 0}, {"caliper": 0}, {"replace": True}):
        with pytest.raises(ValidationError):
            MatchOptions.model_validate(wrong)


def test_a_plan_can_say_that_there_is_no_caliper() -> None:
    assert MatchOptions.model_validate({"caliper": "none"}).caliper is None
    assert MatchOptions.model_validate({"caliper": 0.3}).caliper == 0.3
    with pytest.raises(ValidationError):
        MatchOptions.model_validate({"caliper": "nothing"})
