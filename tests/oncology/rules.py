"""What the tests of the rules share: a rule applied to patients, and worlds for what is missing."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from counterpoise.oncology.definition import ArgumentValue
from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.read.codebook import Column, Kind

Patient = Mapping[str, object]
TYPES: Mapping[Kind, type[pl.DataType]] = {"integer": pl.Int64, "flag": pl.Int64, "number": pl.Float64}


def outcomes(
    rule: str, columns: Mapping[str, Kind], patients: Sequence[Patient], **more: ArgumentValue
) -> list[object]:
    """Return the rule's outcome for each patient; each column is given as the argument of its name."""
    known = {name: Column(kind=kind) for name, kind in columns.items()}
    frame = pl.DataFrame(
        {
            name: pl.Series([patient.get(name) for patient in patients], dtype=TYPES.get(kind, pl.String))
            for name, kind in columns.items()
        }
    )
    arguments: dict[str, ArgumentValue] = {**{name: name for name in columns}, **more}
    derivation = DERIVATIONS[rule]
    assert derivation.faults(arguments, known) == []
    for refusal in derivation.refusals(arguments, known):
        assert frame.select(x=refusal.condition.fill_null(value=False))["x"].sum() == 0
    return frame.select(new=derivation.compile(arguments, known))["new"].to_list()


def every(domains: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Return every patient that the domains allow."""
    return [dict(zip(domains, values, strict=True)) for values in itertools.product(*domains.values())]


def decided(rule: Callable[[Patient], object], patient: Patient, unknown: Mapping[str, Sequence[object]]) -> object:
    """Return the outcome if it is the same whatever the missing values are, and None otherwise."""
    options = {name: unknown[name] if value is None else (value,) for name, value in patient.items()}
    found = {rule(world) for world in every(options)}
    return found.pop() if len(found) == 1 else None
