"""Two treatments whose combinations are the groups, and groups that are something else."""

import pytest

from counterpoise.design import Design, Selection, make_design
from counterpoise.errors import DataError
from tests.cohort.tables import category
from tests.design.test_study_design import BOOST, patients, times

GROUPED = BOOST.model_copy(update={"groups": "group"})
CROSSED = Selection(factorial=("seen", "boost"))
FOUR = category("A", "B", "C", "D")


def designed(groups: list[object], selection: Selection = CROSSED, **columns: list[object]) -> Design:
    flags = {name: ("flag", values) for name, values in columns.items()}
    table = patients(group=(FOUR, groups), **flags)
    return make_design(table, [times([1, 0, 0, 1])], GROUPED, selection)


def test_the_four_combinations_are_coded_whatever_the_names_of_the_groups() -> None:
    design = designed(["D", "A", "C", "B"])
    assert design.factorial is not None
    assert (design.factorial.first.name, design.factorial.second.name) == ("seen", "boost")
    assert design.factorial.codes.tolist() == [1, 3, 0, 2]
    assert designed(["D", "A", "C", "B"], Selection()).factorial is None


@pytest.mark.parametrize(
    ("groups", "seen", "what"),
    [
        (["A", "A", "B", "C"], [1, 1, 0, 0], "`A` holds 2 combinations of `seen` and `boost`"),
        (["A", "B", "C", "D"], [1, 1, 1, 1], "`A` and `C` are one combination of `seen` and `boost`"),
        (["A", "B", "A", "B"], [1, 1, 1, 1], "only 2 of the 4 combinations of `seen` and `boost` occur"),
        (["A", "B", "C", "D"], [1, None, 0, 0], "`seen` is not known for 1 of 4 included patients"),
    ],
)
def test_groups_that_are_no_combinations_are_refused(groups: list[object], seen: list[object], what: str) -> None:
    with pytest.raises(DataError) as caught:
        designed(groups, seen=seen)
    assert str(caught.value).startswith(f"plan: balance.groups.factorial: {what}; ")


def test_the_two_treatments_must_be_flags_and_the_covariates_usable() -> None:
    with pytest.raises(DataError, match=r"balance\.groups\.factorial: `age` must be of kind flag"):
        designed(["A", "B", "C", "D"], Selection(factorial=("age", "boost")))
    with pytest.raises(DataError, match=r"balance\.groups\.covariates: `pcr` has one value only"):
        designed(["A", "B", "C", "D"], Selection(group_score=("pcr",)), pcr=[1, 1, 1, 1])


def test_the_covariates_of_the_groups_cross_the_border() -> None:
    design = designed(["A", "B", "C", "D"], Selection(score=("age",), group_score=("age", "pcr")))
    assert design.group_score is not None
    assert design.group_score.labels == ("age", "pcr")
