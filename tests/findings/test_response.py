from dataclasses import replace

from counterpoise.design import Response
from counterpoise.findings.response import response_measured_differently
from tests.estimate.cohorts import flag
from tests.findings.cases import (
    Case,
    apply,
    only,
)

NAN = float("nan")


def with_response(case: Case, outcome: list[float], examined: list[float], name: str = "pcr") -> Case:
    return replace(case[0], response=Response(flag(name, outcome), flag("dissected", examined))), case[1]


def test_a_response_that_only_some_were_examined_for(case: Case) -> None:
    found = only(response_measured_differently, with_response(case, [1, 0, 1, 1, 1], [0, 0, 0, 1, NAN]))
    assert found.severity == "caution"
    assert found.values == {"unexamined": 3, "known": 4, "share_unexamined": 2 / 3, "share_examined": 1.0}
    assert found.advice.endswith("examined in everyone.")
    used = only(response_measured_differently, with_response(case, [1, 0], [0, 1], name="high"))
    assert used.advice.endswith("repeat the models without it.")


def test_a_response_that_nobody_was_examined_for_is_compared_with_nobody(case: Case) -> None:
    found = only(response_measured_differently, with_response(case, [1, 0], [0, 0]))
    assert "share_examined" not in found.values
    assert "of the others" not in found.text


def test_a_response_that_all_were_examined_for_is_not_spoken_of(case: Case) -> None:
    assert apply(response_measured_differently, with_response(case, [1, 0], [1, 1])) == []
    assert apply(response_measured_differently, case) == []
