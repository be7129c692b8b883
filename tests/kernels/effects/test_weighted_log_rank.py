import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.curve_tests.robust import robust_log_rank
from counterpoise.kernels.effects.weighted_log_rank import weighted_log_rank
from tests.kernels.effects.chain import SCHEMES, by_case_weight, cohort, known, stacked_model, weights_under

moderate = settings(max_examples=25, deadline=None)


@moderate
@given(seed=st.integers(0, 10_000), groups=st.integers(2, 4), stratified=st.booleans())
def test_with_known_weights_and_breslows_ties_it_is_the_robust_test(seed: int, groups: int, stratified: bool) -> None:
    data, rng = cohort(seed, 40), np.random.default_rng(seed)
    group = np.concatenate([np.arange(groups), rng.integers(0, groups, 40 - groups)])
    weights = rng.exponential(size=40) + 0.1
    stratum = data.stratum if stratified else None
    ours = weighted_log_rank(data.time, data.event, group, known(weights), stratum=stratum, ties="breslow")
    theirs = robust_log_rank(data.time, data.event, group, weights, stratum=stratum)
    np.testing.assert_allclose(ours.fixed_covariance, theirs.variance[1:, 1:], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ours.score, (theirs.observed - theirs.expected)[1:], rtol=0, atol=1e-10)
    if theirs.degrees_of_freedom == groups - 1:
        assert ours.fixed_statistic == pytest.approx(theirs.statistic, rel=1e-7)
        assert ours.fixed_p_value == pytest.approx(theirs.p_value, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("structure", ["plain", "strata", "late entry"])
def test_its_covariance_is_that_of_the_score_through_the_whole_chain(structure: str) -> None:
    data = cohort(11, 20)
    entry = data.entry if structure == "late entry" else None
    stratum = data.stratum if structure == "strata" else None
    for estimand, stabilised in (SCHEMES[0], SCHEMES[4]):

        def chain(case: Floats, estimand: str = estimand, stabilised: bool = stabilised) -> Floats:
            weights = weights_under(data, case, estimand, stabilised=stabilised)  # pyright: ignore[reportArgumentType]
            at_zero = cox(
                data.time, data.event, data.treated.astype(float), weights=weights, max_steps=0, entry=entry,
                stratum=stratum,
            )  # fmt: skip
            assert at_zero.influence is not None
            return at_zero.influence.sum(axis=0) / at_zero.naive_covariance[0, 0]

        derivatives = by_case_weight(chain, 20)
        model = stacked_model(data, estimand, stabilised=stabilised)
        found = weighted_log_rank(data.time, data.event, data.treated, model, entry=entry, stratum=stratum)
        assert found.stacked_covariance[0, 0] == pytest.approx(float(np.square(derivatives).sum()), rel=1e-8)
        assert found.stacked_statistic == pytest.approx(found.score[0] ** 2 / found.stacked_covariance[0, 0])


def test_it_exists_where_the_hazard_ratio_is_infinite() -> None:
    test = weighted_log_rank([1, 2, 3, 4], [1, 1, 0, 0], [1, 1, 0, 0], known(np.ones(4)))
    # expected of the treated: 2/4 and 1/3
    assert test.score[0] == pytest.approx(2 - 1 / 2 - 1 / 3)
    assert np.isfinite(test.fixed_statistic)


def test_without_events_there_is_nothing_to_compare() -> None:
    test = weighted_log_rank([1, 2, 3, 4], [0, 0, 0, 0], [1, 1, 0, 0], known(np.ones(4)))
    assert np.isnan([test.fixed_statistic, test.stacked_statistic, test.stacked_p_value]).all()


def test_bad_input() -> None:
    model = known(np.ones(3))
    good = {"time": [1, 2, 3], "event": [1, 1, 0], "group": ["a", "b", "b"]}
    for change, message in (
        ({"group": ["a", "a", "a"]}, "at least two levels"),
        ({"group": ["a", None, "b"]}, "`group` must be known"),
        ({"model": known(np.array([0.0, 1.0, 1.0]))}, "at least two levels"),
        ({"cluster": [1, 1, 1]}, "at least as many clusters"),
        ({"time": [1, -2, 3]}, "`time` must be finite and non-negative"),
        ({"event": [1, np.nan, 0]}, "`event` must be finite"),
        ({"entry": [0, 5, 0]}, "`entry` must be before"),
        ({"stratum": [0, np.nan, 0]}, "`stratum` must not be missing"),
        ({"ties": "exact"}, "`ties` must be"),
    ):
        with pytest.raises(InputError, match=message):
            weighted_log_rank(**({"model": model} | good | change))  # pyright: ignore[reportArgumentType]
