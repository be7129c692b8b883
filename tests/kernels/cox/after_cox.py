"""The data of `golden/r/20_cox_after.R`, columns derived as there."""

from typing import Any

import numpy as np

from counterpoise.kernels.arrays import Floats
from counterpoise.kernels.cox.design import Ties
from counterpoise.kernels.cox.fit import CoxFit, cox
from tests.golden import dataset, rotterdam

Data = dict[str, np.ndarray]


def lung() -> Data:
    raw = dataset("lung")
    known = ~np.isnan(raw["ph.ecog"])
    d = {name: values[known] for name, values in raw.items()}
    i = 1 + np.arange(d["time"].size)
    d["died"], d["w"] = d["status"] - 1, 0.5 + (i % 5) / 4
    d["entry"] = np.where(i % 3 == 0, np.floor(d["time"] / 4), 0.0)
    return d


def veteran() -> Data:
    d = dict(dataset("veteran"))
    i = 1 + np.arange(d["time"].size)
    d["w"], d["months"], d["group"] = 0.5 + (i % 5) / 4, np.ceil(d["time"] / 30), i % 20
    names = ["squamous", "smallcell", "adeno", "large"]
    d["cell"] = np.array([names.index(str(name)) + 1.0 for name in d["celltype"]])
    return d


def heart() -> Data:
    d = dict(dataset("heart"))
    d["transplanted"] = d["transplant"].astype(float)
    return d


def cgd() -> Data:
    d = dict(dataset("cgd"))
    d["drug"] = (d["treat"] == "rIFN-g").astype(float)
    return d


def rotterdam_all() -> Data:
    d = dict(rotterdam())
    d["entry"], d["stage"] = d["entry_months"], d["size"]
    d["w"], d["halfyears"] = 0.5 + (d["pid"] % 5) / 4, np.ceil(d["dmonths"] / 6)
    d["stop"] = d["halfyears"] * 6 + 1
    return d


def columns(d: Data, names: str) -> Floats:
    return np.column_stack([d[name] for name in names.split()]).astype(float)


def model(name: str, ties: Ties | str) -> CoxFit:
    """Return the fit that the script calls `name`."""
    options: dict[str, Any] = {"ties": ties}
    kind = name.split("_")[0]
    d = {"lung": lung, "veteran": veteran, "heart": heart, "cgd": cgd, "rotterdam": rotterdam_all}[kind]()
    if kind == "lung":
        names = {"lung_entry_strata": "age ph.ecog", "lung_exact_strata": "age ph.ecog", "lung_offset": "sex ph.ecog"}
        options["weights"] = d["w"] if name == "lung_weights" else None
        options["entry"] = d["entry"] if name == "lung_entry_strata" else None
        options["stratum"] = d["sex"] if name.endswith("strata") else None
        options["offset"] = d["age"] / 50 if name == "lung_offset" else None
        return cox(d["time"], d["died"], columns(d, names.get(name, "age sex ph.ecog")), **options)
    if name == "veteran_months":
        return cox(d["months"], d["status"], columns(d, "trt karno age"), **options)
    if kind == "veteran":
        options |= {"stratum": d["cell"], "weights": d["w"], "cluster": d["group"]}
        return cox(d["months"], d["status"], columns(d, "trt karno"), **options)
    if kind == "heart":
        x = columns(d, "age year surgery transplanted")
        return cox(d["stop"], d["event"], x, entry=d["start"], **options)
    if kind == "cgd":
        return cox(d["tstop"], d["status"], columns(d, "drug age"), entry=d["tstart"], cluster=d["id"], **options)
    x = columns(d, "hormon age lnodes")
    if name == "rotterdam_entry":
        return cox(d["dmonths"], d["death"], x, entry=d["entry"], **options)
    return cox(d["stop"], d["death"], x, entry=d["entry"], stratum=d["stage"], weights=d["w"], **options)
