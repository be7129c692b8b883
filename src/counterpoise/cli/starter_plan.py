"""Writing a starter plan for a table that nobody has described yet."""

import os
from pathlib import Path

from counterpoise.cli.draft import Draft, date_orders, draft_plan
from counterpoise.cli.plan_text import plan_text
from counterpoise.errors import InputError
from counterpoise.read import Column, guess_id_column, read_raw, type_table


def write_starter_plan(data: Path, out: Path, *, force: bool = False) -> tuple[str, ...]:
    """Write a starter plan for the table in `data` to `out`, and return what was guessed, one line a role.

    Raises `InputError` if `data` does not exist, or if `out` does, unless `force`; `DataError` if the table cannot
    be read.
    """
    if out.exists() and not force:
        raise InputError(f"`{out}` exists already; choose another name with --out, or replace it with --force.")
    if not data.exists():
        raise InputError(f"`{data}` does not exist; check the path.")
    raw = read_raw(data)
    orders = date_orders(raw)
    dates = {name: Column(kind="date", date_order=order) for name, (order, _) in orders.items()}
    table = type_table(raw, id_column=guess_id_column(raw), columns=dates)
    draft = draft_plan(table, _relative(data, out), [name for name, (_, sure) in orders.items() if not sure])
    out.write_text(plan_text(draft), encoding="utf-8", newline="\n")
    return _summary(draft, table.frame.height)


def _relative(data: Path, out: Path) -> str:
    """Return the path of the data as the plan says it: from the folder of the plan, with forward slashes."""
    try:
        return Path(os.path.relpath(data, out.parent)).as_posix()
    except ValueError:
        return data.resolve().as_posix()


def _summary(draft: Draft, patients: int) -> tuple[str, ...]:
    roles, times = draft.roles, draft.times
    if roles.origin and roles.last_contact:
        outcome = {
            "origin": roles.origin,
            "last contact": roles.last_contact,
            "death": roles.death,
            **{f"{site} recurrence": column for site, column in roles.events.items()},
        }
    else:
        outcome = {"time and event": f"{times.time} ({times.unit}), {times.event}" if times else None}
    guessed = {
        "patients": f"{patients}, identified by {roles.id_column}",
        "treatment": roles.treatments[0] if roles.treatments else None,
        **outcome,
        "covariates": ", ".join(draft.score) or None,
    }
    return tuple(f"{role}: {name or 'not recognised'}" for role, name in guessed.items())
