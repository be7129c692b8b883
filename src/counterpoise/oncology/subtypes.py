"""Subtypes of breast cancer made of hormone receptors, HER2 and Ki-67.

As in `receptors`, a class is given as soon as what is known decides it, and is missing otherwise.
"""

import polars as pl

from counterpoise.oncology.definition import Given
from counterpoise.oncology.receptors import first_true, her2, hormone_receptor, receptor


def clinical_subtype(given: Given) -> pl.Expr:
    """One of HR+/HER2-, HR+/HER2+, HR-/HER2+ and Triple-negative; missing unless both receptors are known."""
    hormone, positive = hormone_receptor(given), her2(given)
    return first_true(
        {
            "HR+/HER2-": hormone & ~positive,
            "HR+/HER2+": hormone & positive,
            "HR-/HER2+": ~hormone & positive,
            "Triple-negative": ~hormone & ~positive,
        }
    )


def st_gallen_2011(given: Given) -> pl.Expr:
    """Surrogate intrinsic subtype in five classes; either receptor makes a tumour luminal, Ki-67 parts A from B."""
    hormone, positive = hormone_receptor(given), her2(given)
    high = given.column("ki67") >= given.number("ki67_cutoff")
    return first_true(
        {
            "Luminal A": hormone & ~positive & ~high,
            "Luminal B/HER2-": hormone & ~positive & high,
            "Luminal B/HER2+": hormone & positive,
            "HER2-positive": ~hormone & positive,
            "Triple-negative": ~hormone & ~positive,
        }
    )


def st_gallen_2013(given: Given) -> pl.Expr:
    """Surrogate intrinsic subtype in five classes.

    High Ki-67, or low PR, makes a HER2-negative luminal tumour B-like even where the other is not known.
    ER-negative, PR-positive tumours belong to no class and are missing.
    """
    er, pr, positive = receptor(given, "er"), receptor(given, "pr"), her2(given)
    high = given.column("ki67") >= given.number("ki67_cutoff")
    low = _low_pr(given)
    return first_true(
        {
            "Luminal A-like": er & ~positive & ~high & ~low,
            "Luminal B-like/HER2-": er & ~positive & (high | low),
            "Luminal B-like/HER2+": er & positive,
            "HER2-positive": ~er & ~pr & positive,
            "Triple-negative": ~er & ~pr & ~positive,
        }
    )


def csco(given: Given) -> pl.Expr:
    """Subtype in five classes, and a sixth for luminal tumours whose Ki-67 lies in the grey zone.

    High Ki-67, or low PR, makes a HER2-negative luminal tumour B. ER-negative, PR-positive, HER2-negative tumours
    belong to no class and are missing.
    """
    er, pr, positive = receptor(given, "er"), receptor(given, "pr"), her2(given)
    ki67 = given.column("ki67")
    high, low_ki67 = ki67 >= given.number("ki67_cutoff"), ki67 < given.number("low_below")
    luminal, low = er & ~positive, _low_pr(given)
    return first_true(
        {
            "HER2+/HR-": ~er & ~pr & positive,
            "HER2+/HR+": (er | pr) & positive,
            "Triple-negative": ~er & ~pr & ~positive,
            "Luminal A": luminal & low_ki67 & ~low,
            "Luminal B/HER2-": luminal & (high | low),
            "Luminal, Ki-67 grey": luminal & ~low_ki67 & ~high & ~low,
        }
    )


def csco_levels(given: Given) -> dict[str, str]:
    """Return the classes; that of the grey zone only where its two cut-offs are apart."""
    zone = given.number("low_below") < given.number("ki67_cutoff")
    return {code: label for code, label in given.text.levels.items() if zone or code != "Luminal, Ki-67 grey"}


def _low_pr(given: Given) -> pl.Expr:
    """Whether PR is low; an Allred score decides it only where it is negative, for it names no percentage."""
    unknown = pl.lit(None, dtype=pl.Boolean)
    percent = given.column("pr") < given.number("pr_cutoff") if given.has("pr") else unknown
    return pl.coalesce(percent, pl.when(~receptor(given, "pr")).then(pl.lit(value=True)))
