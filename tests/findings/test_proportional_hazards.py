from dataclasses import replace

import pytest

from counterpoise.findings.proportional_hazards import proportional_hazards
from tests.findings.cases import (
    Case,
    apply,
    only,
    p_values,
    with_contrasts,
)

NAN = float("nan")


def test_hazards_that_are_not_proportional(case: Case) -> None:
    found = only(
        proportional_hazards,
        with_contrasts(case, lambda c: p_values(c, proportional=0.01 if c.adjustment == "weighted" else NAN)),
    )
    assert (found.severity, found.title) == ("caution", "Hazards are not proportional")
    assert found.values["os_weighted"] == 0.01
    assert "OS weighted ({os_weighted:p_equation})" in found.text


def test_a_model_whose_hazards_are_not_proportional(case: Case) -> None:
    design, analyses = with_contrasts(case, lambda c: p_values(c, proportional=0.5))
    (table,) = analyses.hazards
    assert table.multivariable.proportional is not None
    crossing = replace(table.multivariable.proportional, global_p_value=0.002)
    broken = replace(table, multivariable=replace(table.multivariable, proportional=crossing))
    found = only(proportional_hazards, (design, replace(analyses, hazards=(broken,))))
    assert found.values == {"os_multivariable": 0.002}


@pytest.mark.parametrize("order", [1, -1])
def test_no_sign_against_proportional_hazards_quotes_the_smallest_that_is_known(case: Case, order: int) -> None:
    known = {"unadjusted": NAN, "matched": 0.3, "weighted": 0.2}
    design, analyses = with_contrasts(case, lambda c: p_values(c, proportional=known[c.adjustment]))
    analyses = replace(analyses, contrasts=analyses.contrasts[::order], hazards=())
    found = only(proportional_hazards, (design, analyses))
    assert (found.severity, found.values) == ("note", {"lowest": 0.2})


def test_hazards_that_were_never_tested_are_not_spoken_of(case: Case) -> None:
    design, analyses = with_contrasts(case, lambda c: p_values(c, proportional=NAN))
    assert apply(proportional_hazards, (design, replace(analyses, hazards=()))) == []
