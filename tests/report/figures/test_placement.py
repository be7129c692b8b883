import numpy as np
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from counterpoise.report.figures.placement import Block, Line, is_free, place

NOTE = Block((Line("HR 0.54 (95% CI 0.26–1.13)"), Line("P = .10")))


def test_an_empty_plot_takes_the_lower_left_corner() -> None:
    found = place((NOTE,), np.empty((0, 4)), 60, 45)
    assert found is not None
    assert found[0][:2] == (2.0, 0.8)


def test_a_full_plot_has_no_place() -> None:
    assert place((NOTE,), np.array([[0.0, 0.0, 60.0, 45.0]]), 60, 45) is None


def test_a_block_wider_than_the_plot_has_no_place() -> None:
    assert place((NOTE,), np.empty((0, 4)), 20, 45) is None


def test_blocks_do_not_lie_on_one_another() -> None:
    found = place((NOTE, NOTE, NOTE), np.empty((0, 4)), 60, 45)
    assert found is not None
    assert all(is_free(one, np.array([other])) for one in found for other in found if one != other)
    assert len(set(found)) == 3


@settings(max_examples=40, deadline=None)
@given(arrays(float, (6, 2), elements=st.floats(0, 60)), arrays(float, (6, 2), elements=st.floats(0, 6)))
def test_a_place_is_inside_and_touches_nothing(corner: np.ndarray, size: np.ndarray) -> None:
    obstacles = np.column_stack((corner, corner + size))
    found = place((NOTE,), obstacles, 60, 45)
    if found is not None:
        left, bottom, right, top = found[0]
        assert 0 <= left < right <= 60
        assert 0 <= bottom < top <= 45
        covered = (
            (np.minimum(obstacles[:, 2], right) > np.maximum(obstacles[:, 0], left))
            & (np.minimum(obstacles[:, 3], top) > np.maximum(obstacles[:, 1], bottom))
        )  # fmt: skip
        assert not covered.any()


def test_the_lines_of_a_block_are_set_from_the_top() -> None:
    block = Block((Line("Boost", 0, indent=True), Line("HR 0.54")))
    first, second = block.baselines()
    assert 0 < first < second < block.height
    assert block.left(block.lines[0]) > block.left(block.lines[1]) == 0
