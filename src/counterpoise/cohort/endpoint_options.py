"""What the plan says of follow-up and endpoints."""

import datetime as dt
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from counterpoise.cohort.entry import DAYS_PER_MONTH
from counterpoise.oncology.occurrences import Cause, Place
from counterpoise.read.codebook import Options

TimeUnit = Literal["days", "months", "years"]
DAYS: Mapping[TimeUnit, float] = {"days": 1.0, "months": DAYS_PER_MONTH, "years": 365.25}


class FollowUpOptions(Options):
    """The columns of dates from which endpoints are made, and the date at which the data were closed.

    A death always ends observation. Who is alive is observed until last contact, and nobody beyond `cutoff`.
    `entry` is the date at which a patient came under observation, where that is after the origin.
    `not_recorded` are occurrences that a definition counts and the table never held. `causes` says which cause of
    death a spelling of the column `cause_of_death` means, where it is not a known one. Sites at which the disease
    came back within `simultaneous_days` of its first recurrence are told together.
    """

    origin: str
    last_contact: str
    death: str | None = None
    cause_of_death: str | None = None
    causes: dict[str, Cause] = Field(default_factory=dict[str, Cause])
    local: str | None = None
    regional: str | None = None
    distant: str | None = None
    contralateral: str | None = None
    in_situ_ipsilateral: str | None = None
    in_situ_contralateral: str | None = None
    second_primary: str | None = None
    not_recorded: tuple[Place | Literal["cause_of_death"], ...] = ()
    cutoff: dt.date | None = None
    simultaneous_days: int = Field(default=30, ge=0)
    entry: str | None = None

    @model_validator(mode="after")
    def _recorded_or_not(self) -> Self:
        both = [name for name in self.not_recorded if getattr(self, name) is not None]
        if both:
            raise ValueError(f"`{both[0]}` names a column, and `not_recorded` says that there is none")
        if self.causes and self.cause_of_death is None:
            raise ValueError("`causes` belongs to `cause_of_death`")
        return self


class EndpointOptions(Options):
    """One endpoint, in one of three forms.

    `rule` names one of the library, in an `edition` of its guideline; `events` lists the columns of dates whose first
    is the event, and `censor` further columns of dates at which observation stops; `time`, `event` and `unit` name
    times that the table already holds. `origin` and `entry` take the place of those of `[follow_up]`; with
    `landmark_months` nobody is under observation before that many months from the origin.
    """

    rule: str | None = None
    edition: str | None = None
    events: tuple[str, ...] = ()
    censor: tuple[str, ...] = ()
    origin: str | None = None
    time: str | None = None
    event: str | None = None
    unit: TimeUnit | None = None
    entry: str | None = None
    landmark_months: float | None = Field(default=None, gt=0)
    label: str = ""
    short: str = ""

    @field_validator("events", "censor", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.rule is not None) + bool(self.events) + (self.time is not None) != 1:
            raise ValueError("an endpoint needs exactly one of `rule`, `events` and `time`")
        if self.rule is None and self.edition is not None:
            raise ValueError("`edition` belongs to `rule`")
        if self.time is None and (self.event or self.unit):
            raise ValueError("`event` and `unit` belong to `time`")
        if self.time is not None and not (self.event and self.unit):
            raise ValueError("`time` needs `event` (0/1) and `unit` (days, months or years) beside it")
        if self.time is not None and (self.censor or self.origin or self.entry):
            raise ValueError("`censor`, `origin` and `entry` are dates, and take no part where the table holds times")
        return self
