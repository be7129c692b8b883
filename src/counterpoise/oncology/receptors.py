"""Hormone receptors, HER2, and the subtypes of breast cancer made of them.

Logic is three-valued: what is not known stays missing unless the rest decides it (ER negative and PR not
measured is missing; ER positive and PR not measured is hormone receptor positive).
"""

import polars as pl

from counterpoise.oncology.definition import Given


def hormone_receptor_status(given: Given) -> pl.Expr:
    """Positive where oestrogen or progesterone receptor reaches the cut-off (1 %), negative where neither does."""
    return _status(_hormone_receptor(given))


def her2_status(given: Given) -> pl.Expr:
    """Positive at immunohistochemistry 3+, or 2+ with positive hybridisation; 2+ without is missing."""
    return _status(_her2(given))


def clinical_subtype(given: Given) -> pl.Expr:
    """One of HR+/HER2-, HR+/HER2+, HR-/HER2+ and Triple-negative; missing unless both receptors are known."""
    hormone, her2 = _hormone_receptor(given), _her2(given)
    return _first_true(
        {
            "HR+/HER2-": hormone & ~her2,
            "HR+/HER2+": hormone & her2,
            "HR-/HER2+": ~hormone & her2,
            "Triple-negative": ~hormone & ~her2,
        }
    )


def st_gallen_2013(given: Given) -> pl.Expr:
    """Surrogate intrinsic subtype in five classes.

    High Ki-67, or low PR, makes a HER2-negative luminal tumour B-like even where the other is not known.
    ER-negative, PR-positive tumours belong to no class and are missing.
    """
    cutoff = given.number("positive_from")
    er, pr, her2 = given.column("er") >= cutoff, given.column("pr") >= cutoff, _her2(given)
    high = given.column("ki67") >= given.number("ki67_cutoff")
    low = given.column("pr") < given.number("pr_cutoff")
    return _first_true(
        {
            "Luminal A-like": er & ~her2 & ~high & ~low,
            "Luminal B-like/HER2-": er & ~her2 & (high | low),
            "Luminal B-like/HER2+": er & her2,
            "HER2-positive": ~er & ~pr & her2,
            "Triple-negative": ~er & ~pr & ~her2,
        }
    )


def _hormone_receptor(given: Given) -> pl.Expr:
    cutoff = given.number("positive_from")
    return (given.column("er") >= cutoff) | (given.column("pr") >= cutoff)


def _her2(given: Given) -> pl.Expr:
    score = given.coded("ihc")
    hybridised = given.coded("ish") == "positive" if given.has("ish") else pl.lit(None, dtype=pl.Boolean)
    return (score == "positive") | ((score == "equivocal") & hybridised)


def _status(positive: pl.Expr) -> pl.Expr:
    return _first_true({"positive": positive, "negative": ~positive})


def _first_true(classes: dict[str, pl.Expr]) -> pl.Expr:
    return pl.coalesce([pl.when(holds).then(pl.lit(name)) for name, holds in classes.items()])
