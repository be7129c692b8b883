from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.kernels.cox.fit import cox
from counterpoise.kernels.sandwich import group_codes, sandwich, sum_by_cluster
from tests.golden import dataset, floats, golden


def test_by_hand() -> None:
    influence = np.array([[1.0, 0.0], [2.0, -1.0], [-3.0, 1.0]])
    np.testing.assert_array_equal(sandwich(influence), [[14.0, -5.0], [-5.0, 2.0]])
    # clusters {1, 3} and {2}: sums (-2, 1) and (2, -1)
    np.testing.assert_array_equal(sandwich(influence, ["x", "y", "x"]), [[8.0, -4.0], [-4.0, 2.0]])
    np.testing.assert_array_equal(sum_by_cluster(influence, [7, 3, 7]), [[2.0, -1.0], [-2.0, 1.0]])


def test_rows_of_one_patient_agree_with_r() -> None:
    d = dataset("cgd")
    x = np.column_stack([d["treat"] == "rIFN-g", d["age"], d["inherit"] == "autosomal"])
    fit = cox(d["tstop"], d["status"], x, entry=d["tstart"], robust=True)
    assert fit.influence is not None
    expected = floats(golden("cox", "tight_cgd_ag")["robust_vcov"])
    np.testing.assert_allclose(sandwich(fit.influence, d["id"]), expected, rtol=1e-10, atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 4))
def test_agrees_with_a_loop_over_clusters(seed: int, n: int, p: int) -> None:
    g = np.random.default_rng(seed)
    influence, cluster = g.normal(size=(n, p)), g.integers(-3, 4, n)
    slow = np.zeros((p, p))
    for label in set(cluster.tolist()):
        total = sum((influence[i] for i in range(n) if cluster[i] == label), start=np.zeros(p))
        slow += np.outer(total, total)
    np.testing.assert_allclose(sandwich(influence, cluster), slow, rtol=1e-10, atol=1e-12)
    names = np.array([f"centre {c}" for c in cluster])
    np.testing.assert_allclose(sandwich(influence, names), slow, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(sandwich(influence, np.arange(n)), sandwich(influence), rtol=1e-10, atol=1e-12)


def test_one_cluster_of_residuals_that_sum_to_zero_has_no_variance() -> None:
    np.testing.assert_array_equal(sandwich(np.array([[1.0], [-1.0]]), [0, 0]), [[0.0]])
    np.testing.assert_array_equal(sandwich(np.array([[3.0]]), [9]), [[9.0]])


@pytest.mark.parametrize("labels", [[0.0, np.nan, 1.0], ["a", None, "b"], np.array(["a", np.nan, 1], dtype=object)])
def test_labels_may_not_be_missing(labels: Any) -> None:
    with pytest.raises(InputError, match=r"`cluster` must not be missing; 1 of 3 is not \(first at index 1\)"):
        sandwich(np.ones((3, 1)), labels)


def test_labels_are_one_a_row_and_of_one_kind() -> None:
    with pytest.raises(InputError, match="`stratum` must have 3 elements, one a row"):
        group_codes("stratum", [1, 2], 3)
    with pytest.raises(InputError, match="labels of one kind"):
        group_codes("stratum", np.array(["a", 1, 2], dtype=object), 3)
    assert group_codes("stratum", [True, False], 2).tolist() == [1, 0]
