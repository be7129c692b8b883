import numpy as np
import pytest

from counterpoise.balance import GroupCandidates, GroupWeightOptions, weigh_groups

LABELS = ("A", "B", "C")


def candidates(x: np.ndarray, arm: np.ndarray) -> GroupCandidates:
    names = tuple(f"x{column}" for column in range(x.shape[1]))
    return GroupCandidates(LABELS, arm, x, names, x, names)


def cohort(seed: int = 1, n: int = 90) -> GroupCandidates:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return candidates(x, (np.arange(n) % 3 + (x[:, 0] > 0.5)) % 3)


@pytest.mark.parametrize("estimand", ["ATE", "ATO", "ATM", "ATEN"])
def test_weights_bring_the_groups_nearer_each_other(estimand: str) -> None:
    made = weigh_groups(cohort(), GroupWeightOptions.model_validate({"estimand": estimand}))
    assert made.balance is not None
    assert made.balance.weighted is not None
    assert made.balance.weighted.largest.max() < made.balance.unadjusted.largest.max() / 2
    assert sum(made.sizes) == 90
    assert all(1 <= effective <= size for effective, size in zip(made.effective_sizes, made.sizes, strict=True))
    assert min(made.heaviest) > 1


def test_the_focal_group_keeps_its_patients_and_is_the_yardstick() -> None:
    made = weigh_groups(cohort(), GroupWeightOptions(estimand="ATT", focal="B"))
    assert made.model is not None
    assert made.balance is not None
    np.testing.assert_allclose(made.model.weights[cohort().arm == 1], 1.0, rtol=1e-12)
    assert made.effective_sizes[1] == pytest.approx(made.sizes[1])
    assert made.balance.denominator == "of arm 1"


def test_a_focal_group_that_nobody_is_in_is_the_reason() -> None:
    made = weigh_groups(cohort(), GroupWeightOptions(estimand="ATT", focal="Z"))
    assert made.model is None
    assert made.reason.startswith("`focal` must be one of A, B, C, the groups of the patients who have a score")


def test_separated_groups_are_named_with_the_column_and_the_remedy_and_a_penalty_has_an_answer() -> None:
    found = cohort()
    telling = (found.arm == 2).astype(float)
    parted = candidates(np.column_stack([found.x, telling]), found.arm)
    made = weigh_groups(parted, GroupWeightOptions())
    assert (made.model, made.balance) == (None, None)
    assert np.isnan(made.effective_sizes).all()
    assert "x2 tells groups apart without exception" in made.reason
    assert "A from C" in made.reason
    assert "B from C" in made.reason
    assert made.reason.endswith("or set `penalty`.")
    assert weigh_groups(parted, GroupWeightOptions(penalty=1.0)).reason == ""


def test_collinear_columns_are_named() -> None:
    found = cohort()
    made = weigh_groups(candidates(found.x[:, [0, 1, 0]], found.arm), GroupWeightOptions())
    assert "x2" in made.reason
    assert "collinear" in made.reason
