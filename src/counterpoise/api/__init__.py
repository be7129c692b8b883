"""The estimators for arrays and for the columns of any dataframe: pandas, polars, pyarrow."""

from counterpoise.api.balance import check_balance, match, propensity, weigh
from counterpoise.api.estimators import cox, kaplan_meier, log_rank

__all__ = ["check_balance", "cox", "kaplan_meier", "log_rank", "match", "propensity", "weigh"]
