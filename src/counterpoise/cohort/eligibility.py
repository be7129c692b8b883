"""Who enters the study, who leaves at each step, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import polars as pl
from pydantic import model_validator

from counterpoise.errors import InputError, PlanError, Problem
from counterpoise.kernels.arrays import Bools, Counts
from counterpoise.read.codebook import Options
from counterpoise.read.rule_syntax import RuleError
from counterpoise.read.rules import parse_rule
from counterpoise.read.table import Table


class CriterionOptions(Options):
    """One criterion: a rule that patients must satisfy (`keep`) or must not (`drop`)."""

    name: str
    keep: str | None = None
    drop: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.keep is None) == (self.drop is None):
            raise ValueError("a criterion needs exactly one of `keep` and `drop`")
        return self

    @property
    def kind(self) -> Literal["keep", "drop"]:
        """Whether the rule says who stays or who leaves."""
        return "drop" if self.keep is None else "keep"

    @property
    def rule(self) -> str:
        """The rule."""
        return self.keep or self.drop or ""


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One criterion: how many it excluded of those who had passed all before it, and how many remained."""

    name: str
    rule: str
    kind: Literal["keep", "drop"]
    excluded: int
    remaining: int


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """The way from the patients screened to those included, under k criteria in their order.

    Of all screened, whatever the order: `failing` (k,) fail a criterion, `overlap` (k, k) fail both i and j (its
    diagonal is `failing`), and of `unknown` (k,) it is not known. Who is not known to satisfy a `keep` fails it;
    who is not known to satisfy a `drop` does not. `notes` say how many that were.
    """

    screened: int
    steps: tuple[FlowStep, ...]
    included: int
    overlap: Counts
    failing: Counts
    unknown: Counts
    notes: tuple[Problem, ...]


def apply_eligibility(table: Table, criteria: Sequence[CriterionOptions]) -> tuple[Table, Flow]:
    """Return the patients who pass every criterion, and the flow of how they came about.

    Each excluded patient is charged to the first criterion that she fails. Logic is three-valued: a rule that
    cannot be decided excludes under `keep` and does not exclude under `drop`.

    Raises `PlanError` with all criteria that are no rule, or no rule over this table.

    >>> from counterpoise.read import table_from_frame
    >>> table = table_from_frame(pl.DataFrame({"id": ["a", "b", "c"], "age": [17, 40, None]}), id_column="id")
    >>> adults, flow = apply_eligibility(table, [CriterionOptions(name="Adult", keep="age >= 18")])
    >>> flow.screened, flow.steps[0].excluded, flow.included, flow.unknown.tolist()
    (3, 2, 1, [1])

    Source: STROBE item 13 (von Elm E et al., Lancet 2007;370:1453-1457), participants at each stage with reasons.
    """
    answers = _answers(table, criteria)
    size = table.frame.height
    unknown = np.column_stack([a.is_null().to_numpy() for a in answers]) if answers else np.zeros((size, 0), bool)
    fails = np.zeros_like(unknown)
    for column, (criterion, answer) in enumerate(zip(criteria, answers, strict=True)):
        holds = answer.fill_null(value=False).to_numpy()
        fails[:, column] = ~holds if criterion.kind == "keep" else holds
    stays = np.logical_not(fails.any(axis=1))
    flow = Flow(
        screened=size,
        steps=_steps(criteria, fails),
        included=int(stays.sum()),
        overlap=fails.T.astype(np.int64) @ fails.astype(np.int64),
        failing=fails.sum(axis=0),
        unknown=unknown.sum(axis=0),
        notes=_notes(criteria, unknown),
    )
    return replace(table, frame=table.frame.filter(pl.Series(values=stays))), flow


def _answers(table: Table, criteria: Sequence[CriterionOptions]) -> list[pl.Series]:
    """Return what each rule says of each patient: true, false or null."""
    problems: list[Problem] = []
    answers: list[pl.Series] = []
    for number, criterion in enumerate(criteria, start=1):
        where = f"eligibility {number} ({criterion.name}).{criterion.kind}"
        try:
            rule = parse_rule(criterion.rule)
            if rule.kind(table.columns) != "flag":
                raise InputError(f"`{rule.text}` must be true or false of each patient, such as `age >= 18`")
            answers.append(table.frame.with_columns(answer=rule.expression(table.columns))["answer"])
        except InputError as error:
            texts = map(str, error.problems) if isinstance(error, RuleError) else [str(error)]
            problems += [Problem(where, text) for text in texts]
    if problems:
        raise PlanError(problems)
    return answers


def _steps(criteria: Sequence[CriterionOptions], fails: Bools) -> tuple[FlowStep, ...]:
    first = np.where(fails.any(axis=1), fails.argmax(axis=1) if fails.shape[1] else 0, -1)
    remaining = len(fails)
    steps: list[FlowStep] = []
    for number, criterion in enumerate(criteria):
        excluded = int((first == number).sum())
        remaining -= excluded
        steps.append(FlowStep(criterion.name, criterion.rule, criterion.kind, excluded, remaining))
    return tuple(steps)


def _notes(criteria: Sequence[CriterionOptions], unknown: Bools) -> tuple[Problem, ...]:
    outcomes = {"keep": "not counted as satisfying it", "drop": "not excluded by it"}
    notes: list[Problem] = []
    for criterion, count in zip(criteria, unknown.sum(axis=0), strict=True):
        if count:
            patients = "1 patient, who is" if count == 1 else f"{count} patients, who are"
            what = f"`{criterion.rule}` is not known of {patients} {outcomes[criterion.kind]}"
            notes.append(Problem(f"eligibility: {criterion.name}", what))
    return tuple(notes)
