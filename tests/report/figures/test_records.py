import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from counterpoise.errors import InputError
from counterpoise.report.figures import (
    DistanceFigure,
    ForestFigure,
    ForestRow,
    JitterFigure,
    JitterRow,
    LoveFigure,
    LoveSeries,
    OverlapArm,
    SurvivalFigure,
    SurvivalPanel,
    ToxicityBar,
    ToxicityFigure,
    ToxicityOrgan,
    ToxicityPanel,
)
from tests.report.figures import samples


def test_records_are_importable_without_the_drawing_library() -> None:
    code = "import sys; import counterpoise.report.figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_arrays_of_a_curve_must_agree() -> None:
    curve = samples.simulated_lines(("A",), 20, (0.01,))[0]
    with pytest.raises(InputError, match="`lower` of 'A' must hold"):
        replace(curve, lower=curve.lower[1:])


def test_every_tick_has_its_number_at_risk() -> None:
    curve = samples.simulated_lines(("A",), 20, (0.01,))[0]
    with pytest.raises(InputError, match="`at_risk` of 'A' must hold 3 elements; it holds 9"):
        SurvivalPanel("", (curve,), (0.0, 12.0, 24.0), "", "")


def test_counts_of_panels_arms_and_ticks_are_limited() -> None:
    panel = samples.survival_figure(1, samples.TWO).panels[0]
    with pytest.raises(InputError, match="`panels` must hold 1 to 4"):
        SurvivalFigure((panel,) * 5)
    with pytest.raises(InputError, match="`curves` must hold 1 to 6"):
        replace(panel, curves=())
    with pytest.raises(InputError, match="`ticks` must hold at least 2"):
        replace(panel, ticks=(0.0,))


def test_forest_rows_fill_their_columns() -> None:
    with pytest.raises(InputError, match="`columns` of 'A' must hold 2 elements; it holds 1"):
        ForestFigure((ForestRow("A", 0, ("1",)),), ("", "n", "HR"), "")
    with pytest.raises(InputError, match="at least 1 row"):
        ForestFigure((), ("",), "")


def test_love_series_and_groups_have_one_element_a_name() -> None:
    with pytest.raises(InputError, match="`values` of 'S' must hold 2"):
        LoveFigure(("a", "b"), (LoveSeries("S", np.zeros(3)),))
    with pytest.raises(InputError, match="`groups` must hold 2"):
        LoveFigure(("a", "b"), (LoveSeries("S", np.zeros(2)),), ("g",))
    with pytest.raises(InputError, match="at least 1 name"):
        LoveFigure((), ())


def test_weights_and_percentages_must_agree_in_length() -> None:
    with pytest.raises(InputError, match="`weights` of 'A' must hold 3"):
        OverlapArm("A", np.zeros(3), np.ones(2))
    with pytest.raises(InputError, match="`percent` of 'Skin' must hold 1"):
        ToxicityFigure(
            (ToxicityPanel("", (ToxicityOrgan("Skin", (ToxicityBar("A", np.zeros(2)),)),)),),
            ("Grade 1",),
        )
    with pytest.raises(InputError, match="`grades` must hold 1 to 5"):
        ToxicityFigure((ToxicityPanel("", ()),), ())
    with pytest.raises(InputError, match="`panels` must hold at least 1"):
        ToxicityFigure((), ("Grade 1",))


def test_points_have_a_weight_each_and_rows_are_limited() -> None:
    with pytest.raises(InputError, match="`weights` of 'A' must hold 3"):
        JitterRow("A", np.zeros(3), True, True, np.ones(2))
    with pytest.raises(InputError, match="`rows` must hold 1 to 8 rows; it holds 0"):
        JitterFigure(())
    with pytest.raises(InputError, match="`distance` must hold at least 1 distance"):
        DistanceFigure(np.zeros(0), "")
