"""Who enters the study and why, what is derived of them, when their time starts and ends."""

from counterpoise.cohort.boost_dose import BoostDoses, boost_doses
from counterpoise.cohort.course import EndpointTimes, competing_codes
from counterpoise.cohort.derive import Definition, DeriveOptions, definitions, derive
from counterpoise.cohort.eligibility import CriterionOptions, Flow, FlowStep, apply_eligibility
from counterpoise.cohort.endpoint_options import EndpointOptions, FollowUpOptions
from counterpoise.cohort.first_sites import FIRST_SITES, FirstSites, first_sites
from counterpoise.cohort.follow_up import endpoint_times
from counterpoise.cohort.ledger import LedgerEntry, ledger
from counterpoise.cohort.redefined import DefinitionOptions, RedefinedTimes, redefined_times
from counterpoise.cohort.toxic_events import DatedEvents, dated_events
from counterpoise.cohort.toxicity import tabulate_toxicity

__all__ = [
    "FIRST_SITES",
    "BoostDoses",
    "CriterionOptions",
    "DatedEvents",
    "Definition",
    "DefinitionOptions",
    "DeriveOptions",
    "EndpointOptions",
    "EndpointTimes",
    "FirstSites",
    "Flow",
    "FlowStep",
    "FollowUpOptions",
    "LedgerEntry",
    "RedefinedTimes",
    "apply_eligibility",
    "boost_doses",
    "competing_codes",
    "dated_events",
    "definitions",
    "derive",
    "endpoint_times",
    "first_sites",
    "ledger",
    "redefined_times",
    "tabulate_toxicity",
]
