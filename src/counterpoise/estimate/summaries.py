"""Plain descriptions: events and their share, doses."""

from dataclasses import dataclass

import numpy as np

from counterpoise.design import Covariate, Endpoint
from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools
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
