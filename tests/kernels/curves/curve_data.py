"""The rows that `tests/golden/r/17_curves.R` used, and the times and starts that it chose for them."""

import functools
from typing import Any

import numpy as np

from tests.golden import dataset, rotterdam

SMALL = ("aml", "veteran", "ovarian")
EVERY = ("aml", "lung", "veteran", "ovarian", "rotterdam", "Melanoma")
INTERVALS: dict[str, Any] = {
    "plain": "plain",
    "log": "log",
    "log-log": "log-log",
    "logit": "logit",
    "arcsin": "arcsine",
}
START = {"aml": 12, "lung": 180, "veteran": 50, "ovarian": 300, "rotterdam": 24, "Melanoma": 1000}


@functools.cache
def rows(name: str) -> dict[str, Any]:
    """Return time, event, group and the columns made from row numbers."""
    d = rotterdam() if name == "rotterdam" else dataset(name)
    time, event, group = {
        "aml": lambda: (d["time"], d["status"], d["x"]),
        "lung": lambda: (d["time"], d["status"] - 1, d["sex"]),
        "veteran": lambda: (d["time"], d["status"], d["celltype"]),
        "ovarian": lambda: (d["futime"], d["fustat"], d["rx"]),
        "rotterdam": lambda: (d["dmonths"], d["death"], d["hormon"]),
        "Melanoma": lambda: (d["time"], d["status"] == 1, d["sex"]),
    }[name]()
    n = np.arange(1, time.size + 1)
    return {
        "time": time,
        "event": event.astype(float),
        "group": group,
        "weights": 0.5 + (n % 5) / 4,
        "cluster": n % 4,
        "entry": np.where(n % 3 == 0, np.floor(time / 2), 0.0),
        "resampled": (n % 4).astype(float),
    }


def chosen(name: str, *columns: str) -> dict[str, Any]:
    """Return the named columns, beside time and event."""
    d = rows(name)
    return {column: d[column] for column in ("time", "event", *columns)}


def levels(name: str) -> list[np.ndarray]:
    """Return which rows are in each group, in R's order of the groups."""
    group = rows(name)["group"]
    # R's celltype is a factor: squamous, smallcell, adeno, large.
    order = ["squamous", "smallcell", "adeno", "large"] if name == "veteran" else np.unique(group).tolist()
    return [group == level for level in order]
