"""Columns of the patient table as plain arrays: one record a covariate, one matrix a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Bools, Floats
from counterpoise.read.codebook import Kind
from counterpoise.read.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """One variable of n patients.

    `values` (n,) holds the number itself, 0 or 1 for a flag, or the index into `levels` for a category;
    NaN is missing. The first level is the reference.
    """

    name: str
    label: str
    unit: str
    kind: Kind
    values: Floats
    levels: tuple[str, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether it is summarised by mean and standard deviation, not by counts."""
        return self.kind in ("integer", "number")

    @property
    def full_label(self) -> str:
        """The label with its unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The design matrix of a model: x is (n, q), NaN where a covariate is missing.

    A category with k levels gives k - 1 columns of 0 and 1, against its first level. `groups` lists, for each
    covariate, the columns that belong to it.
    """

    covariates: tuple[Covariate, ...]
    x: Floats
    labels: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]

    @property
    def complete(self) -> Bools:
        """Which patients (n,) have every covariate."""
        return np.asarray(~np.isnan(self.x).any(axis=1))


def covariate(table: Table, name: str) -> Covariate:
    """Return one column of the table as an array; a flag has the levels No and Yes.

    Of a category, the levels that occur, in the order of the codebook. Raises `InputError` for a date, a text or
    an identifier.
    """
    column, series = table.columns[name], table.frame[name]
    label = column.label or name
    if column.kind in ("integer", "number"):
        return Covariate(name, label, column.unit, column.kind, _floats(series))
    if column.kind == "flag":
        levels = tuple(column.levels.get(code, word) for code, word in (("0", "No"), ("1", "Yes")))
        return Covariate(name, label, column.unit, "flag", _floats(series), levels)
    if column.kind != "category":
        raise InputError(f"`{name}` must be a number, a flag or a category; its kind is {column.kind}.")
    present = series.drop_nulls().unique().sort().to_list()
    codes = [code for code in (column.levels or present) if code in set(present)]
    index = {code: float(position) for position, code in enumerate(codes)}
    values = np.array([index.get(code, np.nan) for code in series.to_list()])
    return Covariate(name, label, column.unit, "category", values, tuple(column.levels.get(c, c) for c in codes))


def design_terms(covariates: Sequence[Covariate]) -> Terms:
    """Expand covariates into the columns of a regression, categories against their first level.

    >>> sex = Covariate("sex", "Sex", "", "category", np.array([0.0, 1.0]), ("Female", "Male"))
    >>> design_terms([sex]).labels
    ('Sex: Male',)
    """
    columns: list[Floats] = []
    labels: list[str] = []
    groups: list[tuple[int, ...]] = []
    for item in covariates:
        start = len(columns)
        if item.kind == "category":
            missing = np.isnan(item.values)
            for position, level in enumerate(item.levels[1:], start=1):
                columns.append(np.where(missing, np.nan, (item.values == position).astype(float)))
                labels.append(f"{item.label}: {level}")
        else:
            columns.append(item.values)
            labels.append(item.full_label if item.is_numeric else item.label)
        groups.append(tuple(range(start, len(columns))))
    rows = covariates[0].values.size if covariates else 0
    x = np.column_stack(columns) if columns else np.zeros((rows, 0))
    return Terms(tuple(covariates), x, tuple(labels), tuple(groups))


def level_indicators(item: Covariate) -> tuple[Floats, tuple[str, ...]]:
    """Return what balance is judged on: the number itself, a flag, or every level of a category, (n, k)."""
    if item.is_numeric:
        return item.values[:, None], (item.full_label,)
    if item.kind == "flag":
        return item.values[:, None], (item.label,)
    missing = np.isnan(item.values)
    columns = [
        np.where(missing, np.nan, (item.values == position).astype(float)) for position in range(len(item.levels))
    ]
    return np.column_stack(columns), tuple(f"{item.label}: {level}" for level in item.levels)


def _floats(series: pl.Series) -> Floats:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
