"""Gray's test against cmprsk, and the robust score test against coxph on finegray's rows."""

from typing import Any

import numpy as np
import pytest

from counterpoise.kernels.competing.fine_gray_score import fine_gray_score_test
from counterpoise.kernels.competing.gray import gray_test
from tests.golden import floats, golden
from tests.golden.agreement import agrees
from tests.kernels.competing.competing_cohorts import NAMES, cohort

FILE = "competing"


def assert_equal_to_cuminc(name: str, key: str, table: Any, group: str = "grp", **options: Any) -> None:
    d = cohort(name)
    rows = floats(table["values"])
    assert len(rows) == np.unique(d["cause"]).size - 1
    for of, (statistic, p_value, freedom) in enumerate(rows, start=1):
        test = gray_test(d["time"], d["cause"], d[group], of=of, **options)
        assert test.degrees_of_freedom == freedom
        agrees("Gray's test: statistic", FILE, key, test.statistic, statistic)
        # cuminc takes the p-value as 1 - pchisq, which has no digits below 1e-16
        agrees("Gray's test: p-value", FILE, key, 1 - test.p_value, 1 - p_value)


@pytest.mark.parametrize("name", NAMES)
def test_groups_strata_and_rho(name: str) -> None:
    d = cohort(name)
    assert_equal_to_cuminc(name, f"cuminc_{name}_groups", golden(FILE, f"cuminc_{name}_groups")["tests"])
    variants: dict[str, dict[str, Any]] = {
        "strata": {"stratum": d["str"]},
        "rho": {"rho": 1.0},
        "rho_strata": {"stratum": d["str"], "rho": 0.5},
    }
    for what, options in variants.items():
        key = f"gray_{name}_{what}"
        assert_equal_to_cuminc(name, key, golden(FILE, key), **options)


def test_four_treatments() -> None:
    key = "cuminc_rotterdam_trt4"
    assert_equal_to_cuminc("rotterdam", key, golden(FILE, key), "trt4")


@pytest.mark.parametrize("name", NAMES)
def test_robust_score_is_that_of_coxph_on_weighted_rows(name: str) -> None:
    d = cohort(name)
    key = f"finegray_{name}_group"
    r = golden(FILE, key)
    kept = d["time"] > 0
    group = (d["grp"] == d["grp"].max())[kept]
    options: dict[str, Any] = {"weights": d["w"][kept], "variance": "known-censoring", "censoring": "survival"}
    alone = fine_gray_score_test(d["time"][kept], d["cause"][kept], group, **options)
    within = fine_gray_score_test(d["time"][kept], d["cause"][kept], group, cluster=d["site"][kept], **options)
    agrees("Robust score test of incidence: statistic", FILE, key, alone.statistic, r["rscore"])
    agrees("Robust score test of incidence: statistic", FILE, key, within.statistic, r["clustered_rscore"])
