import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from counterpoise.errors import InputError
from counterpoise.report.document import Value
from counterpoise.report.format import MINUS, NO_BREAK
from counterpoise.report.numbers import Number, Numbers, collect_numbers, printed, slug
from counterpoise.study import Study

NAN = float("nan")


# The registry ------------------------------------------------------------------------------------------------------


def test_an_id_is_given_once_only() -> None:
    with pytest.raises(InputError, match=r"Two results have the id `os\.events`\."):
        Numbers([Number("os.events", 30), Number("os.n", 146), Number("os.events", 31)])


def test_it_is_a_mapping_in_the_order_given() -> None:
    numbers = Numbers([Number("b", 1), Number("a", 2)])
    assert list(numbers) == ["b", "a"]
    assert len(numbers) == 2
    assert "a" in numbers
    assert "c" not in numbers
    assert numbers["a"].value == 2
    with pytest.raises(KeyError):
        numbers["c"]


@pytest.mark.parametrize(
    ("style", "value", "text"),
    [
        ("count", 146, "146"),
        ("count", 12345, "12,345"),
        ("count", NAN, "–"),
        ("number", 2.675, "2.68"),
        ("number0", 59.5, "60"),
        ("number1", -0.04, "0.0"),
        ("number2", -1.005, f"{MINUS}1.01"),
        ("number3", 0.0455, "0.046"),
        ("number4", 30.4375, "30.4375"),
        ("number2", NAN, "–"),
        ("number2", math.inf, "∞"),
        ("ratio", 0.5442, "0.54"),
        ("ratio", 0.0504, "0.050"),
        ("ratio", NAN, "–"),
        ("percent", 0.7564, "75.6%"),
        ("share", 0.7564, "75.6"),
        ("share", NAN, "–"),
        ("level", 0.95, "95%"),
        ("level", 0.975, "97.5%"),
        ("p", 0.0004, "<0.001"),
        ("p", 0.1399, "0.140"),
        ("p", NAN, "–"),
        ("p_equation", 0.04, f"P{NO_BREAK}={NO_BREAK}0.040"),
        ("p_equation", NAN, "P: not estimable"),
        ("median", 60.62, "60.6"),
        ("median", NAN, "not reached"),
    ],
)
def test_every_style_of_a_value(style: str, value: float, text: str) -> None:
    assert printed(Number("x", value), style) == text


@pytest.mark.parametrize(
    ("style", "fields", "text"),
    [
        ("p_value", {"p_value": 0.0521}, "0.052"),
        ("p_value", {}, "–"),
        ("p_value_equation", {"p_value": 0.0521}, f"P{NO_BREAK}={NO_BREAK}0.052"),
        ("std_error", {"std_error": 0.197}, "0.20"),
        ("std_error", {}, "–"),
        ("ratio_interval", {"lower": 0.234, "upper": 1.006}, "0.23–1.01"),
        ("ratio_interval", {"lower": 0.234, "upper": math.inf}, "0.23–∞"),
        ("ratio_interval", {}, "–"),
        ("share_interval", {"lower": 0.6, "upper": 0.8123}, "60.0–81.2"),
        ("percent_interval", {"lower": -0.02, "upper": 0.3}, f"{MINUS}2.0% to 30.0%"),
        ("number1_interval", {"lower": -1.0, "upper": 2.0}, f"{MINUS}1.0 to 2.0"),
        ("median_interval", {"lower": 48.6, "upper": NAN}, "48.6 to not reached"),
        ("median_interval", {"lower": NAN, "upper": NAN}, "not reached"),
    ],
)
def test_every_style_of_what_stands_beside_a_value(style: str, fields: dict[str, float], text: str) -> None:
    assert printed(Number("x", 1.0, **fields), style) == text  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("style", ["", "numbers", "number9", "numberx", "Count", "odds", "odds_interval"])
def test_a_style_that_does_not_exist_is_refused(style: str) -> None:
    with pytest.raises(InputError, match="There is no way to print a number called"):
        printed(Number("x", 1.0, lower=0.5, upper=2.0), style)


def test_a_count_is_whole() -> None:
    with pytest.raises(InputError, match="A count must be a whole number"):
        printed(Number("x", 59.2), "count")


def test_a_sentence_is_filled_and_traced() -> None:
    numbers = Numbers([Number("os.events", 30), Number("os.hr", 0.5, lower=0.25, upper=1.0)])
    parts = numbers.parts("{os.events:count} deaths, HR {os.hr:ratio} ({os.hr:ratio_interval})")
    assert parts == (
        Value(("os.events",), "30"),
        " deaths, HR ",
        Value(("os.hr",), "0.50"),
        " (",
        Value(("os.hr",), "0.25–1.00"),
        ")",
    )
    assert numbers.text("{events:count} deaths", "os.") == "30 deaths"
    assert numbers.cell("{os.events:count}", span=3).span == 3
    assert numbers.parts("") == ()
    assert numbers.cell("").parts == ()


@pytest.mark.parametrize(
    "text", ["{", "}", "{}", "{a}", "a {b:c} d", "{{os.events:count}", "{os.events}", "{os.events:}", "{:count}"]
)
def test_braces_that_are_no_field_are_text(text: str) -> None:
    numbers = Numbers([Number("os.n", 30)])
    assert numbers.text(text) == text


def test_names_with_colons_blanks_and_braces_are_ids_like_any_other() -> None:
    numbers = Numbers([Number("baseline.ER: positive {%}.p", 0.04), Number("a!r.n", 3)])
    assert numbers.text("P {baseline.ER: positive {%}.p:p}; {a!r.n:count}") == "P 0.040; 3"


@given(st.text(alphabet="{}:ab. ", max_size=30))
def test_filling_loses_no_word_that_is_no_field(text: str) -> None:
    assert Numbers([Number("elsewhere", 1)]).text(text) == text


def test_what_is_not_finite_is_null_and_what_is_empty_is_left_out() -> None:
    entry = Number("x", NAN, lower=0.0, upper=math.inf, p_value=None, n=146, method="")
    assert entry.as_json() == {"id": "x", "value": None, "lower": 0, "upper": None, "n": 146}


@pytest.mark.parametrize(
    ("value", "written"), [(30.0, "30"), (0.1, "0.1"), (1e16, "1e+16"), (-0.0, "0"), (True, "1"), (np.float64(2), "2")]
)
def test_whole_numbers_are_written_whole(value: Any, written: str) -> None:
    assert json.dumps(Number("x", value).as_json()["value"]) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_as_it_was(value: float) -> None:
    assert json.loads(json.dumps(Number("x", value).as_json()))["value"] == value


def test_a_variance_is_called_by_its_first_word() -> None:
    assert slug("naive (weights taken as numbers of patients)") == "naive"
    assert slug("model-based") == "model_based"
    assert slug("robust, weights taken as fixed") == "robust"


# The bundled study -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbers(bundled: Study) -> Numbers:
    return collect_numbers(bundled)


def test_ids_are_keys_joined_by_dots(numbers: Numbers) -> None:
    for key in numbers:
        assert re.fullmatch(r"[a-z][a-zA-Z0-9_]*(\.[a-zA-Z0-9_]+)+", key), key
        assert numbers[key].id == key


def test_ids_are_the_same_at_every_collection(bundled: Study, numbers: Numbers) -> None:
    again = collect_numbers(bundled)
    assert list(again) == list(numbers)
    assert [entry.as_json() for entry in again.values()] == [entry.as_json() for entry in numbers.values()]


def test_ids_name_columns_by_name_and_levels_groups_and_covariates_by_position(numbers: Numbers) -> None:
    for key in (
        "baseline.arms.subtype.l0.g1.count",
        "baseline.groups.age.all.mean",
        "os.univariable.grade3.grade3.hr1",
        "os.multivariable.subtype.hr3",
        "os.groups.multivariable.groups.hr2",
        "os.weighted.treated.rate",
        "subgroups.ct34.l1.treated.events",
        "toxicity.r1.control.grade3_or_more",
        "balance.weighted.c1.smd",
        "score.term0",
        "flow.overlap.1.2",
    ):
        assert key in numbers


def test_every_entry_can_be_written_and_read(numbers: Numbers) -> None:
    text = json.dumps([entry.as_json() for entry in numbers.values()], allow_nan=False)
    read = {entry["id"]: entry for entry in json.loads(text)}
    assert list(read) == list(numbers)
    for key, entry in numbers.items():
        if math.isfinite(entry.value):
            assert read[key]["value"] == entry.value
        else:
            assert read[key]["value"] is None


def test_every_number_is_a_plain_number(numbers: Numbers) -> None:
    for entry in numbers.values():
        for field in (entry.value, entry.lower, entry.upper, entry.std_error, entry.p_value, entry.n, entry.events):
            assert field is None or isinstance(field, int | float), entry.id


def test_shares_and_p_values_lie_between_zero_and_one(numbers: Numbers) -> None:
    for entry in numbers.values():
        if entry.unit == "share" and not entry.id.endswith(".difference") and not math.isnan(entry.value):
            assert 0 <= entry.value <= 1, entry.id
        if entry.p_value is not None and not math.isnan(entry.p_value):
            assert 0 <= entry.p_value <= 1, entry.id


def test_estimates_lie_within_their_intervals(numbers: Numbers) -> None:
    for entry in numbers.values():
        bounds = (entry.lower, entry.value, entry.upper)
        if None not in bounds and not any(math.isnan(bound) for bound in bounds if bound is not None):
            assert list(bounds) == sorted(bounds), entry.id  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_every_hazard_ratio_names_its_variance_its_estimand_and_what_it_rests_on(numbers: Numbers) -> None:
    ratios = [entry for entry in numbers.values() if entry.unit == "hazard ratio"]
    assert len(ratios) > 100
    assert all("variance" in entry.method or "percentile" in entry.method for entry in ratios)
    assert all(entry.estimand and entry.n and entry.events is not None for entry in ratios)
    estimands = {entry.id.split(".")[1]: entry.estimand for entry in ratios if entry.id.endswith(".hazard_ratio")}
    assert estimands["weighted"] == "ATE; marginal"
    assert estimands["unadjusted"] == "crude; marginal"
    assert estimands["matched"] == "matched treated; marginal"


def test_hazard_ratios_agree_with_their_p_values_and_intervals(numbers: Numbers) -> None:
    for entry in numbers.values():
        if entry.unit != "hazard ratio" or entry.std_error is None or math.isnan(entry.value):
            continue
        assert entry.lower is not None
        assert entry.upper is not None
        assert entry.p_value is not None
        middle = math.sqrt(entry.lower * entry.upper)
        assert middle == pytest.approx(entry.value, rel=1e-9), entry.id
        assert (entry.p_value < 0.05) == (entry.lower > 1 or entry.upper < 1), entry.id


def test_counts_add_up(numbers: Numbers) -> None:
    value = {key: entry.value for key, entry in numbers.items()}
    assert value["flow.screened"] - value["flow.excluded"] == value["flow.included"]
    assert value["flow.control"] + value["flow.treated"] == value["flow.included"]
    for name in ("os", "dfs", "lrrfs", "dmfs"):
        for field in ("n", "events"):
            arms = value[f"{name}.control.{field}"] + value[f"{name}.treated.{field}"]
            assert arms == value[f"{name}.all.{field}"] == value[f"{name}.overall.{field}"]
            groups = sum(value[f"{name}.groups.g{position}.{field}"] for position in range(1, 5))
            assert groups == arms
    assert value["matching.patients"] == 2 * value["matching.pairs"]
    assert value["matching.pairs"] + value["matching.unmatched_treated"] == value["flow.treated"]


def test_the_settings_are_those_of_the_plan(bundled: Study, numbers: Numbers) -> None:
    plan = bundled.plan
    assert numbers["settings.horizon"].value == plan.study.horizon_months
    assert numbers["settings.confidence"].value == plan.curves.confidence
    assert numbers["settings.bootstrap_replicates"].value == plan.bootstrap.replicates
    assert numbers["settings.bootstrap_seed"].value == plan.bootstrap.seed
    assert numbers["settings.days_per_month"].value == 30.4375
