"""Findings from doses and from the dates of toxic events: by hand, one patient more or less."""

from dataclasses import replace

import numpy as np
import pytest

from counterpoise.cohort import BoostDoses, DatedEvents
from counterpoise.findings import exposure_misclassified, toxicity_line, toxicity_scale
from counterpoise.findings.finding import Finding
from counterpoise.kernels.arrays import Floats
from counterpoise.oncology.toxicity import SCALES
from tests.findings.cases import study

RTOG = SCALES["RTOG/EORTC"]
MISSING = float("nan")


def event(time: list[float], cause: list[int], acute: list[float], late: list[float]) -> DatedEvents:
    return DatedEvents(
        name="ill",
        label="Pneumonitis",
        organ="Lung",
        kind="pneumonitis",
        time=np.array(time),
        cause=np.array(cause),
        acute=np.array(acute),
        late=np.array(late),
        origin="start of radiotherapy",
        competing=("death",),
    )


SEEN = event([88, 90, 91, 205, 60], [1, 1, 1, 1, 2], [2, 0, 1, 0, 2], [0, 1, MISSING, 2, 2])


def one(found: object) -> Finding:
    (finding,) = list(found)  # type: ignore[call-overload]
    assert isinstance(finding, Finding)
    return finding


def test_the_line_lies_after_the_ninetieth_day() -> None:
    values = one(toxicity_line([SEEN], RTOG)).values
    assert (values["d1_early"], values["d1_late"], values["line"]) == (2, 2, 90)
    assert (values["d1_as_acute"], values["d1_as_late"]) == (1, 1)


def test_events_of_one_phase_with_their_grades_are_in_order() -> None:
    assert not list(toxicity_line([event([10, 20], [1, 0], [1, 0], [0, 0])], RTOG))
    assert not list(toxicity_line([event([10, 20], [0, 2], [1, 0], [0, 0])], RTOG))
    assert not list(toxicity_line([], RTOG))


def test_pneumonitis_below_grade_three_is_spoken_of() -> None:
    finding = one(toxicity_scale([SEEN], RTOG, "RTOG/EORTC"))
    assert (finding.values["d1_events"], finding.values["d1_below"], finding.values["d1_early"]) == (4, 4, 2)
    assert "RTOG/EORTC" in finding.title


@pytest.mark.parametrize("acute", [3.0, 4.0, 5.0])
def test_a_grade_that_the_scale_gives_is_no_finding(acute: float) -> None:
    assert not list(toxicity_scale([event([10], [1], [acute], [0])], RTOG, "RTOG/EORTC"))


def test_a_grade_that_is_missing_is_spoken_of() -> None:
    finding = one(toxicity_scale([event([10], [1], [MISSING], [MISSING])], RTOG, "RTOG/EORTC"))
    assert finding.values["d1_below"] == 1


def test_other_scales_and_other_events_have_no_fixed_grade() -> None:
    assert not list(toxicity_scale([SEEN], SCALES["CTCAE 5.0"], "CTCAE 5.0"))
    assert not list(toxicity_scale([replace(SEEN, kind=None)], RTOG, "RTOG/EORTC"))


DESIGN, _ = study(1, n=40)
TREATED = DESIGN.treatment.received


def doses(controls: float) -> BoostDoses:
    base: Floats = np.where(TREATED, 50.0, 46.0)
    base[np.flatnonzero(~TREATED)[0]] = controls
    return BoostDoses(base, base + np.where(TREATED, 10.0, 0.0), equivalent=True)


@pytest.mark.parametrize(("dose", "found"), [(59.9, False), (60.0, True), (66.0, True), (MISSING, False)])
def test_a_control_with_the_dose_of_the_boosted_is_spoken_of(dose: float, found: bool) -> None:
    findings = list(exposure_misclassified(DESIGN, doses(dose)))
    assert bool(findings) is found
    if found:
        known = float((~TREATED).sum())
        assert findings[0].values == {"reached": 1, "controls": known, "highest": dose, "lowest": 60.0}


def test_without_a_boosted_patient_there_is_nothing_to_reach() -> None:
    flat = np.full(DESIGN.size, 60.0)
    assert not list(exposure_misclassified(DESIGN, BoostDoses(flat, flat, equivalent=False)))
