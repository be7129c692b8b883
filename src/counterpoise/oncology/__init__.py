"""The rules of oncology: receptors, subtypes, response, doses, endpoints, toxicity; each with its source."""

from counterpoise.oncology.definition import Argument, Derivation
from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.oncology.endpoints import ENDPOINT_RULES, EndpointRule
from counterpoise.oncology.radiotherapy import bed, eqd2
from counterpoise.oncology.toxicity import (
    SCALES,
    ToxicityOptions,
    ToxicityRow,
    ToxicityScale,
    ctcae_threshold,
    toxicity_row,
    worst_grade,
)

__all__ = [
    "DERIVATIONS",
    "ENDPOINT_RULES",
    "SCALES",
    "Argument",
    "Derivation",
    "EndpointRule",
    "ToxicityOptions",
    "ToxicityRow",
    "ToxicityScale",
    "bed",
    "ctcae_threshold",
    "eqd2",
    "toxicity_row",
    "worst_grade",
]
