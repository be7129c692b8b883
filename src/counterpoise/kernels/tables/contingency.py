"""Tests of association in a table of counts: Pearson's chi-squared, Yates' correction, Fisher's exact test."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, gammaln

from counterpoise.errors import InputError
from counterpoise.kernels.arrays import Counts, Floats, as_matrix, require

TIE_TOLERANCE = 1e-7  # tables this close in log probability are equally probable, as in R's fisher.test
VALUE_STEP = 1e-9  # sums of log factorials this close are the same product of factorials
VALUE_STEPS = 2**36  # and this many are told apart, which keeps the step below the tolerance
MOST_KEYS = 2**62  # what a rest may be numbered up to
EXACT_WORK = 4_000_000  # terms; beyond them the p-value is simulated
MOST_TABLES = 5e8  # with these margins; beyond them the exact sum needs more terms than that
SIMULATED_TABLES = 100_000
SEED = 20_240_229


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test of association; `method` names it in full. What a test does not have is NaN."""

    __test__ = False

    method: str
    statistic: float
    degrees_of_freedom: float
    p_value: float


def expected_counts(table: ArrayLike) -> Floats:
    """Return the (r, c) counts expected under independence: row sum x column sum / total.

    >>> expected_counts([[3, 1], [1, 3]])
    array([[2., 2.],
           [2., 2.]])
    """
    counts = as_matrix("table", table)
    require(counts >= 0, "`table` must hold non-negative counts")
    if counts.sum() == 0:
        raise InputError("`table` must hold at least one count above zero.")
    return np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()


def chi_squared(table: ArrayLike, *, correct: bool = False) -> TestResult:
    """Test independence in an (r, c) table of counts by Pearson's chi-squared statistic.

    `correct` applies Yates' continuity correction to a 2 x 2 table, and to no other, by min(.5, |O - E|) as R does;
    R corrects by default, SPSS's "Pearson" row does not. Rows and columns without any count are left out.
    Weighted counts are refused: their sum is not a sample size.

    >>> result = chi_squared([[19, 48], [11, 68]])
    >>> result.method, round(result.statistic, 4), result.degrees_of_freedom, round(result.p_value, 4)
    ("Pearson's chi-squared test", 4.6266, 1.0, 0.0315)

    Source: Pearson (1900); Yates (1934), Supplement to the JRSS 1:217.
    """
    counts = _counts(table).astype(float)
    expected = expected_counts(counts)
    difference = np.abs(counts - expected)
    method = "Pearson's chi-squared test"
    if correct and counts.shape == (2, 2):
        difference -= min(0.5, float(difference.min()))
        method += " with Yates' continuity correction"
    statistic = float((difference**2 / expected).sum())
    degrees_of_freedom = float((counts.shape[0] - 1) * (counts.shape[1] - 1))
    return TestResult(method, statistic, degrees_of_freedom, float(chdtrc(degrees_of_freedom, statistic)))


def fisher_exact(table: ArrayLike) -> TestResult:
    """Test independence in an (r, c) table by Fisher's exact test, two-sided, given both margins.

    The p-value is the probability of all tables that are no more probable than the one observed (R: `fisher.test`);
    twice the smaller tail is another convention. Rows and columns without any count are left out. Where the exact
    sum is out of reach it is estimated from 100,000 random tables under a fixed seed, and `method` says so and
    gives the standard error: the same table always has the same p-value.

    >>> fisher_exact([[3, 1], [1, 3]]).p_value.__round__(4), fisher_exact([[3, 1, 0], [0, 1, 4]]).method
    (0.4857, "Fisher's exact test")

    Source: Freeman and Halton (1951), Biometrika 38:141; merging of equal paths as in Mehta and Patel (1983),
    JASA 78:427; simulation as in Patefield (1981), but by sequential hypergeometric draws.
    """
    counts = _counts(table)
    log_factorial = gammaln(np.arange(int(counts.sum()) + 2) + 1.0)
    p_value = _exact(counts, log_factorial)
    method = "Fisher's exact test"
    if p_value is None:
        p_value = _simulated(counts, log_factorial)
        error = math.sqrt(p_value * (1 - p_value) / SIMULATED_TABLES)
        method += f" (Monte Carlo, {SIMULATED_TABLES:,} tables, standard error {error:.2g})"
    return TestResult(method, float("nan"), float("nan"), min(p_value, 1.0))


def _counts(table: ArrayLike) -> Counts:
    """Return the table as integers without its empty rows and columns."""
    counts = as_matrix("table", table)
    require((counts >= 0) & (counts == np.round(counts)), "`table` must hold non-negative whole counts")
    whole = counts.astype(np.int64)
    whole = whole[whole.sum(axis=1) > 0][:, whole.sum(axis=0) > 0]
    if min(whole.shape) < 2:
        raise InputError(
            f"`table` must have at least two rows and two columns with counts; it has {whole.shape[0]} "
            f"by {whole.shape[1]}."
        )
    return whole


def _exact(counts: Counts, log_factorial: Floats) -> float | None:
    """Return the exact p-value, or None where more than `EXACT_WORK` terms are needed.

    A table is filled column by column, smallest first. What is left to do depends only on what the rows still
    have to receive (in any order, hence sorted), and its contribution only on the sum of log factorials so far,
    so that the states (rest, sum) merge. At the last two columns every way to fill them is put in order once a
    rest.
    """
    if counts.shape[0] > counts.shape[1]:
        counts = counts.T
    columns = np.sort(counts.sum(axis=0)).tolist()
    if (int(counts.sum()) + 1) ** (counts.shape[0] - 1) > MOST_KEYS or _log_tables(counts) > math.log(MOST_TABLES):
        return None
    limit = float(log_factorial[counts].sum()) - TIE_TOLERANCE
    states = _States(np.sort(counts.sum(axis=1))[None, :], np.array([0, 1]), np.zeros(1), np.ones(1))
    work = 0
    for column in columns[:-2]:
        work += sum(value.size * _most_fills(rest, column) for rest, value, _ in states.by_rest())
        if work > EXACT_WORK:
            return None
        states = states.filled(column, log_factorial)
    if work + sum(_most_fills(rest, columns[-2]) for rest, _, _ in states.by_rest()) > EXACT_WORK:
        return None
    total = 0.0
    for rest, filled, probability in states.by_rest():
        fills = _fills(rest, columns[-2])
        value = (log_factorial[fills] + log_factorial[rest - fills]).sum(axis=1)
        order = np.argsort(value)
        chance = _fill_probability(rest, fills, log_factorial)[order]
        from_here = np.append(np.cumsum(chance[::-1])[::-1], 0.0)
        total += float(from_here[np.searchsorted(value[order], limit - filled)] @ probability)
    return total


def _log_tables(counts: Counts) -> float:
    """Return about the logarithm of the number of tables with these margins (Good 1976, Ann Stat 4:1159)."""
    rows, columns = counts.shape

    def log_choose(n: Counts | int, k: int) -> Floats:
        return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)

    by_row = log_choose(counts.sum(axis=1) + columns - 1, columns - 1).sum()
    by_column = log_choose(counts.sum(axis=0) + rows - 1, rows - 1).sum()
    return float(by_row + by_column - log_choose(int(counts.sum()) + rows * columns - 1, rows * columns - 1))


@dataclass(frozen=True, slots=True, eq=False)
class _States:
    """Partly filled tables, merged: d distinct rests, k states in all."""

    rest: Counts
    """(d, r) what each row still has to receive, ascending within a rest."""
    start: Counts
    """(d + 1,) where the states of each rest begin, and where the last end."""
    value: Floats
    """(k,) sum of log factorials of the cells filled so far."""
    probability: Floats
    """(k,) probability of being filled so."""

    def by_rest(self) -> Iterator[tuple[Counts, Floats, Floats]]:
        """Yield each rest with the values and probabilities of its states."""
        for rest, (start, stop) in zip(self.rest, itertools.pairwise(self.start.tolist()), strict=True):
            yield rest, self.value[start:stop], self.probability[start:stop]

    def filled(self, column: int, log_factorial: Floats) -> "_States":
        """Return the states after one more column of this sum."""
        rests: list[Counts] = []
        sizes: list[Counts] = []
        values: list[Floats] = []
        chances: list[Floats] = []
        for rest, value, probability in self.by_rest():
            fills = _fills(rest, column)
            rests.append(np.sort(rest - fills, axis=1))
            sizes.append(np.full(len(fills), value.size))
            values.append(np.add.outer(log_factorial[fills].sum(axis=1), value).ravel())
            chances.append(np.multiply.outer(_fill_probability(rest, fills, log_factorial), probability).ravel())
        every = np.concatenate(rests)
        # The rests of one stage have one sum, so that all rows but the last tell them apart.
        key = every[:, :-1] @ (int(self.rest[0].sum()) + 1) ** np.arange(every.shape[1] - 1)
        _, example, which = np.unique(key, return_index=True, return_inverse=True)
        rest_of_state = np.repeat(which, np.concatenate(sizes))
        return _merged(every[example], rest_of_state, np.concatenate(values), np.concatenate(chances))


def _merged(rest: Counts, rest_of_state: Counts, value: Floats, probability: Floats) -> _States:
    low = float(value.min())
    step = max(VALUE_STEP, (float(value.max()) - low) / VALUE_STEPS)
    key = rest_of_state * (2 * VALUE_STEPS) + np.round((value - low) / step).astype(np.int64)
    order = np.argsort(key)
    start = np.flatnonzero(np.diff(key[order], prepend=-1))
    first = np.searchsorted(rest_of_state[order][start], np.arange(len(rest) + 1))
    return _States(rest, first, value[order][start], np.add.reduceat(probability[order], start))


def _fills(rest: Counts, column: int) -> Counts:
    """Return the (f, r) ways to give `column` units to rows that take up to `rest` each."""
    later = int(rest.sum()) - np.cumsum(rest)
    fills = np.zeros((1, 0), dtype=np.int64)
    left = np.array([column])
    for most, others in zip(rest, later, strict=True):
        low, high = np.maximum(left - others, 0), np.minimum(left, most)
        ways = high - low + 1
        before = np.cumsum(ways) - ways
        given = np.arange(int(ways.sum())) - np.repeat(before - low, ways)
        fills = np.column_stack([np.repeat(fills, ways, axis=0), given])
        left = np.repeat(left, ways) - given
    return fills


def _most_fills(rest: Counts, column: int) -> int:
    """Return an upper bound of the number of ways, without listing them."""
    choices = np.minimum(np.sort(rest)[:-1], column) + 1
    return min(math.prod(choices.tolist()), math.comb(int(column) + rest.size - 1, rest.size - 1))


def _fill_probability(rest: Counts, fills: Counts, log_factorial: Floats) -> Floats:
    """Return the multivariate hypergeometric probability of each fill."""
    total, column = int(rest.sum()), int(fills[0].sum())
    all_ways = log_factorial[total] - log_factorial[column] - log_factorial[total - column]
    ways = log_factorial[rest].sum() - (log_factorial[fills] + log_factorial[rest - fills]).sum(axis=1)
    return np.exp(ways - all_ways)


def _simulated(counts: Counts, log_factorial: Floats) -> float:
    """Return the share of random tables with these margins that are no more probable, the observed one counted."""
    generator = np.random.default_rng(SEED)
    rows, columns = np.sort(counts.sum(axis=1)), np.sort(counts.sum(axis=0))
    rest = np.repeat(rows[:, None], SIMULATED_TABLES, axis=1)
    value = np.zeros(SIMULATED_TABLES)
    for column in columns[:-1]:
        left = np.full(SIMULATED_TABLES, column)
        others = rest.sum(axis=0)
        for i in range(rows.size - 1):
            others -= rest[i]
            given = generator.hypergeometric(rest[i], others, left)
            value += log_factorial[given]
            rest[i] -= given
            left -= given
        value += log_factorial[left]
        rest[-1] -= left
    value += log_factorial[rest].sum(axis=0)
    as_rare = int((value >= float(log_factorial[counts].sum()) - TIE_TOLERANCE).sum())
    return (as_rare + 1) / (SIMULATED_TABLES + 1)
