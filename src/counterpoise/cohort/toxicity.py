"""The toxicity of the patients of a table, by arm."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.cohort.cells import cell_problems
from counterpoise.errors import DataError, InputError, PlanError, Problem
from counterpoise.kernels.arrays import Floats
from counterpoise.oncology.rule_sets import SHIPPED, RuleSets
from counterpoise.oncology.toxicity import Phase, ToxicityOptions, ToxicityRow, ToxicityScale, toxicity_row
from counterpoise.read.names import nearest
from counterpoise.read.table import Table


def tabulate_toxicity(
    table: Table, options: ToxicityOptions, arm: ArrayLike, arms: Sequence[str], rules: RuleSets = SHIPPED
) -> tuple[ToxicityRow, ...]:
    """Return worst grades by arm for every organ and phase of the plan, in its order.

    `arm` (n,) holds the index of each patient's arm in `arms`. Columns that name one organ in one phase are
    joined by their worst grade. Grades may be columns of kind integer, number, flag, or category with the grades
    as codes. `rules` hold the scale. Raises `PlanError` for an unknown scale or column, `DataError` for grades beyond
    0 to the scale's highest; each with all problems at once.

    >>> from counterpoise.read import table_from_frame
    >>> table = table_from_frame(pl.DataFrame({"id": ["a", "b", "c"], "skin": [0, 2, None]}), id_column="id")
    >>> skin = ToxicityOptions(scale="RTOG/EORTC", acute={"skin": "Skin"})
    >>> tabulate_toxicity(table, skin, [0, 1, 1], ["No boost", "Boost"])[0].assessed
    array([1, 1])
    """
    phases: tuple[tuple[Phase, dict[str, str]], ...] = (("acute", options.acute), ("late", options.late))
    faults = _faults(table, options, rules)
    if faults:
        raise PlanError(faults)
    scale = rules.scale(options.scale, options.edition)
    read, problems = dict[str, Floats](), list[Problem]()
    for phase, named in phases:
        for column, organ in named.items():
            grades = table.frame[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
            known = table.frame[column].is_not_null().to_numpy()
            possible, must = _possible(scale, organ, phase)
            problems += cell_problems(table, known & ~np.isin(grades, possible), column, must)
            read[column] = grades
    if problems:
        raise DataError(list(dict.fromkeys(problems)))
    return tuple(
        toxicity_row(organ, phase, np.column_stack([read[c] for c, name in named.items() if name == organ]), arm, arms)
        for phase, named in phases
        for organ in dict.fromkeys(named.values())
    )


def _possible(scale: ToxicityScale, organ: str, phase: Phase) -> tuple[tuple[int, ...], str]:
    """Return the grades that exist for an organ, and what a cell must therefore be."""
    every = tuple(range(scale.highest + 1))
    item = scale.item(organ, phase)
    if item is None or item.possible == every:
        return every, f"must be a grade from 0 to {scale.highest}"
    possible = tuple(grade for grade in item.possible if grade <= scale.highest)
    return possible, f"must be a grade that the scale has for {organ}: {', '.join(map(str, possible))}"


def _faults(table: Table, options: ToxicityOptions, rules: RuleSets) -> list[Problem]:
    faults: list[Problem] = []
    try:
        rules.scale(options.scale, options.edition)
    except InputError as error:
        faults.append(Problem("toxicity.scale", str(error)))
    for phase, named in (("acute", options.acute), ("late", options.late)):
        for column in named:
            described = table.columns.get(column)
            if described is None:
                remedy = nearest(column, list(table.columns))
                faults.append(Problem(f"toxicity.{phase}", f"there is no column `{column}`", remedy))
            elif described.kind not in ("integer", "number", "flag", "category"):
                what = f"column `{column}` must hold grades; it is of kind {described.kind}"
                faults.append(Problem(f"toxicity.{phase}", what))
    return faults
