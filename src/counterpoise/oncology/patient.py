"""Age, and groups formed by two treatments."""

import polars as pl

from counterpoise.oncology.definition import Given
from counterpoise.read.rule_expression import completed_years


def age(given: Given) -> pl.Expr:
    """Completed years from birth to a date; who is born on 29 February turns a year older on 1 March."""
    return completed_years(given.column("birth"), given.column("at")).cast(pl.Int64)


def crossed_groups(given: Given) -> pl.Expr:
    """Cross two flags into four groups; missing where either is.

    The order is neither (the reference), the first alone, the second alone, both.
    """
    first, second = given.column("first") == 1, given.column("second") == 1
    cells = [~first & ~second, first & ~second, ~first & second, first & second]
    codes = crossed_levels(given)
    return pl.coalesce([pl.when(cell).then(pl.lit(code)) for cell, code in zip(cells, codes, strict=True)])


def crossed_levels(given: Given) -> dict[str, str]:
    """Return the four groups, code to label: `A-/B-` is shown as A−/B−."""
    first, second = given.arguments["first_name"], given.arguments["second_name"]
    codes = [f"{first}{one}/{second}{two}" for two in "-+" for one in "-+"]
    labels = [f"{first}{one}/{second}{two}" for two in "−+" for one in "−+"]
    return dict(zip(codes, labels, strict=True))
