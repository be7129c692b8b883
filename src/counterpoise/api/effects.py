"""Effects under weights that were estimated, for arrays and for the columns of any dataframe.

Each is the kernel of the same name, whose docstring holds here too.
"""

from counterpoise.api.columns import accepts_columns
from counterpoise.kernels.doubly_robust import survival as _doubly_robust
from counterpoise.kernels.effects import (
    competing as _competing,
    hazard as _hazard,
    mean_difference as _mean_difference,
    resampling as _resampling,
    survival_at as _survival_at,
    weighted_log_rank as _weighted_log_rank,
)

weighted_hazard_ratio = accepts_columns(_hazard.weighted_hazard_ratio)
weighted_cox = accepts_columns(_hazard.weighted_cox)
weighted_log_rank = accepts_columns(_weighted_log_rank.weighted_log_rank)
weighted_survival = accepts_columns(_survival_at.weighted_survival)
weighted_mean_difference = accepts_columns(_mean_difference.weighted_mean_difference)
weighted_incidence = accepts_columns(_competing.weighted_incidence)
weighted_fine_gray = accepts_columns(_competing.weighted_fine_gray)

logistic_weights = accepts_columns(_resampling.logistic_weights)
refitted_effects = accepts_columns(_resampling.refitted_effects)
refitting_bootstrap = accepts_columns(_resampling.refitting_bootstrap)
refitting_jackknife = accepts_columns(_resampling.refitting_jackknife)

doubly_robust_survival = accepts_columns(_doubly_robust.doubly_robust_survival)
