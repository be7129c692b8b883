"""Hold a result against R's, and note by how much they differ for `docs/methods/agreement.md`.

`agrees` is an assertion. Where the environment names a folder in COUNTERPOISE_AGREEMENT it also leaves a line there
for each comparison; `make agreement` runs the tests so and writes the page from those lines.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tests.golden import entry, floats

FOLDER = "COUNTERPOISE_AGREEMENT"


def relative_difference(ours: ArrayLike, theirs: Any, relative_to: Literal["each", "largest"] = "each") -> float:
    """Return the largest difference, relative to R's value or, for `largest`, to the largest of R's values.

    `largest` is for values that are sums of cancelling terms, such as residuals and covariances: near zero they are
    known to the rounding of their terms only. A difference from zero counts as itself.
    """
    mine, other = np.asarray(ours, dtype=float), floats(theirs)
    assert mine.shape == other.shape, f"{mine.shape} values, R has {other.shape}"
    same = (mine == other) | (np.isnan(mine) & np.isnan(other))
    if same.all():
        return 0.0
    size = np.abs(other) if relative_to == "each" else np.full(other.shape, np.abs(other[np.isfinite(other)]).max())
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(same, 0.0, np.abs(mine - other) / np.where(size > 0, size, 1.0))
    return float(np.where(np.isnan(difference), np.inf, difference).max())


def agrees(
    quantity: str,
    name: str,
    key: str,
    ours: ArrayLike,
    theirs: Any,
    *,
    tolerance: float = 1e-10,
    relative_to: Literal["each", "largest"] = "each",
) -> None:
    """Assert that `ours` is R's value, found under `key` of `values/NAME.json`.

    `quantity` is "Section: what", for example "Kaplan-Meier: standard error". `theirs` is the part of the result that
    is compared: nested lists of the JSON file, or numbers made from them; null is NaN. A tolerance looser than 1e-10
    (closed forms) or 1e-8 (iterated fits) has its reason beside it.
    """
    difference = relative_difference(ours, theirs, relative_to)
    _note(quantity, name, key, difference, int(np.size(ours)))
    assert difference <= tolerance, f"{quantity} of {key} differs from R by {difference:.2g}, more than {tolerance:.2g}"


def _note(quantity: str, name: str, key: str, difference: float, count: int) -> None:
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    source = entry(name, key)
    line = {"quantity": quantity, "name": name, "key": key, "difference": difference, "count": count}
    line |= {"call": source["call"], "dataset": source["dataset"]}
    with (Path(folder) / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
