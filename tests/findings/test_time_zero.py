"""Dates that earn a finding about time zero, and dates that do not."""

from dataclasses import replace

import numpy as np

from counterpoise.cohort.time_zero import Milestone, TimeZeroFacts, TreatmentStart
from counterpoise.design import Response
from counterpoise.findings.time_zero import exposure_after_event, guarantee_time, immortal_time, treatment_by_response
from counterpoise.kernels.arrays import Floats
from tests.estimate.cohorts import flag
from tests.findings.cases import Case, apply, only

DAYS = 30.4375


def with_dates(
    case: Case, *, milestone: Floats | None = None, start: Floats | None = None, first: Floats | None = None
) -> Case:
    design = case[0]
    time, event = design.endpoints[0].time * DAYS, design.endpoints[0].event
    reached = None if milestone is None else Milestone("rt_end", "end of radiotherapy", milestone, False, 5.0)
    began = None if start is None else TreatmentStart("began", "start of treatment", start, True)
    never = np.full(time.size, np.inf)
    facts = TimeZeroFacts("diagnosis", "Survival", time, event, never if first is None else first, reached, began)
    return replace(design, dates=facts), case[1]


def later(case: Case, days: float) -> Floats:
    return np.where(case[0].treatment.received, days, np.inf)


def test_a_guarantee_common_to_both_arms_is_told_without_alarm(case: Case) -> None:
    found = only(guarantee_time, with_dates(case, milestone=np.full(case[0].size, 100.0)))
    assert found.severity == "caution"
    assert "does not bias their comparison" in found.text
    assert found.values["median"] == found.values["control"] == found.values["treated"] == 100 / DAYS


def test_a_guarantee_that_differs_between_the_arms_is_serious(case: Case) -> None:
    days = np.where(case[0].treatment.received, 200.0, 100.0)
    found = only(guarantee_time, with_dates(case, milestone=days))
    assert found.severity == "serious"
    assert "the comparison is biased by it" in found.text


def test_a_start_after_time_zero_is_counted_in_months(case: Case) -> None:
    found = only(immortal_time, with_dates(case, start=later(case, 2 * DAYS)))
    treated, time = case[0].treatment.received, case[0].endpoints[0].time
    assert found.values["median"] == 2
    assert np.isclose(found.values["immortal"], np.minimum(time[treated], 2).sum())
    assert found.values["left"] == (~treated & (time <= 2)).sum()


def test_a_start_at_time_zero_is_not_spoken_of(case: Case) -> None:
    assert apply(immortal_time, with_dates(case, start=later(case, 0.0))) == []
    for rule in (immortal_time, guarantee_time, exposure_after_event, treatment_by_response):
        assert apply(rule, case) == []
        assert apply(rule, with_dates(case)) == []


def test_treatment_after_an_event_follows_from_the_outcome(case: Case) -> None:
    place = int(np.flatnonzero(case[0].treatment.received)[0])
    first = np.full(case[0].size, np.inf)
    first[place] = 50.0
    assert apply(exposure_after_event, with_dates(case, start=later(case, 40.0), first=first)) == []
    found = only(exposure_after_event, with_dates(case, start=later(case, 60.0), first=first))
    assert (found.severity, found.values["after"]) == ("serious", 1)


def test_treatment_that_follows_the_response(case: Case) -> None:
    design, analyses = with_dates(case, start=later(case, 60.0))
    treated = design.treatment.received.astype(float)
    told = replace(design, response=Response(flag("pcr", treated), flag("dissected", np.ones(design.size)))), analyses
    assert only(treatment_by_response, told).values["responders"] == 1
    other = np.arange(design.size) % 2
    unrelated = replace(design, response=Response(flag("pcr", other), flag("dissected", np.ones(design.size))))
    assert apply(treatment_by_response, (unrelated, analyses)) == []
