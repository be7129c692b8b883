"""The border for immortal time: what the dates say, and the treatment over the time of each endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoise.cohort.entry import DAYS_PER_MONTH
from counterpoise.cohort.exposure import Exposure
from counterpoise.cohort.time_zero import TimeZeroOptions
from counterpoise.design.covariates import Terms
from counterpoise.kernels.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class ExposureMonths:
    """The treatment over the time of one endpoint, in months from its origin.

    `start` (n,) is infinite for who was not seen to begin, and None where the plan names no start; `entry` (n,) is None
    where everyone was observed from the origin.
    """

    endpoint: str
    start: Floats | None
    entry: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class TimeZeroDesign:
    """What the analyses of time zero need: the plan's choices, one exposure an endpoint, and the covariates."""

    options: TimeZeroOptions
    exposures: tuple[ExposureMonths, ...]
    terms: Terms


def in_months(options: TimeZeroOptions, exposures: Sequence[Exposure], terms: Terms) -> TimeZeroDesign:
    """Carry the exposures over the border, their days as months of 30.4375 days."""
    made = tuple(
        ExposureMonths(
            item.endpoint,
            None if item.start is None else item.start / DAYS_PER_MONTH,
            None if item.entry is None else item.entry / DAYS_PER_MONTH,
        )
        for item in exposures
    )
    return TimeZeroDesign(options, made, terms)
