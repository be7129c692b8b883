"""Counterpoise: a patient table and a one-page plan in, a complete comparative survival study out.

The names below are imported when they are first used, so that `import counterpoise` costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoise.api import (
        aalen_johansen,
        baseline_hazard,
        cause_specific,
        check_balance,
        compare_at,
        concordance,
        concordance_of,
        counterfactuals,
        cox,
        crossings,
        fine_gray,
        fine_gray_score_test,
        firth_cox,
        fleming_harrington,
        gray_test,
        incidence_at,
        incidence_difference,
        indicators,
        interaction,
        kaplan_meier,
        likelihood_ratio_test,
        linear_predictor,
        linearity_test,
        log_rank,
        log_rank_trend,
        match,
        match_arms,
        max_combo,
        natural_spline,
        nelson_aalen,
        pairwise_log_rank,
        predict_incidence,
        predict_survival,
        propensity,
        proportional_hazards_test,
        pseudo_observations,
        pseudo_regression,
        quantile,
        residuals,
        restricted_mean,
        restricted_mean_comparison,
        restricted_mean_regression,
        reverse_kaplan_meier,
        ridge_cox,
        robust_log_rank,
        schoenfeld_residuals,
        simultaneous_band,
        spline_hazard_ratio,
        standardised_survival,
        survival_at,
        survival_difference,
        survival_ratio,
        term_test,
        time_lost,
        weigh,
        weighted_proportional_hazards_test,
    )
    from counterpoise.errors import CounterpoiseError, DataError, FitError, InputError, PlanError, UnsupportedError
    from counterpoise.plan import Plan, load_plan, plan_schema
    from counterpoise.report import write_report
    from counterpoise.study import Study, check, run

__all__ = [
    "CounterpoiseError",
    "DataError",
    "FitError",
    "InputError",
    "Plan",
    "PlanError",
    "Study",
    "UnsupportedError",
    "aalen_johansen",
    "baseline_hazard",
    "cause_specific",
    "check",
    "check_balance",
    "compare_at",
    "concordance",
    "concordance_of",
    "counterfactuals",
    "cox",
    "crossings",
    "fine_gray",
    "fine_gray_score_test",
    "firth_cox",
    "fleming_harrington",
    "gray_test",
    "incidence_at",
    "incidence_difference",
    "indicators",
    "interaction",
    "kaplan_meier",
    "likelihood_ratio_test",
    "linear_predictor",
    "linearity_test",
    "load_plan",
    "log_rank",
    "log_rank_trend",
    "match",
    "match_arms",
    "max_combo",
    "natural_spline",
    "nelson_aalen",
    "pairwise_log_rank",
    "plan_schema",
    "predict_incidence",
    "predict_survival",
    "propensity",
    "proportional_hazards_test",
    "pseudo_observations",
    "pseudo_regression",
    "quantile",
    "residuals",
    "restricted_mean",
    "restricted_mean_comparison",
    "restricted_mean_regression",
    "reverse_kaplan_meier",
    "ridge_cox",
    "robust_log_rank",
    "run",
    "schoenfeld_residuals",
    "simultaneous_band",
    "spline_hazard_ratio",
    "standardised_survival",
    "survival_at",
    "survival_difference",
    "survival_ratio",
    "term_test",
    "time_lost",
    "weigh",
    "weighted_proportional_hazards_test",
    "write_report",
]

_HOMES = {
    "errors": (
        "CounterpoiseError",
        "DataError",
        "FitError",
        "InputError",
        "PlanError",
        "UnsupportedError",
    ),
    "plan": (
        "Plan",
        "load_plan",
        "plan_schema",
    ),
    "report": ("write_report",),
    "study": (
        "Study",
        "check",
        "run",
    ),
}
_HOME_OF = {name: "api" for name in __all__} | {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - it returns whatever the name stands for
    """Import a public name from where it lives."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'counterpoise' has no attribute '{name}'")
    return getattr(import_module(f"counterpoise.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
