"""Plain descriptions: events and their share, doses, toxicity by arm."""

from dataclasses import dataclass

import numpy as np

from counterpoise.design import Covariate, Endpoint
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Counts
from counterpoise.kernels.tables.contingency import fisher_exact
from counterpoise.kernels.tables.proportion import wilson


@dataclass(frozen=True, slots=True)
class EventShare:
    """How many of `size` patients had the event, and the share with Wilson's interval."""

    size: int
    events: int
    share: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, eq=False)
class DoseSummary:
    """Median and range among the `known` patients who have a value."""

    covariate: Covariate
    known: int
    median: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityComparison:
    """Worst grades of one organ in one phase: `counts` (arms, grades) among the `assessed` (arms,).

    `p_any` and `p_grade2` are Fisher's exact tests of grade 1 or more and of grade 2 or more.
    """

    organ: str
    phase: str
    counts: Counts
    assessed: Counts
    p_any: float
    p_grade2: float


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """Patients with an event that carries no grade, `counts` of `assessed` in each arm, by Fisher's exact test."""

    label: str
    counts: tuple[int, int]
    assessed: tuple[int, int]
    p_value: float


def compare_adverse_event(item: Covariate, label: str, treated: Bools) -> AdverseEvent:
    """Count a 0/1 column in the control and in the treated arm; raises `InputError` for any other column."""
    if item.kind != "flag":
        raise InputError(f"`{item.name}` must be a 0/1 column to be counted as an adverse event; it is a {item.kind}.")
    known = ~np.isnan(item.values)
    arms = (known & ~treated, known & treated)
    counts = np.array([[int((item.values[arm] == grade).sum()) for grade in (0, 1)] for arm in arms])
    assessed = counts.sum(axis=1)
    affected = (int(counts[0, 1]), int(counts[1, 1]))
    return AdverseEvent(label, affected, (int(assessed[0]), int(assessed[1])), _at_least(counts, assessed, 1))


def event_share(endpoint: Endpoint, members: Bools, confidence: float) -> EventShare:
    """Count the events among some of the patients."""
    events, size = int(endpoint.event[members].sum()), int(members.sum())
    if size == 0:
        return EventShare(0, 0, float("nan"), float("nan"), float("nan"))
    lower, upper = wilson(events, size, confidence)
    return EventShare(size, events, events / size, lower, upper)


def dose_summary(item: Covariate) -> DoseSummary:
    """Describe a dose among those who received it; raises `InputError` where it is no number."""
    if not item.is_numeric:
        raise InputError(f"`{item.name}` must hold numbers to be summarised as a dose; it is a {item.kind}.")
    known = item.values[~np.isnan(item.values)]
    if known.size == 0:
        return DoseSummary(item, 0, float("nan"), float("nan"), float("nan"))
    return DoseSummary(item, known.size, float(np.median(known)), float(known.min()), float(known.max()))


def compare_toxicity(organ: str, phase: str, counts: Counts, assessed: Counts) -> ToxicityComparison:
    """Test the arms at two thresholds; sparse cells allow no trend test."""
    return ToxicityComparison(organ, phase, counts, assessed, *(_at_least(counts, assessed, grade) for grade in (1, 2)))


def _at_least(counts: Counts, assessed: Counts, grade: int) -> float:
    affected = counts[:, grade:].sum(axis=1)
    table = np.column_stack([affected, assessed - affected])
    if min(table.sum(axis=0)) == 0 or min(assessed) == 0:
        return float("nan")
    return fisher_exact(table).p_value
