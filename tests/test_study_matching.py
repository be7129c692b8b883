"""Each method of matching through a whole study of the bundled cohort."""

import copy
import json
import random
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.errors import PlanError, ProblemsError
from counterpoise.plan import plan_from
from counterpoise.report import collect_numbers
from counterpoise.study import Study, check, run

FOLDER = Path(__file__).parents[1] / "src" / "counterpoise" / "examples" / "imn"


@cache
def table() -> pl.DataFrame:
    return pl.read_csv(FOLDER / "imn_screened.csv", infer_schema=False)


def tree(**matching: Any) -> dict[str, Any]:
    """The bundled plan with another matching, without what has nothing to do with it."""
    plan = copy.deepcopy(tomllib.loads((FOLDER / "study.toml").read_text(encoding="utf-8")))
    has_ties = matching.get("method") not in ("coarsened", "exact")
    plan["balance"]["matching"] = {"stability": 3, **matching} if has_ties else matching
    plan["bootstrap"]["replicates"] = 0
    plan["table_one"]["rows"] = ["age"]
    for part in ("published", "subgroups", "toxicity", "doses", "response"):
        del plan[part]
    del plan["treatment"]["groups"], plan["balance"]["groups"]
    plan["endpoints"] = {"os": plan["endpoints"]["os"]}
    del plan["definitions"]
    return plan


def study(frame: pl.DataFrame | None = None, **matching: Any) -> Study:
    return run(plan_from(tree(**matching)), table() if frame is None else frame)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "full": ({"method": "full"}, "ATT"),
    "full, everyone": ({"method": "full", "estimand": "ATE", "caliper": 0.1}, "matched patients"),
    "optimal": ({"method": "optimal", "caliper": 0.2}, "matched treated"),
    "replacement": ({"replacement": True, "ratio": 2}, "matched treated"),
    "subclass": ({"method": "subclass", "estimand": "ATE", "subclasses": 4}, "ATE"),
    "exact": ({"method": "exact", "exact": ["grade3", "cT"]}, "ATT"),
    "cardinality": ({"method": "cardinality", "tolerance": 0.2}, "matched treated"),
    "mahalanobis": (
        {"distance": "mahalanobis", "exact": ["grade3"], "covariate_calipers": {"age": 10}}, "matched treated"
    ),
    "discard": ({"discard": "both", "anti_exact": ["pcr"]}, "matched treated"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_method_is_carried_through(name: str) -> None:
    matching, estimand = CASES[name]
    found = study(**matching)
    contrast = found.analyses.contrast("os", "matched")
    adjustments = found.analyses.adjustments
    assert adjustments is not None
    assert contrast.estimand == estimand
    assert 0 < contrast.ratio.lower < contrast.ratio.estimate < contrast.ratio.upper
    assert adjustments.balance.matched is not None
    sets = adjustments.matching.sets
    assert [arm.size for arm in contrast.arms] == [sets.n_control, sets.n_treated]
    assert found.analyses.stability is None or found.analyses.stability.runs == 4


@pytest.mark.parametrize("matching", [{"method": "full"}, {"method": "optimal", "caliper": 0.2}, {"replacement": True}])
def test_shuffled_rows_give_the_same_results_byte_for_byte(matching: dict[str, Any]) -> None:
    order = list(range(table().height))
    random.Random(3).shuffle(order)
    one, other = (
        json.dumps([entry.as_json() for entry in collect_numbers(study(frame, **matching)).values()])
        for frame in (table(), table()[order])
    )
    assert one == other


def test_what_cannot_be_had_leaves_no_matched_comparison_and_says_why() -> None:
    plan = plan_from(tree(method="optimal"))
    problems = check(plan, table())
    assert [problem.where for problem in problems] == ["plan: balance.matching"]
    assert "There are fewer controls (67) than treated patients (79)" in problems[0].what
    found = run(plan, table())
    assert not found.analyses.was_compared("matched")
    assert found.analyses.stability is None
    assert next(item for item in found.findings if item.name == "no_pairs").severity == "serious"


def test_a_caliper_that_leaves_nobody_names_one_that_leaves_a_pair() -> None:
    (problem,) = check(plan_from(tree(caliper=1e-9)), table())
    assert problem.where == "plan: balance.matching"
    assert (
        "0.000309 apart on the logit, so that the smallest caliper that leaves one is 0.000406 standard" in problem.what
    )
    assert check(plan_from(tree(caliper=0.000405)), table())
    assert not check(plan_from(tree(caliper=0.000407)), table())


@pytest.mark.parametrize(
    ("matching", "message"),
    [
        ({"exact": ["grad3"]}, "matching.exact: there is no column or derived variable `grad3`; did you mean"),
        ({"anti_exact": ["pcrr"]}, "matching.anti_exact: there is no column or derived variable `pcrr`; did you mean"),
        ({"covariate_calipers": {"ages": 5}}, "covariate_calipers: there is no column or derived variable `ages`"),
        ({"covariate_calipers": {"grade3": 1}}, "`grade3` must be of kind integer or number; it is flag"),
        ({"exact": ["dx_date"]}, "balance.matching: `dx_date` must be of kind integer or number or flag or category"),
    ],
)  # fmt: skip
def test_names_are_checked_with_all_others(matching: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        study(**matching)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("matching", "message"),
    [
        ({"method": "subclass", "replacement": True}, "`replacement` is not used by the method subclass"),
        ({"method": "neerest"}, "balance.matching.method: must be 'nearest'"),
        ({"exact": ["imn_boost"]}, "balance.matching.exact: lists the treatment `imn_boost`; remove it"),
        ({"exact": ["grade3", "grade3"]}, "balance.matching.exact: lists `grade3` twice; remove one"),
        ({"method": "coarsened", "cutpoints": {"rt_dose_gy": 3}}, "`rt_dose_gy` is not among balance.covariates"),
        ({"calliper": 0.2}, "unknown key `calliper`; did you mean `caliper`?"),
    ],
)  # fmt: skip
def test_a_plan_that_asks_for_the_impossible_is_refused(matching: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan_from(tree(**matching))
    assert message in str(caught.value)
