"""The estimators of time to event, for arrays and for the columns of any dataframe.

Each is the kernel of the same name, whose docstring holds here too.
"""

from counterpoise.api.columns import accepts_columns
from counterpoise.kernels.competing import (
    aalen_johansen as _aalen_johansen,
    cause_specific as _cause_specific,
    fine_gray as _fine_gray,
    fine_gray_score as _fine_gray_score,
    gray as _gray,
)
from counterpoise.kernels.cox import (
    concordance as _concordance,
    firth as _firth,
    fit as _cox,
    prediction as _prediction,
    proportional_hazards as _proportional_hazards,
    ridge as _ridge,
    spline as _spline,
    standardisation as _standardisation,
    terms as _terms,
)
from counterpoise.kernels.curve_tests import (
    log_rank as _log_rank,
    max_combo as _max_combo,
    pairwise as _pairwise,
    robust as _weighted_log_rank,
    trend as _trend,
)
from counterpoise.kernels.curves import (
    cumulative_hazard as _hazard_curve,
    product_limit as _product_limit,
    pseudo_observations as _pseudo_observations,
    pseudo_regression as _pseudo_regression,
    restricted_mean as _restricted_mean,
    restricted_mean_regression as _restricted_mean_regression,
)

kaplan_meier = accepts_columns(_product_limit.kaplan_meier)
reverse_kaplan_meier = accepts_columns(_product_limit.reverse_kaplan_meier)
nelson_aalen = accepts_columns(_hazard_curve.nelson_aalen)
fleming_harrington = accepts_columns(_hazard_curve.fleming_harrington)
restricted_mean = accepts_columns(_restricted_mean.restricted_mean)
restricted_mean_comparison = accepts_columns(_restricted_mean.restricted_mean_comparison)
restricted_mean_regression = accepts_columns(_restricted_mean_regression.restricted_mean_regression)
pseudo_observations = accepts_columns(_pseudo_observations.pseudo_observations)
pseudo_regression = accepts_columns(_pseudo_regression.pseudo_regression)

log_rank = accepts_columns(_log_rank.log_rank)
robust_log_rank = accepts_columns(_weighted_log_rank.robust_log_rank)
log_rank_trend = accepts_columns(_trend.log_rank_trend)
pairwise_log_rank = accepts_columns(_pairwise.pairwise_log_rank)
max_combo = accepts_columns(_max_combo.max_combo)

cox = accepts_columns(_cox.cox)
firth_cox = accepts_columns(_firth.firth_cox)
ridge_cox = accepts_columns(_ridge.ridge_cox)
indicators = accepts_columns(_terms.indicators)
natural_spline = accepts_columns(_spline.natural_spline)
linearity_test = accepts_columns(_spline.linearity_test)
concordance = accepts_columns(_concordance.concordance)
linear_predictor = accepts_columns(_prediction.linear_predictor)
predict_survival = accepts_columns(_prediction.predict_survival)
standardised_survival = accepts_columns(_standardisation.standardised_survival)
proportional_hazards_test = accepts_columns(_proportional_hazards.proportional_hazards_test)
weighted_proportional_hazards_test = accepts_columns(_proportional_hazards.weighted_proportional_hazards_test)

aalen_johansen = accepts_columns(_aalen_johansen.aalen_johansen)
gray_test = accepts_columns(_gray.gray_test)
fine_gray = accepts_columns(_fine_gray.fine_gray)
fine_gray_score_test = accepts_columns(_fine_gray_score.fine_gray_score_test)
predict_incidence = accepts_columns(_fine_gray.predict_incidence)
cause_specific = accepts_columns(_cause_specific.cause_specific)
