"""Checks of the records: what each finds, and what it leaves alone."""

import re

import pytest

from counterpoise.oncology.quality import DETECTORS, UNREAD, check_records
from counterpoise.oncology.quality_check import CHECKS, Check
from counterpoise.oncology.records import AS_OF, CUTOFF, ROLES, Records
from counterpoise.read import Column, check_rule
from tests.oncology.test_records import table


def every_role() -> dict[str, Column]:
    def kind(role: str) -> Column:
        described = ROLES[role]
        first = described.kinds[0]
        return Column(kind="text" if described.codes else "number" if first == "integer" else first)

    dates = {name: Column(kind="date") for name in (CUTOFF, AS_OF)}
    return {role: kind(role) for role in ROLES} | dates


def test_there_are_enough_checks_and_all_those_of_the_domain() -> None:
    assert {*(f"E{n}" for n in range(1, 7)), *(f"Q{n}" for n in range(1, 11))} <= set(CHECKS)
    assert sum(check.severity != "note" for check in CHECKS.values()) >= 40
    assert all(re.fullmatch("[EQN][0-9]+[a-z]?", name) for name in CHECKS)
    letters = {"error": "E", "query": "Q", "note": "N"}
    assert all(name[0] == letters[check.severity] for name, check in CHECKS.items())


@pytest.mark.parametrize(("name", "check"), CHECKS.items(), ids=list(CHECKS))
def test_every_condition_is_one_and_every_text_can_be_filled(name: str, check: Check) -> None:
    known = every_role()
    assert not check.detector or check.detector in (*DETECTORS, UNREAD)
    for role in check.each or ("",):
        for text in filter(None, [check.when, *check.show.values()]):
            assert check_rule(re.sub(r"\beach\b", role, text), known) == []
    if check.when:
        words = {*known, *check.show} | ({"each", "each_name"} if check.each else set())
        assert set(re.findall(r"{(\w+)}", check.what + check.ask)) <= words
    for text in (check.what, check.ask):
        assert text.endswith((".", "?", "`.")), name


@pytest.mark.parametrize(("name", "check"), CHECKS.items(), ids=list(CHECKS))
def test_conditions_compare_coded_facts_with_meanings_that_exist(name: str, check: Check) -> None:
    for role, code in re.findall(r'(\w+) (?:==|!=) "([^"]+)"', check.when):
        assert code in ROLES[role].codes, name
    for role, codes in re.findall(r"(\w+) (?:not )?in \[([^\]]+)\]", check.when):
        assert set(re.findall('"([^"]+)"', codes)) <= set(ROLES[role].codes), name


def found(records: Records) -> set[tuple[str, str]]:
    return {(query.patient, query.check) for query in check_records(records).queries}


def test_no_role_no_check() -> None:
    from counterpoise.oncology.records import records

    outcome = check_records(records(table(op=["2019-03-02", "2019-04-02"]), {"surgery": "op"}))
    assert outcome.queries == ()
    missing = {item.check: item.missing for item in outcome.not_run}
    assert missing["E2"] == ("local", "regional", "distant")
    assert missing["Q24"] == ("fractions", "radiotherapy_end", "radiotherapy_start")
    assert "E8" not in outcome.run
