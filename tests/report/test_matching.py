"""What the report says of each way of matching: built, traced to its numbers, and blind to the order of the rows."""

import copy
import json
import re
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from counterpoise.estimate import STRATIFIED
from counterpoise.report.assemble import assemble
from counterpoise.report.content.matching import set_word, set_words, where_matched
from counterpoise.report.document import Document, Figure, Table, check_document, plain, values
from counterpoise.report.figures import DistanceFigure, JitterFigure, figure_files
from counterpoise.report.numbers import Numbers, collect_numbers
from counterpoise.study import Study
from tests.report.test_content import _frame, _tree, cells, document_of, notes, table, texts, without
from tests.test_study_traced import FIXED_WORDS, numerals, prints, words_of_the_plan

LINKED = ("nearest", "optimal", "full")
COVARIATES = ["age", "imn_short_axis_mm", "ct34", "pcr", "imnd"]
PLANS: dict[str, dict[str, Any]] = {
    "pairs": {},
    "closest pairs on the probability": {"distance": "probability", "order": "closest", "discard": "both"},
    "two controls, again": {"ratio": 2, "replacement": True},
    "one control, again": {"replacement": True, "caliper": "none"},
    "covariates": {
        "distance": "mahalanobis", "caliper": "none", "exact": ["ct34"], "anti_exact": ["imnd"],
        "covariate_calipers": {"age": 7.5},
    },
    "optimal": {"method": "optimal", "caliper": 0.2, "distance": "robust mahalanobis"},
    "full": {"method": "full"},
    "full, bounded, of all": {"method": "full", "estimand": "ATE", "min_controls": "1/8", "max_controls": 7},
    "subclasses": {"method": "subclass", "subclasses": 5},
    "subclasses of some": {"method": "subclass", "subclasses": 4, "estimand": "ATC", "discard": "control"},
    "coarsened": {"method": "coarsened", "cutpoints": {"age": [45], "imn_short_axis_mm": 2}},
    "exact": {"method": "exact", "exact": ["ct34", "imnd"], "estimand": "ATE"},
    "cardinality": {"method": "cardinality", "tolerance": 0.05},
    "nobody within the caliper": {"caliper": 1e-12},
    "not to be had": {"method": "optimal", "ratio": 3},
}  # fmt: skip
every_plan = pytest.mark.parametrize("name", PLANS)
every_match = pytest.mark.parametrize("name", [name for name in PLANS if not name.startswith(("nobody", "not to"))])


def tree_of(options: dict[str, Any], covariates: list[str]) -> dict[str, Any]:
    tree = copy.deepcopy(_tree())
    without("subgroups", "toxicity", "published", "response", "doses")(tree)
    del tree["treatment"]["groups"], tree["balance"]["groups"]
    tree["bootstrap"]["replicates"] = 0
    tree["table_one"]["rows"] = ["age", "imnd"]
    tree["cox"] |= {"covariates": [], "group_covariates": []}
    tree["endpoints"] = dict(list(tree["endpoints"].items())[:2])
    del tree["definitions"]
    tree["balance"]["covariates"] = covariates
    tree["balance"]["matching"] = {"stability": 5, **options} if options.get("method") not in (
        "coarsened", "exact") else options  # fmt: skip
    return tree


@cache
def made(name: str) -> tuple[Study, Numbers, Document]:
    return document_of(tree_of(PLANS[name], COVARIATES), _frame())


def names_of(document: Document) -> set[str]:
    return {block.name for block in document.blocks if isinstance(block, Figure | Table)}


def value(numbers: Numbers, key: str) -> float:
    return numbers[key].value


def sentence(document: Document, start: str) -> str:
    """The part of a paragraph that begins with these words."""
    found = next(text for text in texts(document) if start in text)
    return found[found.index(start) :]


# Every way of matching -----------------------------------------------------------------------------------------------


@every_plan
def test_the_document_holds_together(name: str) -> None:
    document = made(name)[2]
    check_document(document)
    for text in texts(document):
        assert not re.search(r"\{[\w.]+:\w+\}", text), text
        assert not re.search(r"\b(nan|None|inf|True|False)\b", text), text
        if "Matching made" in text:
            assert not re.search(r"(?<![\d.])1 (controls|sets|pairs|treated patients|strata|subclasses)\b", text), text


@every_plan
def test_every_numeral_is_a_result_or_a_word_of_the_plan(name: str) -> None:
    study, numbers, document = made(name)
    results = json.loads(json.dumps({entry.id: entry.as_json() for entry in numbers.values()}))
    allowed = words_of_the_plan(study) | set(FIXED_WORDS)
    for printed in values(document):
        for numeral in numerals(printed.text):
            assert any(prints(results[key], numeral, printed.text) for key in printed.ids), printed
            allowed.add(numeral)
    reason = study.analyses.adjustments.matching.reason if study.analyses.adjustments else ""
    for text in texts(document):
        without_labels = re.sub(r"(Table|Figure) \d+", "", text.replace(reason, "") if reason else text)
        for numeral in numerals(without_labels):
            assert numeral in allowed, text


@every_match
def test_patients_of_each_arm_are_matched_or_left_out(name: str) -> None:
    _, numbers, _ = made(name)
    for arm in ("treated", "control"):
        both = value(numbers, f"matching.{arm}") + value(numbers, f"matching.unmatched_{arm}")
        assert both == value(numbers, f"score.{arm}")
        assert value(numbers, f"matching.effective_{arm}") <= value(numbers, f"matching.{arm}") + 1e-9
    patients = value(numbers, "matching.treated") + value(numbers, "matching.control")
    assert value(numbers, "matching.patients") == patients
    sizes = sum(value(numbers, f"os.matched.{arm}.n") for arm in ("treated", "control"))
    assert sizes == patients


@every_match
def test_the_figures_show_each_patient_and_each_link(name: str) -> None:
    study, numbers, document = made(name)
    assert study.analyses.adjustments is not None
    matching = study.analyses.adjustments.matching
    drawn = {block.name: block.drawing for block in document.blocks if isinstance(block, Figure)}
    jitter = drawn["scores_matched"]
    assert isinstance(jitter, JitterFigure)
    assert sum(row.score.size for row in jitter.rows) == value(numbers, "score.n")
    assert sum(row.score.size for row in jitter.rows if row.is_matched) == value(numbers, "matching.patients")
    shown = [row.weights for row in jitter.rows if row.weights is not None]
    assert bool(shown) == matching.is_weighted
    assert ("distances" in drawn) == (matching.method in LINKED)
    if matching.method in LINKED:
        distances = drawn["distances"]
        assert isinstance(distances, DistanceFigure)
        assert distances.distance.size == value(numbers, "matching.distance.links")
        assert distances.limit is None or distances.distance.max() <= distances.limit
    for drawing in (jitter, *([drawn["distances"]] if "distances" in drawn else [])):
        assert figure_files("figure", drawing, ("svg",))["figure.svg"].startswith(b"<?xml")


@every_match
def test_the_matched_comparison_is_shown_with_its_variance_and_its_patients(name: str) -> None:
    study, _, document = made(name)
    contrast = study.analyses.contrast("os", "matched")
    outcomes = table(document, "outcomes")
    assert contrast.estimand in {row[0] for label, row in cells(outcomes).items() if label == "Matched"}
    assert f"Matched: {contrast.variance}" in notes(outcomes)
    others = table(document, "variances_matched")
    header = [plain(cell.parts, {}) for cell in others.header[0].cells]
    assert ("Stratified" in header) == (STRATIFIED in contrast.others)
    assert [plain(cell.parts, {}) for cell in others.rows[0].cells][1].startswith(f"{contrast.ratio.estimate:.2f}")


@every_match
def test_weighted_numbers_at_risk_are_called_so(name: str) -> None:
    study, _, document = made(name)
    assert study.analyses.adjustments is not None
    weighted = study.analyses.adjustments.matching.is_weighted
    curves = next(block for block in document.blocks if isinstance(block, Figure) and block.name == "curves_matched")
    titles = {panel.at_risk_title for panel in curves.drawing.panels}
    assert titles == {"Weighted number at risk" if weighted else "Number at risk"}


@every_match
def test_the_unmatched_stand_beside_the_matched_where_both_exist(name: str) -> None:
    study, numbers, document = made(name)
    assert study.analyses.adjustments is not None
    unmatched = study.analyses.adjustments.unmatched
    shown = [arm for arm in ("control", "treated") if getattr(unmatched, f"unmatched_{arm}")]
    assert ("unmatched" in names_of(document)) == bool(shown)
    if not shown:
        return
    found = table(document, "unmatched")
    assert len(found.header[0].cells) == 1 + len(shown)
    for index, row in enumerate(unmatched.rows, start=1):
        for arm in shown:
            assert value(numbers, f"unmatched.c{index}.{arm}.smd") == getattr(row, f"smd_{arm}")


@pytest.mark.parametrize("name", ["pairs", "two controls, again", "full", "subclasses", "cardinality"])
def test_shuffled_rows_give_the_same_report(name: str) -> None:
    _, numbers, document = made(name)
    mixed = _frame()[np.random.default_rng(3).permutation(_frame().height).tolist()]
    _, again, other = document_of(tree_of(PLANS[name], COVARIATES), mixed)
    assert [entry.as_json() for entry in numbers.values()] == [entry.as_json() for entry in again.values()]
    for one, two in zip(document.blocks, other.blocks, strict=True):
        if isinstance(one, Figure) and one.name in ("scores_matched", "distances"):
            assert isinstance(two, Figure)
            assert figure_files("figure", one.drawing, ("svg",)) == figure_files("figure", two.drawing, ("svg",))


# The words of each ----------------------------------------------------------------------------------------------------

WORDS = {
    "pairs": ("Matching was one to one, nearest neighbour without replacement on the logit", "pair"),
    "closest pairs on the probability": ("replacement on the score itself, closest pairs first, within 0.20", "pair"),
    "two controls, again": ("of one treated patient to 2 controls, nearest neighbour with replacement", "set"),
    "covariates": ("within 7.5 of each other in age at diagnosis, within strata of equal cT3-4, between", "pair"),
    "optimal": ("Matching was optimal, one to one, on Rosenbaum's rank-based Mahalanobis distance", "pair"),
    "full": ("with the least total distance (Hansen); equal scores", "set"),
    "full, bounded, of all": ("with at least 0.125 and at most 7 controls to each treated patient", "set"),
    "subclasses": ("Patients were placed in 5 subclasses between quantiles of the score of the treated", "subclass"),
    "subclasses of some": ("the score of the controls (Rosenbaum and Rubin); controls beyond all", "subclass"),
    "coarsened": ("Matching was coarsened exact: patients who agree in all covariates", "stratum"),
    "exact": ("Matching was exact: patients who agree in cT3-4, IMN dissection form a stratum", "stratum"),
    "cardinality": ("one control to each treated patient in which no absolute standardised difference", "sample"),
}
EFFECTS = {
    "pairs": "Matched patients were compared by a Cox model with a variance clustered by pair; the effect is that in",
    "two controls, again": "by the matching weight with the variance of Austin and Cafri, clustered by set and by",
    "full": "by the matching weight with a variance clustered by set; the effect is that in the treated patients (ATT)",
    "full, bounded, of all": "clustered by set; the effect is that in all patients (ATE). A Cox model stratified by",
    "subclasses": "with a robust variance; the effect is that in the treated patients (ATT). A Cox model stratified",
    "exact": "with a robust variance; the effect is that in all patients (ATE). A Cox model stratified by the strata",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_methods_say_how_patients_were_matched(name: str) -> None:
    study, _, document = made(name)
    assert study.analyses.adjustments is not None
    words, one = WORDS[name]
    assert any(words in text for text in texts(document))
    assert set_word(study.analyses.adjustments.matching) == one


@pytest.mark.parametrize("name", EFFECTS)
def test_the_methods_name_the_variance_and_the_estimand(name: str) -> None:
    assert any(EFFECTS[name] in text for text in texts(made(name)[2]))


def test_sets_are_called_by_their_names() -> None:
    found = {
        name: made(name)[0].analyses.adjustments for name in ("pairs", "full", "subclasses", "exact", "cardinality")
    }
    named = {name: (set_words(a.matching), where_matched(a.matching)) for name, a in found.items() if a}
    assert named == {
        "pairs": ("pairs", "in matched pairs"),
        "full": ("sets", "in matched sets"),
        "subclasses": ("subclasses", "within subclasses of the score"),
        "exact": ("strata", "within strata of like patients"),
        "cardinality": ("sample", "in the matched sample"),
    }


def test_sets_of_more_than_two_say_how_large_they_are_and_how_unevenly_they_count() -> None:
    _, numbers, document = made("full")
    found = sentence(document, "Matching made")
    assert re.match(r"Matching made \d+ sets of 79 treated patients and 67 controls and left nobody out\. ", found)
    assert re.search(r"The sets hold 1 to \d+ treated patients and 1 to \d+ controls each\.", found)
    assert "Matching weights run from" in found
    assert value(numbers, "matching.weights.maximum") > 1
    again = sentence(made("two controls, again")[2], "Matching made")
    assert re.search(r"\d+ controls serve in more than one set, one of them in \d+\.", again)


def test_who_was_discarded_is_said() -> None:
    _, numbers, document = made("closest pairs on the probability")
    found = sentence(document, "Before matching, ")
    assert "beyond all scores of the other arm were discarded, and the score fitted again" in found
    assert value(numbers, "matching.discarded_treated") + value(numbers, "matching.discarded_control") > 0
    figure = next(b for b in document.blocks if isinstance(b, Figure) and b.name == "scores_matched")
    assert any("fitted again without the discarded" in plain(note, {}) for note in figure.notes)
    assert isinstance(figure.drawing, JitterFigure)
    adjustments = made("closest pairs on the probability")[0].analyses.adjustments
    assert adjustments is not None
    drawn = np.sort(np.concatenate([row.score for row in figure.drawing.rows if row.is_matched]))
    refitted = adjustments.matching.score.probability[(adjustments.matching.pair >= 0)[~adjustments.matching.discarded]]
    np.testing.assert_allclose(drawn, np.sort(refitted), rtol=1e-12)
    assert value(numbers, "matching.c_statistic") == adjustments.matching.score.c_statistic


def test_subclasses_are_parted_by_lines() -> None:
    _, numbers, document = made("subclasses")
    figure = next(b for b in document.blocks if isinstance(b, Figure) and b.name == "scores_matched")
    assert len(figure.drawing.cuts) == value(numbers, "matching.sets") - 1
    assert list(figure.drawing.cuts) == sorted(figure.drawing.cuts)


# Nobody matched ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody within the caliper", "with no pair within the caliper"),
        ("not to be had", "Nobody was matched, because"),
    ],
)
def test_where_nobody_is_matched_that_is_said_and_nothing_shown(name: str, words: str) -> None:
    _, _, document = made(name)
    assert any(words in text for text in texts(document))
    shown = {"scores_matched", "distances", "curves_matched", "unmatched", "stability", "variances_matched"}
    assert names_of(document).isdisjoint(shown)
    assert any("Nobody could be matched so." in text for text in texts(document))


# Ties ----------------------------------------------------------------------------------------------------------------


@cache
def tied(orders: tuple[str, ...] = ()) -> tuple[Study, Numbers, Document]:
    """Covariates of two levels, so that many patients are alike."""
    return document_of(tree_of({"stability_orders": list(orders)}, ["ct34", "pcr", "imnd"]), _frame())


def test_without_ties_one_sentence_says_so() -> None:
    _, numbers, document = document_of(tree_of({}, ["age", "imn_short_axis_mm", "ki67_pct", "ct34", "pcr"]), _frame())
    assert value(numbers, "stability.distinct") == 1
    found = sentence(document, "The matching was made")
    assert found.startswith("The matching was made 6 times, each time with another seed to break ties: all gave the")
    assert "stability" not in names_of(document)


def test_with_ties_the_range_of_pairs_hazard_ratios_and_p_values_is_shown() -> None:
    study, numbers, document = tied()
    assert value(numbers, "stability.distinct") > 1
    stability = study.analyses.stability
    assert stability is not None
    for index, name in enumerate(("os", "dfs")):
        np.testing.assert_equal(
            value(numbers, f"stability.{name}.hazard_ratio.minimum"), stability.hazard_ratio[:, index].min()
        )
        np.testing.assert_equal(value(numbers, f"stability.{name}.p.maximum"), stability.p_value[:, index].max())
        ours = value(numbers, f"{name}.matched.hazard_ratio")
        low, middle, high = (
            value(numbers, f"stability.{name}.hazard_ratio.{s}") for s in ("minimum", "median", "maximum")
        )
        assert low <= min(ours, middle) <= max(ours, middle) <= high
    rows = cells(table(document, "stability"))
    assert rows["OS"][0] == f"{value(numbers, 'os.matched.hazard_ratio'):.2f}"
    assert "no confidence interval" in notes(table(document, "stability"))
    assert "in two orders" not in sentence(document, "The matching was made")


def test_the_orders_of_the_reruns_are_named() -> None:
    found = sentence(tied(("ascending",))[2], "The matching was made 11 times")
    assert "in two orders (descending, ascending)" in found
    assert "the breaking of ties and the order decided" in notes(table(tied(("ascending",))[2], "stability"))


def test_without_reruns_nothing_is_said_of_them() -> None:
    tree = tree_of({}, ["ct34", "pcr", "imnd"])
    tree["balance"]["matching"] = {"stability": 0}
    _, numbers, document = document_of(tree, _frame())
    assert not any(key.startswith("stability") for key in numbers)
    assert not any("The matching was made" in text for text in texts(document))


def test_an_id_is_given_to_every_number_once_whatever_the_method() -> None:
    frame: pl.DataFrame = _frame()
    study, _, _ = document_of(tree_of(PLANS["full"], COVARIATES), frame)
    assert len(collect_numbers(study)) == len({entry.id for entry in collect_numbers(study).values()})
    assert assemble(study, collect_numbers(study)).blocks
