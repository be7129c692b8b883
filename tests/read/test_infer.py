import pytest

from counterpoise.read.codebook import Kind
from counterpoise.read.infer import infer_kind, infer_labelled, natural_order


@pytest.mark.parametrize(
    ("values", "rows", "kind"),
    [
        ((), 9, "text"),
        (("1",), 9, "flag"),
        (("0", "1"), 9, "flag"),
        (("0", "1", "2"), 9, "integer"),
        (("1", "2"), 9, "integer"),
        (("1.0", "2"), 9, "integer"),
        (("1.5", "2"), 9, "number"),
        (("007", "012"), 2, "category"),
        (("0.5", "0"), 9, "number"),
        (("2020-01-31", "2020/2/1"), 9, "date"),
        (("2020-01-31", "31/01/2020"), 9, "category"),
        (("31/01/2020", "30/01/2020", "29/01/2020"), 3, "text"),
        (("20200131",), 9, "integer"),
        (("yes", "no"), 9, "category"),
        (("a", "b"), 2, "category"),
        (("a", "b", "c"), 5, "text"),
        (("a", "b", "c"), 6, "category"),
        (("x", *map(str, range(100, 121))), 1000, "text"),
        (("1,5", "2"), 9, "category"),
    ],
)
def test_kinds_are_inferred_with_caution(values: tuple[str, ...], rows: int, kind: Kind) -> None:
    assert infer_kind(set(values), rows) == kind


def test_decimal_commas_count_where_the_file_allows_them() -> None:
    assert infer_kind({"1,5", "2"}, 9, decimal_comma=True) == "number"
    assert infer_kind({"1.5", "2"}, 9, decimal_comma=True) == "number"
    assert infer_kind({"1,5", "2.5"}, 9, decimal_comma=True) == "category"


def test_value_labels_must_cover_every_value() -> None:
    assert infer_labelled({"1", "3"}, {"1": "Low", "2": "High"}) is None
    assert infer_labelled(set(), {"1": "Low"}) is None
    column = infer_labelled({"1"}, {"0": "No", "1": "Yes"})
    assert column is not None
    assert column.kind == "flag"


def test_codes_are_sorted_by_size_and_alphabet() -> None:
    assert natural_order({"b", "10", "2", "a", "-1"}) == ["2", "10", "-1", "a", "b"]
