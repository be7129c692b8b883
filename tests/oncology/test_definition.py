from typing import Any

import pytest

from counterpoise.oncology.definition import Argument, rule_texts
from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.oncology.rule_checks import misfits
from counterpoise.read.codebook import Column

KNOWN = {
    "er": Column(kind="number"),
    "pr": Column(kind="number"),
    "ihc": Column(kind="integer"),
    "ki67": Column(kind="number"),
    "note": Column(kind="text"),
    "dx": Column(kind="date"),
}
COMPLETE: dict[str, Any] = {"er": "er", "pr": "pr", "ihc": "ihc", "ki67": "ki67"}
ST_GALLEN = DERIVATIONS["st_gallen_2013"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"er": "ER"}, "`er`: there is no column `ER`; did you mean `er`?"),
        ({"er": "dx"}, "`er` must be a column of kind number or integer; `dx` is of kind date"),
        ({"er": 3}, "`er` must name a column; it is 3"),
        ({"er": ["er"]}, "`er` must name a column; it is ['er']"),
        ({"ki67_cutoff": "high"}, "`ki67_cutoff` must be a number; it is 'high'"),
        ({"ki67_cutoff": True}, "`ki67_cutoff` must be a number; it is True"),
        ({"ki67_cutoff": 120}, "`ki67_cutoff` must be 0 to 100; it is 120"),
        ({"ki67_cut": 20}, "rule `st_gallen_2013` takes no `ki67_cut`; did you mean `ki67_cutoff`?"),
        ({"zzz": 20}, "rule `st_gallen_2013` takes no `zzz`; it is one of er, er_allred, pr, pr_allred, ihc,"),
    ],
)
def test_a_wrong_argument_is_one_fault(change: dict[str, Any], message: str) -> None:
    (fault,) = ST_GALLEN.faults(COMPLETE | change, KNOWN)
    assert fault.startswith(message)


def test_all_faults_are_found_at_once() -> None:
    faults = ST_GALLEN.faults({"er": "dx", "ki67": 2}, KNOWN)
    assert len(faults) == 4
    assert faults[1] == "rule `st_gallen_2013` needs `pr` or `pr_allred` (progesterone receptor, %)"


def test_choices_and_texts_are_checked() -> None:
    known = {"t": Column(kind="text"), "a": Column(kind="flag")}
    response = DERIVATIONS["pathological_complete_response"]
    (fault,) = response.faults({"ypt": "t", "ypn": "t", "definition": "full"}, known)
    assert fault.startswith("`definition` must be one of 'ypT0/is ypN0', 'ypT0 ypN0', 'breast only'; it is 'full'")
    groups = DERIVATIONS["crossed_groups"]
    assert groups.faults({"first": "a", "second": "a", "first_name": 3}, known) == [
        "`first_name` must be a text; it is 3"
    ]


def test_arguments_shared_between_rules_are_the_same() -> None:
    texts = rule_texts("receptors")
    assert texts["st_gallen_2013"].arguments["ihc"] == texts["her2_status"].arguments["ihc"]


def test_a_conflict_between_code_and_label_is_settled_by_the_label() -> None:
    argument = Argument(meaning="result", codes={"negative": ("0", "negative"), "positive": ("1", "positive")})
    assert argument.meaning_of("1", "Negative") == "negative"
    assert argument.meaning_of("1", "Nothing known") == "positive"
    assert argument.meaning_of("1") == "positive"
    assert argument.meaning_of("9", "?") is None


def test_a_sentence_and_a_reference_that_lead_nowhere_are_misfits() -> None:
    text = rule_texts("receptors")["ki67_class"]
    wrong = text.model_copy(
        update={
            "additions": {"low_below": "Below {nothing}.", "grade": "By grade."},
            "arguments": {**text.arguments, "ki67": Argument(meaning="", kinds=("number",), or_else=("mib1",))},
        }
    )
    found = misfits(wrong, [text])
    assert "argument `ki67` refers to `mib1`, which is none" in found
    assert any(fault.startswith("`additions.low_below` has a placeholder") for fault in found)
    assert any(fault.startswith("`additions.grade` follows no argument") for fault in found)
    assert misfits(text, [text]) == []
