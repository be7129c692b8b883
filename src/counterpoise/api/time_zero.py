"""Remedies of immortal time, for arrays and for the columns of any dataframe.

Each is the kernel of the same name, whose docstring holds here too.
"""

from counterpoise.api.columns import accepts_columns
from counterpoise.kernels.time_zero import (
    clone_censor_weight as _clone_censor_weight,
    clones as _clones,
    rows as _rows,
)

landmark_rows = accepts_columns(_rows.landmark_rows)
start_stop_rows = accepts_columns(_rows.start_stop_rows)
clone_patients = accepts_columns(_clones.clone_patients)
clone_censor_weight = accepts_columns(_clone_censor_weight.clone_censor_weight)
