"""The border of the program: tables before it, plain arrays after it."""

from counterpoise.design.covariates import Covariate, Terms, covariate, design_terms, level_indicators
from counterpoise.design.factorial import Factorial
from counterpoise.design.options import (
    DoseOptions,
    ResponseOptions,
    TableOneOptions,
    TreatmentOptions,
)
from counterpoise.design.selection import Selection
from counterpoise.design.study_design import (
    DAYS_PER_MONTH,
    Design,
    Endpoint,
    Groups,
    RedefinedEndpoint,
    Response,
    Treatment,
    canonical_order,
    make_design,
    of_patients,
)

__all__ = [
    "DAYS_PER_MONTH",
    "Covariate",
    "Design",
    "DoseOptions",
    "Endpoint",
    "Factorial",
    "Groups",
    "RedefinedEndpoint",
    "Response",
    "ResponseOptions",
    "Selection",
    "TableOneOptions",
    "Terms",
    "Treatment",
    "TreatmentOptions",
    "canonical_order",
    "covariate",
    "design_terms",
    "level_indicators",
    "make_design",
    "of_patients",
]
