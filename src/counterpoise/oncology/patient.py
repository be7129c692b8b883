"""Age, and groups formed by two treatments."""

import polars as pl

from counterpoise.oncology.definition import Given


def age(given: Given) -> pl.Expr:
    """Completed years from birth to a date; who is born on 29 February turns a year older on 1 March."""
    birth, at = given.column("birth").dt, given.column("at").dt
    before_birthday = (at.month() * 100 + at.day()) < (birth.month() * 100 + birth.day())
    years = at.year().cast(pl.Int64) - birth.year().cast(pl.Int64)
    return years - before_birthday.cast(pl.Int64)


def crossed_groups(given: Given) -> pl.Expr:
    """The four combinations of two flags; missing where either is.

    The order is neither (the reference), the first alone, the second alone, both.
    """
    first, second = given.column("first") == 1, given.column("second") == 1
    cells = [~first & ~second, first & ~second, ~first & second, first & second]
    codes = crossed_levels(given)
    return pl.coalesce([pl.when(cell).then(pl.lit(code)) for cell, code in zip(cells, codes, strict=True)])


def crossed_levels(given: Given) -> dict[str, str]:
    """Return the four groups, code to label: `A-/B-` is shown as A−/B−."""
    first, second = (_short_name(given, name) for name in ("first", "second"))
    codes = [f"{first}{one}/{second}{two}" for two in "-+" for one in "-+"]
    labels = [f"{first}{one}/{second}{two}" for two in "−+" for one in "−+"]
    return dict(zip(codes, labels, strict=True))


def _short_name(given: Given, name: str) -> str:
    column = str(given.arguments[name])
    return str(given.arguments.get(f"{name}_name") or given.known[column].label or column)
