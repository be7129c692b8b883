"""Plans that are unusual but legal, on tables that may have holes: a whole report, or one sentence."""

import copy
import math
import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.errors import PlanError, ProblemsError
from counterpoise.plan import plan_from
from counterpoise.report import Numbers, assemble, collect_numbers
from counterpoise.report.document import Figure
from counterpoise.report.html import render_html
from counterpoise.study import Study, run

EXAMPLE = Path(str(files("counterpoise"))) / "examples" / "imn"
ONE_DOT = {"svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'}
Tree = dict[str, Any]
Made = tuple[Study, Numbers, str]


@cache
def _tree() -> Tree:
    tree = tomllib.loads((EXAMPLE / "study.toml").read_text(encoding="utf-8"))
    for key in ("published", "doses", "toxicity", "response"):
        del tree[key]
    tree["endpoints"] = {key: tree["endpoints"][key] for key in ("os", "dfs")}
    del tree["definitions"]
    tree["table_one"]["rows"] = ["age", "cT", "lvi", "imn_short_axis_mm"]
    tree["bootstrap"]["replicates"] = 0
    tree["data"]["columns"]["centre"] = {"kind": "category", "label": "Centre"}
    return tree


@cache
def _frame() -> pl.DataFrame:
    frame = pl.read_csv(EXAMPLE / "imn_screened.csv", infer_schema=False)
    return frame.with_columns(pl.Series("centre", [f"C{row % 12:02}" for row in range(frame.height)]))


def words_of(page: str) -> str:
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    page = re.sub(r"</(?:p|t[dhr]|li|h\d|div|caption|figcaption)>", " ", page)
    return " ".join(re.sub(r"<[^>]*>", "", page).split())


def make(change: Callable[[Tree], object] = lambda tree: None, **columns: pl.Expr) -> Made:
    """Run a changed plan on a changed table; return the study, its numbers and the words of its page."""
    tree = copy.deepcopy(_tree())
    change(tree)
    study = run(plan_from(tree), _frame().with_columns(**columns))
    numbers = collect_numbers(study)
    document = assemble(study, numbers)
    drawings = {block.name: ONE_DOT for block in document.blocks if isinstance(block, Figure)}
    words = words_of(render_html(document, drawings))
    assert not re.search(r"\b(nan|None|inf|True|False)\b", words)
    assert "{" not in words
    assert "– (–" not in words
    return study, numbers, words


def settings(**sections: Tree) -> Callable[[Tree], object]:
    """Return a change that updates the sections named."""

    def change(tree: Tree) -> None:
        for section, values in sections.items():
            tree.setdefault(section, {}).update(values)

    return change


def every(which: int, column: str) -> pl.Expr:
    """Make every so-many-th cell of a column empty."""
    kept = pl.int_range(pl.len()) % which != 0
    return pl.when(kept).then(pl.col(column))


@pytest.mark.parametrize(
    ("months", "said"),
    [
        (36, "3-year overall survival was 96.1% against 86.2%"),
        (30, "30-month overall survival was"),
        (18.5, "18.5-month overall survival was"),
        (305, "305-month overall survival was not known (observation ended before)"),
    ],
)
def test_survival_is_quoted_at_any_horizon(months: float, said: str) -> None:
    assert said in make(settings(study={"horizon_months": months}))[2]


def test_rates_beyond_follow_up_are_a_dash_and_the_tables_say_why() -> None:
    _, numbers, words = make(settings(study={"horizon_months": 300}))
    assert math.isnan(numbers["os.overall.rate"].value)
    assert words.count("A dash: observation ended before 25 years.") == 4


@pytest.mark.parametrize(("level", "said"), [(0.9, "90% CI"), (0.975, "97.5% CI"), (0.99, "99% CI")])
def test_every_interval_carries_its_level(level: float, said: str) -> None:
    words = make(settings(curves={"confidence": level}))[2]
    assert said in words
    assert "95% CI" not in words


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATO", "ATM", "ATEN"])
def test_only_weights_of_everyone_are_called_stabilised_or_not(estimand: str) -> None:
    def change(tree: Tree) -> None:
        tree["balance"]["weights"] = {"estimand": estimand}

    words = make(change)[2]
    assert f"({estimand})" in words
    assert "stabilised" not in words


def test_truncated_weights_are_described() -> None:
    def change(tree: Tree) -> None:
        tree["balance"]["weights"] = {"truncate": [0.05, 0.95]}

    study, _, words = make(change)
    assert study.analyses.adjustments is not None
    changed = study.analyses.adjustments.weighting.n_truncated
    assert changed > 0
    assert re.search(
        rf"quantiles at 5.0% \(.*\) and at 95.0% \(.*\) were set to these, which changed {changed}\.", words
    )
    assert "under two variances" in words


def test_patients_without_a_covariate_are_left_out_and_counted() -> None:
    study, numbers, words = make(lvi=every(5, "lvi"), imn_short_axis_mm=every(9, "imn_short_axis_mm"))
    assert study.analyses.adjustments is not None
    used, left_out = study.analyses.adjustments.rows.size, study.analyses.adjustments.left_out
    assert (used + left_out, left_out > 20) == (146, True)
    assert f"was fitted to {used} patients" in words
    assert f"Another {left_out} lack one of its covariates" in words
    assert [numbers[f"os.weighted.{arm}.n"].value for arm in ("control", "treated")] == [
        numbers[f"score.{arm}"].value for arm in ("control", "treated")
    ]
    assert "Each univariable model holds the patients whose covariate is known." in words
    assert f"{numbers['os.unadjusted.control.n'].value + numbers['os.unadjusted.treated.n'].value:.0f}" == "146"


def test_a_treatment_that_is_not_known_is_refused_with_the_rule_that_would_help() -> None:
    with pytest.raises(ProblemsError, match=r"not known for \d+ of 146 .* drop = \"imn_boost is missing\""):
        make(imn_boost=every(7, "imn_boost"))


def test_nobody_included_is_one_problem_that_names_the_rule() -> None:
    def change(tree: Tree) -> None:
        tree["eligibility"].append({"name": "Centenarians", "keep": "age >= 100"})

    with pytest.raises(ProblemsError) as refused:
        make(change)
    assert len(refused.value.problems) == 1
    assert "none of 208 patients is included; the last 146 left at `Centenarians`" in str(refused.value)


def test_no_eligibility_rule_is_said_in_words() -> None:
    def change(tree: Tree) -> None:
        tree["eligibility"] = []

    last = pl.col("last_followup_date").fill_null(pl.lit("2023-05-31"))
    words = make(change, last_followup_date=last)[2]
    assert "The plan has no eligibility rule: all 208 patients of the table were included." in words


def test_a_twelve_level_category_and_six_groups_fit_everywhere() -> None:
    def change(tree: Tree) -> None:
        for section, key in (("table_one", "rows"), ("cox", "covariates"), ("subgroups", "by")):
            tree[section][key].append("centre")
        tree["data"]["columns"]["six"] = {"kind": "category", "label": "Sixth"}
        tree["treatment"]["groups"] = "six"
        del tree["balance"]["groups"]
        tree["cox"]["group_covariates"] = ["age"]

    study, _, words = make(change, six=pl.format("Sixth {}", pl.int_range(pl.len()) % 6))
    assert study.design.groups is not None
    assert study.design.groups.labels == tuple(f"Sixth {number}" for number in range(6))
    assert all(words.count(f"Sixth {number}") >= 3 for number in range(6))
    assert all(words.count(f"C{number:02}") >= 5 for number in range(12))


def test_times_in_months_need_no_dates() -> None:
    def change(tree: Tree) -> None:
        del tree["follow_up"]
        tree["endpoints"] = {"os": {"time": "seen", "event": "died", "unit": "months", "label": "Overall survival"}}

    died = pl.col("death_date").is_not_null().cast(pl.Int8)
    months = ((pl.int_range(pl.len()) * 37) % 90 + 1).cast(pl.String)
    study, numbers, words = make(change, seen=months, died=died)
    assert study.design.endpoints[0].time.max() <= 90
    assert numbers["follow_up.maximum"].value <= 90
    assert "was taken from `seen` (seen, in months)" in words


def test_a_hazard_ratio_that_is_infinite_is_said_not_to_be_estimable() -> None:
    def change(tree: Tree) -> None:
        rule = "imn_boost == 1 and death_date is not missing"
        tree["eligibility"].append({"name": "Treated and dead", "drop": rule})

    words = make(change)[2]
    assert "hazard ratio not estimable." in words
    assert "Cox models without a finite answer" in words


def test_a_follow_up_that_is_not_reached_is_no_number_of_months() -> None:
    death = pl.coalesce("death_date", "last_followup_date")
    words = make(death_date=death)[2]
    assert "a median follow-up that was not reached" in words
    assert "not reached months" not in words


def _truncated_with_a_bootstrap(tree: Tree) -> None:
    tree["balance"]["weights"]["truncate"] = [0.01, 0.99]
    tree["bootstrap"]["replicates"] = 5


REFUSED: dict[str, tuple[Callable[[Tree], object], str]] = {
    "truncation and bootstrap": (
        _truncated_with_a_bootstrap,
        "balance.weights.truncate: is not known to the bootstrap",
    ),
    "an endless horizon": (settings(study={"horizon_months": float("inf")}), "horizon_months: must be a finite number"),
    "no subgroup": (settings(subgroups={"by": []}), "subgroups.by: must name at least one column"),
    "no toxicity": (settings(toxicity={"scale": "CTCAE 5.0"}), "toxicity: names no column"),
    "a row twice": (settings(table_one={"rows": ["age", "age"]}), "lists `age` twice"),
    "the treatment as subgroup": (settings(subgroups={"by": ["imn_boost"]}), "lists the treatment `imn_boost`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_plan_that_means_nothing_is_refused_in_one_sentence(case: str) -> None:
    change, words = REFUSED[case]
    tree = copy.deepcopy(_tree())
    change(tree)
    with pytest.raises(PlanError) as refused:
        plan_from(tree)
    assert len(refused.value.problems) == 1
    assert words in str(refused.value)


def test_a_subgroup_of_numbers_is_refused_with_what_it_must_be() -> None:
    with pytest.raises(ProblemsError, match=r"subgroups.by: `age` must be of kind flag or category; it is integer"):
        make(settings(subgroups={"by": ["age"]}))
