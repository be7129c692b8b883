import numpy as np
import pytest

from counterpoise.kernels.cox import design as cox_design
from counterpoise.kernels.cox.design import arrange
from counterpoise.kernels.risk_set import risk_set
from tests.kernels.cox.slow_cox import cohort


def test_rows_are_those_at_risk_at_an_event() -> None:
    time, event, entry = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0], [0, 1, 1, 0, 0, 0], [0.0, 0.0, 0.0, 0.0, 0.0, 4.0]
    x = np.arange(6.0)[:, None]
    whole = arrange(risk_set(time, event), x, np.ones(6), None, "efron")
    assert whole.rows.tolist() == [1, 2, 3, 4, 5]
    assert whole.exit.tolist() == [0, 1, 1, 1, 1]
    assert whole.late is None
    late = arrange(risk_set(time, event, entry), x, np.ones(6), None, "efron")
    assert late.rows.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(late.event_time, [2.0, 3.0])


def test_what_the_design_holds_is_what_was_given() -> None:
    c = cohort(3, n=200, p=3)
    _, codes = np.unique(c.stratum, return_inverse=True)
    design = arrange(risk_set(c.time, c.event, c.entry), c.x, c.weights, codes, "efron", c.x[:, 0])
    given = c.x[design.rows].T
    np.testing.assert_allclose(design.z[1:] * design.scale[:, None] + design.centre[:, None], given, atol=1e-14)
    assert (design.z[0] == 1).all()
    assert design.weights.tolist() == c.weights[design.rows].tolist()
    assert design.offset is not None
    assert design.offset.tolist() == c.x[design.rows, 0].tolist()
    assert set(zip(design.event_stratum.tolist(), design.event_time.tolist(), strict=True)) == set(
        zip(codes[c.event == 1].tolist(), c.time[c.event == 1].tolist(), strict=True)
    )
    died = design.deaths
    np.testing.assert_allclose(design.observed, design.z[:, died] @ design.weights[died], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [10, 60, 4096])
def test_a_sample_decides_on_scale_but_not_on_what_is_constant(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(cox_design, "SAMPLE", size)
    n, g = 300, np.random.default_rng(1)
    time = np.arange(1.0, n + 1)
    rare = np.zeros(n)
    rare[41] = 1.0
    x = np.column_stack([np.full(n, 0.1), 1e9 + g.normal(size=n), rare])
    design = arrange(risk_set(time, np.ones(n)), x, np.ones(n), None, "efron")
    assert not design.z[1].any()
    spread = design.z[2:].std(axis=1)
    assert (spread > 0.5).all()
    assert (spread < 2).all()
