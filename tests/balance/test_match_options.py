"""The options of matching: what belongs to which method, and one sentence for each thing that does not."""

from typing import Any, get_type_hints

import pytest
from pydantic import ValidationError

from counterpoise.balance import MatchKeywords, MatchOptions, breaks_ties, match_options
from counterpoise.balance.match_options import USED
from counterpoise.errors import InputError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "best"}, "`method` must be 'nearest', 'optimal', 'full', 'subclass', 'coarsened'"),
        ({"method": "subclass", "caliper": 0.2}, None),
        ({"method": "subclass", "caliper": 0.3}, "`caliper` is not used by the method subclass; it belongs to"),
        ({"method": "full", "replacement": True}, "`replacement` is not used by the method full;"),
        ({"method": "nearest", "estimand": "ATE"}, "`estimand` is not used by the method nearest; it belongs to"),
        ({"method": "full", "estimand": "ATO"}, "`estimand` must be 'ATT', 'ATE' or 'ATC'; it is 'ATO'"),
        ({"method": "exact", "cutpoints": {"age": 3}}, "`cutpoints` is not used by the method exact; it belongs"),
        ({"tolerance": 0.2}, "`tolerance` is not used by the method nearest; it belongs to cardinality"),
        ({"exact": ["sex"], "anti_exact": ["sex"]}, "`exact` and `anti_exact` both name `sex`"),
        ({"ratio": 2, "max_ratio": 2}, "`max_ratio` must be more than `ratio`, which is the mean; it is 2"),
        ({"max_ratio": 3, "replacement": True}, "`max_ratio` and `replacement` exclude each other"),
        ({"stability": 0, "stability_orders": ["closest"]}, "`stability_orders` needs `stability`"),
        ({"method": "optimal", "min_controls": "1/2"}, "`min_controls` must be a whole number; it is 0.5"),
        ({"method": "full", "min_controls": 0.4}, "`min_controls` must be a whole number or one over one; it is 0.4"),
        ({"method": "full", "min_controls": "a third"}, "`min_controls` must be a number, or one whole number over"),
        ({"method": "full", "min_controls": "1/0"}, "`min_controls` must be a number, or one whole number over"),
        ({"method": "full", "min_controls": 3, "max_controls": 2}, "`min_controls` must not exceed `max_controls`"),
        ({"method": "optimal", "ratio": 2, "max_controls": 1}, "`ratio` must lie between `min_controls` and"),
        ({"covariate_calipers": {"age": -1}}, "`covariate_calipers` must be greater than or equal to 0"),
        ({"nearst": 1}, "`nearst` is no option of matching"),
        ({"caliper": float("nan")}, "`caliper` must be a finite number"),
    ],
)  # fmt: skip
def test_impossible_options_are_one_sentence(options: Any, message: str | None) -> None:
    if message is None:
        match_options(options)
        return
    with pytest.raises(InputError) as caught:
        match_options(options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValidationError):
        MatchOptions.model_validate(options)


def test_keywords_and_options_have_the_same_names() -> None:
    assert set(get_type_hints(MatchKeywords)) | {"referent"} == set(MatchOptions.model_fields)
    known = {key for keys in USED.values() for key in keys}
    assert known | {"method"} == set(MatchOptions.model_fields)
    assert all(field.description for field in MatchOptions.model_fields.values())


@pytest.mark.parametrize(
    ("options", "caliper"),
    [
        ({}, 0.2),
        ({"caliper": "none"}, None),
        ({"method": "optimal"}, None),
        ({"method": "optimal", "caliper": 0.2}, 0.2),
        ({"method": "full"}, None),
        ({"method": "full", "caliper": 0.5}, 0.5),
        ({"method": "exact"}, None),
    ],
)
def test_the_caliper_that_holds(options: Any, caliper: float | None) -> None:
    assert match_options(options).score_caliper == caliper


def test_fractions_are_read_and_columns_listed_once() -> None:
    options = match_options({"method": "full", "min_controls": "1/3", "max_controls": 4})
    assert (options.min_controls, options.max_controls) == (1 / 3, 4.0)
    named = MatchOptions(exact=("sex", "age"), covariate_calipers={"age": 5})
    assert (named.columns, named.measured) == (("sex", "age"), ("age",))
    coarse = MatchOptions(method="coarsened", cutpoints={"age": (40.0, 50.0), "size": 3, "dose": "q5"})
    assert coarse.cutpoints == {"age": (40.0, 50.0), "size": 3, "dose": "q5"}


@pytest.mark.parametrize("method", USED)
def test_which_methods_break_ties(method: Any) -> None:
    assert breaks_ties(MatchOptions(method=method)) == (method not in ("coarsened", "exact"))
