"""RECIST 1.1: every combination of sums, new lesions and unmeasured lesions against the words of the guideline."""

from collections.abc import Mapping, Sequence

import pytest

from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.read.codebook import Column, Kind
from tests.oncology.rules import Patient, decided, every, outcomes

SUMS: Mapping[str, Sequence[object]] = {
    "baseline": (10.0, 50.0, 100.0),
    "nadir": (0.0, 8.0, 50.0, 100.0),
    "current": (0.0, 7.0, 12.9, 13.0, 35.0, 36.0, 55.0, 60.0, 70.0, 70.1, 119.9, 120.0, 300.0),
}
ELSEWHERE: Mapping[str, Sequence[object]] = {
    "new_lesion": (0, 1),
    "non_target": ("CR", "non-CR/non-PD", "not evaluated", "PD"),
}
KINDS: Mapping[str, Kind] = {
    "baseline": "number",
    "nadir": "number",
    "current": "number",
    "new_lesion": "flag",
    "non_target": "text",
    "extranodal": "number",
    "largest_node": "number",
}


def target(baseline: float, smallest: float, current: float, *, gone: bool) -> str:
    """Response of the target lesions; the smallest sum on study includes the baseline."""
    if gone:
        return "CR"
    smallest = min(smallest, baseline)
    increase = current - smallest
    if (smallest == 0 and current > 0) or (smallest > 0 and increase / smallest >= 0.2 and increase >= 5):
        return "PD"
    return "PR" if round((baseline - current) / baseline, 9) >= 0.3 else "SD"


def overall(targets: str, non_target: str, *, new: bool) -> str:
    """The guideline's table of time point responses for patients with target lesions."""
    if targets == "PD" or non_target == "PD" or new:
        return "PD"
    if targets == "CR":
        return "CR" if non_target == "CR" else "PR"
    return targets


def expected(p: Patient) -> str | None:
    baseline, nadir, current = (float(str(p[name])) for name in ("baseline", "nadir", "current"))
    if baseline < 10 and not (p["new_lesion"] == 1 or p["non_target"] == "PD"):
        return None
    found = target(baseline, nadir, current, gone=current == 0)
    return overall(found, str(p["non_target"]), new=p["new_lesion"] == 1)


def kinds(*names: str) -> dict[str, Kind]:
    return {name: KINDS[name] for name in names}


def test_every_combination_known_or_missing() -> None:
    domains = {**SUMS, **ELSEWHERE}
    patients = every({name: (*values, None) for name, values in domains.items()})
    # What is not known may be smaller than anything measurable, or larger than any sum that was seen.
    unknown = {**domains, "baseline": (9.0, *SUMS["baseline"], 1000.0), "nadir": (*SUMS["nadir"], 1000.0)}
    found = outcomes("recist", kinds(*domains), patients)
    assert found == [decided(expected, patient, unknown) for patient in patients]
    assert set(found) == {"CR", "PR", "SD", "PD", None}


def test_the_sums_alone_are_the_response_of_the_target_lesions_at_the_first_assessment() -> None:
    patients = every({"baseline": SUMS["baseline"], "current": SUMS["current"]})
    whole = [{**p, "nadir": p["baseline"], "new_lesion": 0, "non_target": "CR"} for p in patients]
    assert outcomes("recist", kinds("baseline", "current"), patients) == [expected(p) for p in whole]


@pytest.mark.parametrize(
    ("baseline", "nadir", "current", "response"),
    [
        (90.0, 90.0, 63.0, "PR"),  # 30 % exactly, which binary fractions miss
        (90.0, 90.0, 63.1, "SD"),
        (30.0, 21.0, 25.9, "SD"),  # 23 %, but 4.9 mm
        (30.0, 20.0, 25.0, "PD"),
        (40.0, 30.0, 35.9, "SD"),  # 5.9 mm, but 19.7 %
        (40.0, 30.0, 36.0, "PD"),
        (25.1, 20.1, 25.1, "PD"),  # 5 mm exactly
        (100.0, 20.0, 24.0, "PR"),  # response is judged from the baseline
        (100.0, 20.0, 60.0, "PD"),  # progression from the smallest sum, though below the baseline
        (40.0, 0.0, 3.0, "PD"),  # all had disappeared; one returned
        (9.0, 9.0, 0.0, None),  # nothing measurable at baseline
    ],
)
def test_limits(baseline: float, nadir: float, current: float, response: str | None) -> None:
    patient = {"baseline": baseline, "nadir": nadir, "current": current}
    assert outcomes("recist", kinds(*patient), [patient]) == [response]


@pytest.mark.parametrize(
    ("extranodal", "node", "response"),
    [
        (0.0, 9.9, "CR"),
        (0.0, 10.0, "PR"),
        (0.0, 0.0, "CR"),
        (3.0, 9.9, "PR"),
        (0.0, None, None),
        (3.0, None, "PR"),
        (None, 12.0, "PR"),
    ],
)
def test_a_node_has_disappeared_below_ten_millimetres(
    extranodal: float | None, node: float | None, response: str | None
) -> None:
    patient = {"baseline": 40.0, "current": 12.0, "extranodal": extranodal, "largest_node": node}
    assert outcomes("recist", kinds(*patient), [patient]) == [response]


def test_normal_nodes_that_grow_are_no_progression() -> None:
    patient = {"baseline": 40.0, "nadir": 4.0, "current": 9.5, "extranodal": 0.0, "largest_node": 9.5}
    assert outcomes("recist", kinds(*patient), [patient]) == ["CR"]


def test_the_sentence_tells_of_nodes_only_where_they_are_given() -> None:
    known = {"b": Column(kind="number", label="Sum at baseline"), "c": Column(kind="number")}
    rule = DERIVATIONS["recist"]
    plain = {"baseline": "b", "current": "c"}
    assert "from sum at baseline, progressive where it had grown by 20 % and 5 mm" in rule.sentence(plain, known)
    assert "short axis" not in rule.sentence(plain, known)
    nodes = {**plain, "extranodal": "c", "largest_node": "c"}
    assert rule.sentence(nodes, known).endswith("Nodes had disappeared at a short axis below 10 mm.")
