"""The competing-risks cohorts of `golden/r/21_competing.R`, with the same derived columns."""

import functools

import numpy as np

from counterpoise.kernels.arrays import Floats
from tests.golden import dataset, rotterdam

NAMES = ("rotterdam", "mgus2", "Melanoma", "pbc", "transplant")
COVARIATES = {
    "rotterdam": ("hormon", "age", "lnodes", "size20", "size50"),
    "mgus2": ("age", "grp"),
    "Melanoma": ("sex", "age", "lthick", "ulcer"),
    "pbc": ("age", "lbili", "edema", "grp"),
    "transplant": ("age", "str"),
}
PBC_CAUSE = np.array([0.0, 2.0, 1.0])
MELANOMA_CAUSE = np.array([np.nan, 1.0, 0.0, 2.0])
TRANSPLANT_CAUSE = {"censored": 0.0, "ltx": 1.0, "death": 2.0, "withdraw": 3.0}

Cohort = dict[str, Floats]


def _rotterdam() -> Cohort:
    d = rotterdam()
    return {**d, "time": d["crmonths"], "cause": d["crstatus"], "grp": d["hormon"], "str": d["size"]}


def _mgus2() -> Cohort:
    d = dataset("mgus2")
    malignant = d["pstat"] == 1
    return {
        "time": np.where(malignant, d["ptime"], d["futime"]),
        "cause": np.where(malignant, 1.0, 2 * d["death"]),
        "age": d["age"],
        "grp": (d["sex"] == "M").astype(float),
        "str": (d["age"] > 70).astype(float),
    }


def _melanoma() -> Cohort:
    d = dataset("Melanoma")
    cause = MELANOMA_CAUSE[d["status"].astype(int)]
    return {**d, "cause": cause, "grp": d["ulcer"], "str": d["sex"], "lthick": np.log(d["thickness"])}


def _pbc() -> Cohort:
    d = {name: values[:312] for name, values in dataset("pbc").items()}
    cause = PBC_CAUSE[d["status"].astype(int)]
    sex = (d["sex"] == "f").astype(float)
    return {**d, "cause": cause, "grp": d["trt"].astype(float), "str": sex, "lbili": np.log(d["bili"])}


def _transplant() -> Cohort:
    d = dataset("transplant")
    d = {name: values[~np.isnan(d["age"])] for name, values in d.items()}
    groups = np.searchsorted(np.array(["A", "AB", "B", "O"]), d["abo"]) + 1.0
    cause = np.array([TRANSPLANT_CAUSE[str(event)] for event in d["event"]])
    sex = (d["sex"] == "f").astype(float)
    return {"time": d["futime"], "cause": cause, "age": d["age"], "grp": groups, "str": sex}


@functools.cache
def cohort(name: str) -> Cohort:
    """Return one of `NAMES`: time, cause, entry, w, site, grp, str and its covariates."""
    makers = {"rotterdam": _rotterdam, "mgus2": _mgus2, "Melanoma": _melanoma, "pbc": _pbc, "transplant": _transplant}
    d = makers[name]()
    i = np.arange(1, d["time"].size + 1)
    d["w"], d["site"] = 0.5 + (i % 5) / 4, (i % 7).astype(float)
    d["entry"] = np.where(i % 3 == 0, np.floor(d["time"] / 2), 0.0)
    return d


def covariates(name: str, cohort: Cohort) -> Floats:
    return np.column_stack([cohort[column] for column in COVARIATES[name]])
