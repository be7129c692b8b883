"""The estimators of time to event, for arrays and for the columns of any dataframe.

Each is the kernel of the same name, whose docstring holds here too.
"""

from counterpoise.api.columns import accepts_columns
from counterpoise.kernels import cox as _cox, log_rank as _log_rank, product_limit

kaplan_meier = accepts_columns(product_limit.kaplan_meier)
log_rank = accepts_columns(_log_rank.log_rank)
cox = accepts_columns(_cox.cox)
