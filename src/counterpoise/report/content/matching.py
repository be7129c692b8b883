"""What matching made: sets, those who were left out, closeness, and how far chance decided."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.special import expit

from counterpoise.balance import Matching
from counterpoise.estimate import Adjustments, Spread, Stability
from counterpoise.kernels.arrays import Floats
from counterpoise.report.content.tables import KEYS, body, head, is_share, text
from counterpoise.report.document import Block, Cell, Figure, Paragraph, Row, Table
from counterpoise.report.figures import DistanceFigure, JitterFigure, JitterRow
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

DISTANCES: Final[Mapping[str, str]] = {
    "logit": "Difference in the logit of the score",
    "probability": "Difference in the score",
    "mahalanobis": "Mahalanobis distance of the covariates",
    "robust mahalanobis": "Rank-based Mahalanobis distance of the covariates",
    "scaled euclidean": "Euclidean distance of the standardised covariates",
    "euclidean": "Euclidean distance of the covariates",
}
CHANCE = 0.05
"""The conventional threshold of P values."""


def set_words(matching: Matching) -> str:
    """Return what the sets of a matching are called, in the plural.

    >>> from counterpoise.balance import match, propensity
    >>> set_words(match(propensity([0, 0, 1, 0, 1, 1], [1, 2, 2, 3, 4, 3]), caliper=None))
    'pairs'
    """
    if matching.is_paired:
        return "pairs"
    if matching.has_links:
        return "sets"
    return {"subclass": "subclasses", "cardinality": "sample"}.get(matching.method, "strata")


def set_word(matching: Matching) -> str:
    """Return what one set of a matching is called."""
    words = set_words(matching)
    return {"pairs": "pair", "sets": "set", "subclasses": "subclass", "strata": "stratum"}.get(words, words)


def where_matched(matching: Matching) -> str:
    """Return the words for a comparison of the matched patients: 'in matched pairs'."""
    if matching.is_paired or matching.has_links:
        return f"in matched {set_words(matching)}"
    places = {"subclass": "within subclasses of the score", "cardinality": "in the matched sample"}
    return places.get(matching.method, "within strata of like patients")


def matching_sentences(study: Study) -> str:
    """Return the template that says how many were matched, how unevenly they count, and who was left out."""
    adjustments = study.analyses.adjustments
    assert adjustments is not None
    matching = adjustments.matching
    if not matching.n_sets:
        return _nobody(matching)
    return f"{_discarded(matching)}Matching {_made(matching)}{_left_out(matching)}. {_counting(matching)}".strip()


def _nobody(matching: Matching) -> str:
    if matching.reason:
        return (
            "Nobody was matched, because what the plan asks of matching cannot be had; the findings say why. There is "
            "no matched comparison."
        )
    return (
        "Matching made no pair and left {matching.unmatched_treated:count} treated patients and "
        "{matching.unmatched_control:count} controls unmatched; with no pair within the caliper, there is no matched "
        "comparison."
    )


def counted(key: str, count: int, one: str, many: str = "") -> str:
    """Return the template of a count with its noun.

    >>> counted("matching.treated", 1, "treated patient")
    '{matching.treated:count} treated patient'
    """
    return f"{{{key}:count}} {one if count == 1 else many or f'{one}s'}"


def _made(matching: Matching) -> str:
    if matching.is_paired:
        return f"made {counted('matching.pairs', matching.n_pairs, 'pair')}"
    who = (
        f"{counted('matching.treated', matching.sets.n_treated, 'treated patient')} and "
        f"{counted('matching.control', matching.sets.n_control, 'control')}"
    )
    if matching.method == "cardinality":
        return f"chose {who}"
    return f"made {counted('matching.sets', matching.n_sets, set_word(matching), set_words(matching))} of {who}"


def _left_out(matching: Matching) -> str:
    if not matching.unmatched_treated and not matching.unmatched_control:
        return " and left nobody out"
    return (
        f" and left {counted('matching.unmatched_treated', matching.unmatched_treated, 'treated patient')} and "
        f"{counted('matching.unmatched_control', matching.unmatched_control, 'control')} unmatched"
    )


def _discarded(matching: Matching) -> str:
    if not matching.discarded.any():
        return ""
    lost = [
        int(np.count_nonzero(matching.discarded & arm)) for arm in (matching.sets.treatment, ~matching.sets.treatment)
    ]
    who = (
        f"{counted('matching.discarded_treated', lost[0], 'treated patient')} and "
        f"{counted('matching.discarded_control', lost[1], 'control')}"
    )
    return (
        f"Before matching, {who} whose score lies beyond all scores of the other arm were discarded, and the score "
        "fitted again to the rest; its c-statistic among them is {matching.c_statistic:number2}. "
    )


def _counting(matching: Matching) -> str:
    """Say how large the sets are, how often controls serve, and how unevenly the matched count."""
    found = ""
    if not matching.is_largest:
        found += "The solver ran out of time, so that a larger sample may exist. "
    if not matching.is_paired and matching.n_sets > 1:
        found += (
            f"The {set_words(matching)} hold {_range(matching, 'treated', 'treated patient')} and "
            f"{_range(matching, 'controls', 'control')} each. "
        )
    if matching.replacement:
        found += (
            "{matching.reused:count} controls serve in more than one set, one of them in {matching.most_uses:count}. "
            if matching.sets.reuses
            else "No control serves in more than one set. "
        )
    if matching.is_weighted:
        found += (
            "Matching weights run from {matching.weights.minimum:number2} to {matching.weights.maximum:number2}, with "
            "effective sample sizes of {matching.effective_treated:number1} treated patients and "
            "{matching.effective_control:number1} controls. "
        )
    return found


def _range(matching: Matching, key: str, noun: str) -> str:
    sizes = matching.sets.set_sizes[:, 0 if key == "treated" else 1]
    if sizes.min() == sizes.max():
        return counted(f"matching.{key}_each.minimum", int(sizes[0]), noun)
    return f"{{matching.{key}_each.minimum:count}} to {{matching.{key}_each.maximum:count}} {noun}s"


# Who was left out ----------------------------------------------------------------------------------------------------


def unmatched_table(study: Study, numbers: Numbers) -> Iterable[Table]:
    """Set the unmatched of each arm beside the matched, where both exist."""
    adjustments = study.analyses.adjustments
    assert adjustments is not None
    shown = [arm for arm in KEYS if f"unmatched.{arm}.largest" in numbers]
    if not shown:
        return
    rows = [
        body(name, [cell for arm in shown for cell in _unmatched_cells(numbers, f"unmatched.c{index}.{arm}", share)])
        for index, (name, share) in enumerate(zip(adjustments.balance.names, is_share(study), strict=True), start=1)
    ]
    largest = [cell for a in shown for cell in (text(""), text(""), numbers.cell(f"{{unmatched.{a}.largest:number3}}"))]
    rows.append(Row((text("Largest absolute SMD"), *largest), "total"))
    label: dict[str, str] = dict(zip(KEYS, study.design.treatment.labels, strict=True))
    sizes = [
        cell
        for arm in shown
        for cell in (
            numbers.cell(f"Matched\n(n = {{matching.{arm}:count}})"),
            numbers.cell(f"Unmatched\n(n = {{matching.unmatched_{arm}:count}})"),
            text("SMD"),
        )
    ]
    note = (
        "Percentages of flags and of levels, means of numbers; every patient counts once. SMD: unmatched minus matched "
        "patients of the same arm, over the standard deviation of the unadjusted sample "
        f"({adjustments.balance.denominator}). The matched comparison says nothing of those who were left out."
    )
    yield Table(
        "unmatched", "Who was left out by matching",
        (head("", *(text(label[arm], 3) for arm in shown)), head("Covariate", *sizes)), tuple(rows),
        (numbers.parts(note),),
    )  # fmt: skip


def _unmatched_cells(numbers: Numbers, place: str, share: bool) -> tuple[Cell, Cell, Cell]:
    style = "percent" if share else "number1"
    return (
        numbers.cell(f"{{{place}.matched:{style}}}"),
        numbers.cell(f"{{{place}.unmatched:{style}}}"),
        numbers.cell(f"{{{place}.smd:number3}}"),
    )


# Figures -------------------------------------------------------------------------------------------------------------


def matching_figures(study: Study, numbers: Numbers) -> Iterable[Figure]:
    """Draw the scores of the matched and the unmatched, and the distances across links."""
    adjustments = study.analyses.adjustments
    assert adjustments is not None
    matching = adjustments.matching
    if not matching.n_sets:
        return
    rows = tuple(row for row in _jitter_rows(study, numbers, matching) if row.score.size)
    yield Figure(
        "scores_matched", "Propensity scores of the matched and the unmatched",
        "Strips of points, one a patient, over the propensity score: matched and unmatched patients of both arms.",
        JitterFigure(rows, cuts=_cuts(matching)),
        _jitter_notes(matching),
    )  # fmt: skip
    if matching.distance.size:
        yield _distance_figure(matching, numbers)


def _jitter_rows(study: Study, numbers: Numbers, matching: Matching) -> Iterable[JitterRow]:
    """Yield the four groups: treated above controls, the matched of both arms side by side."""
    control, treated = study.design.treatment.labels
    adjustments = study.analyses.adjustments
    assert adjustments is not None
    score, matched, in_treated = _scores(adjustments), matching.pair >= 0, matching.sets.treatment
    for label, arm, chosen in (
        (treated, "treated", False),
        (treated, "treated", True),
        (control, "control", True),
        (control, "control", False),
    ):
        members = (in_treated == (arm == "treated")) & (matched == chosen)
        details = ["matched" if chosen else "unmatched"]
        details.append(numbers.text(f"n = {{matching.{'' if chosen else 'unmatched_'}{arm}:count}}"))
        weights = None
        if chosen and matching.is_weighted:
            weights = matching.weights[members]
        if weights is not None and np.ptp(weights) > 1e-9:
            details.append(numbers.text(f"effective n = {{matching.effective_{arm}:number1}}"))
        yield JitterRow(label, score[members], arm == "treated", chosen, weights, tuple(details))


def _scores(adjustments: Adjustments) -> Floats:
    """Return the score on which patients were matched; of those who were discarded, what that model makes of them."""
    if not adjustments.matching.discarded.any():
        return adjustments.score.probability
    coefficients = adjustments.matching.score.fit.coefficients
    return expit(coefficients[0] + adjustments.score.x @ coefficients[1:])


def _jitter_notes(matching: Matching) -> tuple[tuple[str], ...]:
    notes = ["Each point is a patient; heights within a row mean nothing."]
    if matching.is_weighted:
        notes[0] = "Each point is a patient, its area in proportion to the matching weight; heights mean nothing."
    if matching.method == "subclass":
        notes.append("Dashed lines part the subclasses.")
    if matching.discarded.any():
        notes.append("The scores are those of the model fitted again without the discarded.")
    return tuple((note,) for note in notes)


def _cuts(matching: Matching) -> tuple[float, ...]:
    """Return where neighbouring subclasses meet: midway between the scores on either side."""
    if matching.method != "subclass":
        return ()
    score, place = matching.score.probability, matching.pair[~matching.discarded]
    ends = [(float(score[place == k].min()), float(score[place == k].max())) for k in range(matching.n_sets)]
    ends.sort()
    return tuple((one[1] + other[0]) / 2 for one, other in pairwise(ends))


def _distance_figure(matching: Matching, numbers: Numbers) -> Figure:
    pairs = "Pairs" if matching.is_paired else "Links"
    scale = matching.distance_name in ("logit", "probability")
    limit = matching.caliper if scale and np.isfinite(matching.caliper) else None
    note = () if matching.is_paired else ("A link joins a treated patient with a control of the same set.",)
    words = "pairs" if matching.is_paired else "sets"
    drawing = DistanceFigure(
        matching.distance,
        DISTANCES[matching.distance_name],
        f"{pairs} (%)",
        limit,
        numbers.text("Caliper {matching.caliper:number3}") if limit is not None else "",
        (
            numbers.text(f"{{matching.distance.links:count}} {pairs.lower()}"),
            numbers.text("Median {matching.distance.median:number3}"),
            numbers.text("Largest {matching.distance.maximum:number3}"),
        ),
    )
    return Figure(
        "distances", f"Distances within matched {words}",
        f"Rising steps: the share of {pairs.lower()} whose distance is at most that on the axis.", drawing,
        (note,) if note else (),
    )  # fmt: skip


# Stability -----------------------------------------------------------------------------------------------------------


def stability_blocks(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Say what other ways of breaking ties, or of ordering, would have given."""
    stability, adjustments = study.analyses.stability, study.analyses.adjustments
    if stability is None or adjustments is None:
        return
    words = set_words(adjustments.matching)
    yield Paragraph(numbers.parts(_stability_sentence(stability, words)))
    if stability.distinct > 1:
        yield _stability_table(study, stability, numbers)


def _stability_sentence(stability: Stability, words: str) -> str:
    orders = dict.fromkeys(stability.order)
    others = "" if len(orders) == 1 else f", in {len_words(len(orders))} orders ({', '.join(orders)})"
    start = f"The matching was made {{stability.runs:count}} times, each time with another seed to break ties{others}"
    if stability.distinct == 1:
        reason = "no tie had to be broken by chance" if not others else "neither ties nor the order decided anything"
        return f"{start}: all gave the same {words}, as {reason}."
    sets = stability.of_sets()
    number = (
        f"{{stability.sets.median:count}} {words} each time"
        if sets.minimum == sets.maximum
        else f"{{stability.sets.minimum:count}} to {{stability.sets.maximum:count}} {words}"
    )
    text = f"{start}. It gave {number}, in {{stability.distinct:count}} different matchings"
    split = [
        endpoint.short for index, endpoint in enumerate(stability.endpoints) if _straddles(stability.of_p_value(index))
    ]
    if split:
        values = "the P value of {} falls" if len(split) == 1 else "the P values of {} fall"
        text += f"; {values.format(', '.join(split))} on either side of the conventional threshold by that alone"
    return f"{text}."


def len_words(count: int) -> str:
    """Return a small number in words."""
    return {2: "two", 3: "three"}.get(count, "several")


def _straddles(found: Spread) -> bool:
    return found.minimum < CHANCE <= found.maximum


def _stability_table(study: Study, stability: Stability, numbers: Numbers) -> Table:
    rows: list[Row] = []
    for endpoint in stability.endpoints:
        place, range_ = f"{endpoint.name}.matched.hazard_ratio", f"stability.{endpoint.name}"
        cells = [numbers.cell(f"{{{place}:ratio}}")]
        cells += [numbers.cell(f"{{{range_}.hazard_ratio.{s}:ratio}}") for s in ("minimum", "median", "maximum")]
        cells += [numbers.cell(f"{{{place}:p_value}}")]
        cells += [numbers.cell(f"{{{range_}.p.{s}:p}}") for s in ("minimum", "median", "maximum")]
        rows.append(body(endpoint.short, cells))
    ranges = ("Reported", "Smallest", "Median", "Largest")
    titles = (
        head("", text("Hazard ratio, matched", 4), text("P", 4)),
        head("Endpoint", *ranges, *ranges),
    )
    note = (
        "Over the {stability.runs:count} runs. The smallest P value need not belong to the smallest hazard ratio. A "
        "range is no confidence interval: it shows only what "
        f"the breaking of ties{' and the order' if len(set(stability.order)) > 1 else ''} decided."
    )
    return Table(
        "stability", "The matched comparison under other ways of breaking ties", titles, tuple(rows),
        (numbers.parts(note),),
    )  # fmt: skip
