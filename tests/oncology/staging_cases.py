"""What tests of staging rules share: applying a rule to patients, and the worlds that their known facts allow."""

import itertools
from collections.abc import Callable, Mapping, Sequence, Set

import polars as pl

from counterpoise.oncology.definition import Derivation
from counterpoise.oncology.rule_sets import SHIPPED
from counterpoise.read.codebook import Column

World = Mapping[str, object]
FLAG = (0, 1)


def rule(name: str, edition: str) -> Derivation:
    return SHIPPED.derivation(name, edition)


def derived(name: str, edition: str, patients: Sequence[World], **more: str) -> list[str | None]:
    """Return what a rule makes of patients; every argument that they have is a column."""
    staging = rule(name, edition)
    columns = {fact: Column(kind=staging.arguments[fact].kinds[0]) for fact in patients[0]}
    types = {"flag": pl.Int64, "integer": pl.Int64, "number": pl.Float64, "category": pl.String}
    frame = pl.DataFrame(
        {
            fact: pl.Series([patient[fact] for patient in patients], dtype=types[column.kind])
            for fact, column in columns.items()
        }
    )
    arguments = {fact: fact for fact in columns} | more
    assert staging.faults(arguments, columns) == []
    for refusal in staging.refusals(arguments, columns):
        assert not frame.select(refusal.condition.fill_null(value=False).any()).item()
    return frame.select(new=staging.compile(arguments, columns))["new"].to_list()


def decided(
    slow: Callable[[World], str | None],
    patient: World,
    domains: Mapping[str, Sequence[object]],
    undivided: Sequence[str] = (),
) -> str | None:
    """Return the category that a patient has in every world that her known facts allow, or None.

    Where the worlds differ within one of `undivided`, which are categories without their letter, it is that.
    """
    options = [domains[fact] if value is None else (value,) for fact, value in patient.items()]
    outcomes = {slow(dict(zip(patient, world, strict=True))) for world in itertools.product(*options)}
    return agreed(outcomes, undivided)


def agreed(outcomes: Set[str | None], undivided: Sequence[str] = ()) -> str | None:
    """Return the one outcome, or that of `undivided` of which all outcomes are parts, or None."""
    if len(outcomes) == 1:
        return next(iter(outcomes))
    parts = (whole for whole in undivided if all(str(outcome).startswith(whole) for outcome in outcomes))
    return next(parts, None)


def every(domains: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Return every combination of the values of the facts, missing being one of them."""
    values = itertools.product(*((*domain, None) for domain in domains.values()))
    return [dict(zip(domains, combination, strict=True)) for combination in values]
