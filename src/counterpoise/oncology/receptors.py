"""Hormone receptors, HER2 and Ki-67 of a breast cancer.

Logic is three-valued: what is not known stays missing unless the rest decides it (ER negative and PR not
measured is missing; ER positive and PR not measured is hormone receptor positive). A hybridisation that was not
done is no unknown result: without it immunohistochemistry decides alone, except at 2+.
"""

import polars as pl

from counterpoise.oncology.definition import Given

NEGATIVE_SCORES = ("zero", "ultralow", "low")


def allred_score(given: Given) -> pl.Expr:
    """Allred score, the proportion score (0 to 5) plus the intensity score (0 to 3); 0 or 2 to 8.

    No staining on the one scale is 0 whatever the other; missing where the two contradict each other, one saying
    that nothing stained and the other that something did.
    """
    percent, intensity = given.column("percent"), given.coded("intensity").cast(pl.Int64)
    steps = [percent > 0, percent >= given.number("proportion_2_from")]
    steps += [percent > given.number(f"proportion_{score}_above") for score in (3, 4, 5)]
    proportion = pl.sum_horizontal([step.cast(pl.Int64) for step in steps], ignore_nulls=False)
    none = pl.any_horizontal(percent == 0, intensity == 0)
    some = pl.any_horizontal(percent > 0, intensity > 0)
    score = pl.when(none).then(pl.lit(0)).otherwise(proportion + intensity)
    return pl.when(none & some).then(None).otherwise(score).cast(pl.Int64)


def er_status(given: Given) -> pl.Expr:
    """Negative below 1 %, low positive from 1 to 10 %, positive above."""
    er = given.column("er")
    positive, low = er >= given.number("positive_from"), er <= given.number("low_to")
    return first_true({"negative": ~positive, "low positive": positive & low, "positive": positive & ~low})


def hormone_receptor_status(given: Given) -> pl.Expr:
    """Positive where oestrogen or progesterone receptor is (from 1 %, or an Allred score of 3), else negative."""
    return _status(hormone_receptor(given))


def her2_status(given: Given) -> pl.Expr:
    """Positive at immunohistochemistry 3+ or by hybridisation; 2+ without hybridisation is missing."""
    return _status(her2(given))


def ish_group(given: Given) -> pl.Expr:
    """Group 1 to 5 of dual-probe hybridisation, by the HER2/CEP17 ratio and the HER2 copies a cell."""
    ratio, four, six = _signals(given)
    return first_true(
        {
            "1": ratio & four,
            "2": ratio & ~four,
            "3": ~ratio & six,
            "4": ~ratio & four & ~six,
            "5": ~ratio & ~four,
        }
    )


def her2_expression(given: Given) -> pl.Expr:
    """HER2-zero, HER2-low (1+, or 2+ and not amplified) and HER2-positive; with four classes also ultralow."""
    positive, score = her2(given), given.coded("ihc")
    apart = given.arguments["classes"] == "four"
    return first_true(
        {
            "positive": positive,
            "ultralow": ~positive & (score == "ultralow") & pl.lit(apart),
            "zero": ~positive & score.is_in(["zero", "ultralow"]),
            "low": ~positive & score.is_in(["low", "equivocal"]),
        }
    )


def her2_expression_levels(given: Given) -> dict[str, str]:
    """Return the classes of HER2 expression; ultralow only where there are four."""
    apart = given.arguments["classes"] == "four"
    return {code: label for code, label in given.text.levels.items() if apart or code != "ultralow"}


def ki67_class(given: Given) -> pl.Expr:
    """Low below the cut-off, high from it on; with a second, lower cut-off, a grey zone lies between."""
    ki67, high_from = given.column("ki67"), given.number("ki67_cutoff")
    low_below = given.number("low_below") if given.has("low_below") else high_from
    high, low = ki67 >= high_from, ki67 < low_below
    return first_true({"low": low, "intermediate": ~low & ~high, "high": high})


def ki67_levels(given: Given) -> dict[str, str]:
    """Return the classes of Ki-67; intermediate only where two cut-offs are apart."""
    zone = given.has("low_below") and given.number("low_below") < given.number("ki67_cutoff")
    return {code: label for code, label in given.text.levels.items() if zone or code != "intermediate"}


def receptor(given: Given, name: str) -> pl.Expr:
    """Return whether the receptor `name` is positive: by its percentage, where that is missing by its Allred score."""
    unknown = pl.lit(None, dtype=pl.Boolean)
    percent = given.column(name) >= given.number("positive_from") if given.has(name) else unknown
    scored = given.coded(f"{name}_allred") == "positive" if given.has(f"{name}_allred") else unknown
    return pl.coalesce(percent, scored)


def hormone_receptor(given: Given) -> pl.Expr:
    """Return whether either receptor is positive."""
    return receptor(given, "er") | receptor(given, "pr")


def her2(given: Given) -> pl.Expr:
    """Return whether HER2 is positive.

    Overexpression (3+) or amplification is enough. Where hybridisation was counted, the counts decide and not the
    result that was recorded; groups 2 to 4 are read beside immunohistochemistry.
    """
    score = given.coded("ihc")
    amplified = given.coded("ish") == "positive" if given.has("ish") else pl.lit(None, dtype=pl.Boolean)
    if given.has("ish_ratio"):
        amplified = pl.coalesce(_counted(given, score), amplified)
    return (
        pl.when((score == "positive") | amplified)
        .then(pl.lit(value=True))
        .when(score.is_in(NEGATIVE_SCORES) | ~amplified)
        .then(pl.lit(value=False))
    )


def first_true(classes: dict[str, pl.Expr]) -> pl.Expr:
    """Return the first class whose condition is true; null where none is."""
    return pl.coalesce([pl.when(holds).then(pl.lit(name)) for name, holds in classes.items()])


def _signals(given: Given) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    copies = given.column("ish_copies")
    ratio = given.column("ish_ratio") >= given.number("ratio_from")
    return ratio, copies >= given.number("copies_from"), copies >= given.number("copies_high_from")


def _counted(given: Given, score: pl.Expr) -> pl.Expr:
    """Whether the counts mean amplification: group 1 always, 3 from 2+ on, 2 and 4 never, 5 never.

    Groups 2 to 4 have no result without immunohistochemistry.
    """
    ratio, four, six = _signals(given)
    alone = pl.when(ratio & four).then(pl.lit(value=True)).when(~ratio & ~four).then(pl.lit(value=False))
    beside = (ratio & four) | (six & score.is_in(["equivocal", "positive"]))
    return pl.when(score.is_null()).then(alone).otherwise(beside)


def _status(positive: pl.Expr) -> pl.Expr:
    return first_true({"positive": positive, "negative": ~positive})
