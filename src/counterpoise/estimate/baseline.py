"""Table 1: the patients by group, with the test that suits each variable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpoise.design import Covariate
from counterpoise.kernels.arrays import Counts, Floats
from counterpoise.kernels.tables.anova import welch_anova
from counterpoise.kernels.tables.contingency import chi_squared, expected_counts, fisher_exact

SMALL_EXPECTED_COUNT = 5


@dataclass(frozen=True, slots=True, eq=False)
class BaselineRow:
    """One variable by g groups.

    `known` and `missing` (g,) count patients. A number has `mean`, `sd`, `median`, `minimum`, `maximum` (g,);
    a category has `counts` (levels, g). `test` names what gave `p_value`; both are empty where none is possible.
    """

    covariate: Covariate
    known: Counts
    missing: Counts
    counts: Counts
    mean: Floats
    sd: Floats
    median: Floats
    minimum: Floats
    maximum: Floats
    test: str
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class BaselineTable:
    """Table 1; the last of `groups` and of `sizes` is the whole cohort, 'All'."""

    groups: tuple[str, ...]
    sizes: Counts
    rows: tuple[BaselineRow, ...]


def baseline_table(covariates: Sequence[Covariate], codes: Counts, labels: Sequence[str]) -> BaselineTable:
    """Describe each covariate by group and over all patients, and test whether the groups differ.

    Categories: Pearson's chi-squared without continuity correction, or Fisher's exact test when an expected
    count is below 5. Numbers: Welch's ANOVA. Missing values are counted and left out of the test.
    No test is made of a variable that the groups were formed from, that is, has one level in each.
    `codes` (n,) index into `labels`; the column 'All' is added behind them.
    """
    members = [codes == code for code in range(len(labels))] + [np.ones(codes.size, dtype=bool)]
    rows = tuple(_row(item, codes, len(labels), members) for item in covariates)
    return BaselineTable((*labels, "All"), np.array([int(m.sum()) for m in members]), rows)


def _row(item: Covariate, codes: Counts, groups: int, members: Sequence[np.ndarray]) -> BaselineRow:
    present = ~np.isnan(item.values)
    known = np.array([int((m & present).sum()) for m in members])
    missing = np.array([int((m & ~present).sum()) for m in members])
    empty = np.zeros(0)
    if item.is_numeric:
        samples = [item.values[m & present] for m in members]
        test, p_value = _test_numbers(item.values[present], codes[present], groups)
        mean, sd, median, minimum, maximum = (
            np.array([float(describe(sample)) if sample.size else np.nan for sample in samples])
            for describe in (np.mean, _sd, np.median, np.min, np.max)
        )
        counts = np.zeros((0, groups + 1), dtype=int)
        return BaselineRow(item, known, missing, counts, mean, sd, median, minimum, maximum, test, p_value)
    counts = np.array([[int((m & (item.values == level)).sum()) for m in members] for level in range(len(item.levels))])
    counts = counts.reshape(len(item.levels), groups + 1).astype(int)
    test, p_value = _test_counts(counts[:, :groups])
    return BaselineRow(item, known, missing, counts, empty, empty, empty, empty, empty, test, p_value)


def _sd(sample: Floats) -> float:
    return float(np.std(sample, ddof=1)) if sample.size > 1 else float("nan")


def _test_numbers(values: Floats, codes: Counts, groups: int) -> tuple[str, float]:
    sizes = np.bincount(codes, minlength=groups)
    varies = all(np.ptp(values[codes == code]) > 0 for code in range(groups) if sizes[code])
    if groups < 2 or sizes.min() < 2 or not varies:
        return "", float("nan")
    return "Welch's ANOVA" if groups > 2 else "Welch's t test", welch_anova(values, codes).p_value


def _test_counts(counts: Counts) -> tuple[str, float]:
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    determined = ((table > 0).sum(axis=0) == 1).all()
    if min(table.shape) < 2 or determined:
        return "", float("nan")
    test = fisher_exact if expected_counts(table).min() < SMALL_EXPECTED_COUNT else chi_squared
    result = test(table)
    return result.method, result.p_value
