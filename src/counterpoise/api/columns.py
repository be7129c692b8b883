"""The border at which the columns of any dataframe (pandas, polars, pyarrow) become the arrays of the kernels."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import is_dataclass
from typing import Any, ParamSpec, TypeVar

import narwhals as nw
import numpy as np

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Floats, as_floats, as_matrix, require

P = ParamSpec("P")
R = TypeVar("R")
Column = Any
"""A sequence, an array, or a column of a pandas, polars or pyarrow dataframe."""

NUMBERS = frozenset(
    {"time", "event", "cause", "entry", "start", "weights", "offset", "predictor", "value", "values", "treatment"}
    | {"arm", "first", "second", "rows", "case_weights", "sampling_weights"}
)
LABELS = frozenset({"group", "stratum", "cluster", "censoring_group"})
TABLES = frozenset({"x", "x_new", "x_treated", "x_control", "x_outcome", "x_censoring", "adjust"})


def accepts_columns(kernel: Callable[P, R], *, labelled: Collection[str] = ()) -> Callable[P, R]:
    """Return the kernel with its arrays given as sequences, arrays or columns of a dataframe.

    What an argument holds is told by its name: numbers (a null becomes NaN, which the kernels refuse), labels (a null
    is refused here) or a table of covariates. Everything else, such as the record of a fit, is passed on as it is.
    `labelled` names arguments that hold labels in this kernel, by whatever name.

    >>> from counterpoise.kernels.curves.product_limit import kaplan_meier
    >>> accepts_columns(kaplan_meier)([1, 2, 2, 3], [1, 1, 0, 1]).survival.round(2).tolist()
    [0.75, 0.5, 0.0]
    """
    signature = inspect.signature(kernel)
    converters = {name: convert for name in signature.parameters if (convert := _converter(name, labelled))}

    @functools.wraps(kernel)
    def estimator(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if name in converters and value is not None and not is_dataclass(value):
                bound.arguments[name] = converters[name](name, value)
        return kernel(*bound.args, **bound.kwargs)

    return estimator


def _converter(name: str, labelled: Collection[str]) -> Callable[[str, Column], np.ndarray] | None:
    if name in LABELS or name in labelled:
        return labels
    if name in NUMBERS:
        return numbers
    if name == "probability":
        return _chances
    return table if name in TABLES else None


def _chances(name: str, values: Column) -> np.ndarray:
    """Return one chance a row, or of a dataframe a chance of each arm."""
    frame = nw.from_native(values, pass_through=True)
    return table(name, values) if isinstance(frame, nw.DataFrame | nw.LazyFrame) else numbers(name, values)


def numbers(name: str, values: Column) -> np.ndarray:
    """Return a column of numbers or of true and false as an array; nulls become NaN, which the estimators refuse.

    Raises `InputError` for dates and durations, which libraries count in units of their own.

    >>> numbers("time", [1, 2]).tolist()
    [1, 2]
    """
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series) and (series.dtype.is_numeric() or series.dtype == nw.Boolean):
        return series.cast(nw.Float64).fill_null(float("nan")).to_numpy()
    array = series.to_numpy() if isinstance(series, nw.Series) else np.asarray(values)
    if array.dtype.kind in "mM" or (isinstance(series, nw.Series) and series.dtype.is_temporal()):
        raise InputError(f"`{name}` must hold numbers, such as days or months; it holds dates or durations.")
    return array


def labels(name: str, values: Column) -> np.ndarray:
    """Return a column of labels, numbers or texts, as an array; raises `InputError` where one is null.

    >>> labels("group", ["a", "b"]).tolist()
    ['a', 'b']
    """
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        array, known = series.to_numpy(), ~series.is_null().to_numpy().astype(bool)
    else:
        array = np.asarray(values)
        known = np.array([value is not None for value in array.ravel()], dtype=bool)
    require(known, f"`{name}` must be known")
    return array


def table(name: str, values: Column) -> Floats:
    """Return a dataframe of numeric columns, or an array, as an (n, p) float matrix.

    Raises `InputError` for what holds no numbers; a null in a dataframe is told with the name of its column.

    >>> table("x", [[1, 2], [3, 4]]).shape
    (2, 2)
    """
    frame = nw.from_native(values, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, nw.DataFrame):
        return as_matrix(name, numbers(name, values))
    columns = {label: as_floats(label, numbers(label, frame.get_column(label).to_native())) for label in frame.columns}
    for label, column in columns.items():
        require(np.isfinite(column), f"`{label}` must be finite")
    return np.column_stack(list(columns.values())) if columns else np.zeros((len(frame), 0))


def by_name(name: str, columns: Column) -> dict[str, Column]:
    """Return the columns of a dataframe, or of a mapping, by their names.

    >>> by_name("columns", {"age": [50, 60]})
    {'age': [50, 60]}
    """
    frame = nw.from_native(columns, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, nw.DataFrame):
        return {label: frame.get_column(label).to_native() for label in frame.columns}
    if isinstance(frame, Mapping):
        return {str(label): values for label, values in frame.items()}
    raise InputError(f"`{name}` must be a dataframe, or a mapping from names to columns.")
