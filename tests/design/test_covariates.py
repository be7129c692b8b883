import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.design import Covariate, covariate, design_terms, level_indicators
from counterpoise.errors import InputError
from counterpoise.read import Column
from tests.cohort.tables import category, table_of


def test_numbers_keep_their_values_and_missing_becomes_nan() -> None:
    table = table_of(age=(Column(kind="integer", label="Age", unit="years"), [40, None, 61]))
    age = covariate(table, "age")
    np.testing.assert_array_equal(age.values, [40, np.nan, 61])
    assert (age.full_label, age.levels, age.is_numeric) == ("Age, years", (), True)


def test_a_column_without_a_label_is_called_by_its_name() -> None:
    item = covariate(table_of(age=("number", [1.5, 2.5])), "age")
    assert (item.label, item.full_label) == ("age", "age")


def test_a_flag_has_two_levels_even_where_one_does_not_occur() -> None:
    table = table_of(pcr=("flag", [1, 1, None]), lvi=(Column(kind="flag", levels={"1": "Present"}), [0, 1, 0]))
    pcr, lvi = covariate(table, "pcr"), covariate(table, "lvi")
    assert pcr.levels == ("No", "Yes")
    assert lvi.levels == ("No", "Present")
    assert not pcr.is_numeric
    np.testing.assert_array_equal(pcr.values, [1, 1, np.nan])


def test_a_category_keeps_the_order_of_the_codebook_and_drops_what_does_not_occur() -> None:
    table = table_of(stage=(category(T3="cT3", T2="cT2", T1="cT1"), ["T3", None, "T1", "T3"]))
    stage = covariate(table, "stage")
    assert stage.levels == ("cT3", "cT1")
    np.testing.assert_array_equal(stage.values, [0, np.nan, 1, 0])


def test_a_category_without_a_codebook_is_sorted() -> None:
    assert covariate(table_of(stage=("category", ["b", "a", "b"])), "stage").levels == ("a", "b")


def test_a_category_that_is_missing_throughout_is_no_number() -> None:
    item = covariate(table_of(stage=(category("T1", "T2"), [None, None])), "stage")
    assert item.levels == ()
    assert not item.is_numeric
    assert np.isnan(item.values).all()


@pytest.mark.parametrize("kind", ["date", "text", "id"])
def test_what_no_model_can_hold_is_refused_by_name(kind: str) -> None:
    table = table_of(when=(Column.model_validate({"kind": kind}), ["2020-01-31", None]))
    with pytest.raises(InputError, match=f"`when` must be a number, a flag or a category; its kind is {kind}"):
        covariate(table, "when")


def test_terms_expand_categories_against_their_first_level() -> None:
    table = table_of(
        age=("integer", [40, 50, 60]),
        stage=(category("T1", "T2", "T3"), ["T1", "T2", "T3"]),
        pcr=(Column(kind="flag", label="pCR"), [0, 1, 1]),
    )
    terms = design_terms([covariate(table, name) for name in ("age", "stage", "pcr")])
    np.testing.assert_array_equal(terms.x, [[40, 0, 0, 0], [50, 1, 0, 1], [60, 0, 1, 1]])
    assert terms.labels == ("age", "stage: T2", "stage: T3", "pCR")
    assert terms.groups == ((0,), (1, 2), (3,))
    assert terms.complete.tolist() == [True, True, True]


def test_a_missing_value_is_missing_in_every_column_of_its_covariate() -> None:
    table = table_of(stage=(category("T1", "T2", "T3"), ["T1", None, "T3", "T2"]), age=("integer", [1, 2, None, 4]))
    terms = design_terms([covariate(table, "stage"), covariate(table, "age")])
    expected = [[False] * 3, [True, True, False], [False, False, True], [False] * 3]
    np.testing.assert_array_equal(np.isnan(terms.x), expected)
    assert terms.complete.tolist() == [True, False, False, True]


def test_no_covariates_are_an_empty_matrix() -> None:
    terms = design_terms([])
    assert (terms.x.shape, terms.labels, terms.groups) == ((0, 0), (), ())


def test_balance_sees_every_level() -> None:
    table = table_of(
        age=(Column(kind="number", unit="years"), [40.0, 50.0]), stage=("category", ["I", None]), pcr=("flag", [0, 1])
    )
    columns, names = level_indicators(covariate(table, "age"))
    assert (columns.tolist(), names) == ([[40.0], [50.0]], ("age, years",))
    columns, names = level_indicators(covariate(table, "pcr"))
    assert (columns.tolist(), names) == ([[0.0], [1.0]], ("pcr",))
    columns, names = level_indicators(covariate(table, "stage"))
    assert names == ("stage: I",)
    np.testing.assert_array_equal(columns, [[1], [np.nan]])


@given(st.lists(st.sampled_from([0, 1, 2, None]), min_size=3, max_size=30))
def test_the_indicators_of_a_category_add_up_to_one(codes: list[int | None]) -> None:
    values = np.array([np.nan if code is None else float(code) for code in codes])
    item = Covariate("stage", "Stage", "", "category", values, ("I", "II", "III"))
    known = ~np.isnan(values)
    indicators, _ = level_indicators(item)
    np.testing.assert_array_equal(indicators[known].sum(axis=1), 1)
    np.testing.assert_array_equal(indicators[:, 1:], design_terms([item]).x)
