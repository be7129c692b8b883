"""What the command line says: errors, progress, and the end of a run."""

import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from counterpoise.errors import CounterpoiseError, DataError, PlanError, Problem, ProblemsError

if TYPE_CHECKING:
    from counterpoise.oncology.answers import QueryList
    from counterpoise.study import Study

Watch = Callable[[str, float], None]

WIDEST = 100
FINDINGS_SHOWN = 5
LETTERS_SHOWN = 10


def show_error(error: CounterpoiseError) -> None:
    """Say on standard error what the user can mend: one sentence, or a numbered list of problems."""
    if isinstance(error, ProblemsError) and len(error.problems) > 1:
        _lead(f"{_subject(error)} has {len(error.problems)} problems:")
        show_problems(error.problems)
    else:
        for line in str(error).splitlines():
            _lead(line)


def show_problems(problems: Sequence[Problem]) -> None:
    """List problems on standard error, numbered, one an entry."""
    width = len(str(len(problems)))
    for number, problem in enumerate(problems, start=1):
        _wrapped(f"  {number:>{width}}. ", str(problem), error=True)


def show_refusal(error: OSError) -> None:
    """Say on standard error which file the system refused, and why."""
    where = f"`{error.filename}`: " if error.filename else ""
    _lead(f"{where}{error.strerror or error}.")


def show_fault(error: Exception) -> None:
    """Say on standard error that the program failed, and how to see where."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    _lead(f"the program failed where it should not have ({what}).")
    _wrapped("", "Set COUNTERPOISE_DEBUG=1 and run the same command again to see where.", error=True)


def show_plan(plan: Path, guessed: Sequence[str]) -> None:
    """Say where the starter plan is, what was guessed, and what comes next."""
    _wrapped("Plan: ", str(plan), error=False)
    typer.echo()
    typer.echo("Guessed, for you to mend:")
    for role in guessed:
        _wrapped("  ", role, error=False)
    typer.echo()
    _wrapped("", f"Next: counterpoise check {plan}", error=False)


def show_queries(found: "QueryList", path: Path) -> None:
    """Say where the list of queries is, how many wait, and which answers could not be used."""
    _wrapped("Queries: ", str(path), error=False)
    errors = sum(query.severity == "error" for query in found.open)
    patients = len({query.patient for query in found.open})
    closed = len(found.asked) - len(found.open)
    what = f"{len(found.open)} open ({errors} errors) about {patients} patients, {closed} closed"
    _wrapped("", f"{what}; {len(found.quality.run)} checks run, {len(found.quality.not_run)} not.", error=False)
    for remark in found.remarks:
        _wrapped("Note: ", str(remark), error=True)


def show_unprintable(characters: str) -> None:
    """Say which characters no font here has, and what to do; nothing where there are none."""
    if characters:
        shown = characters if len(characters) <= LETTERS_SHOWN else f"{characters[:LETTERS_SHOWN]} and others"
        what = "they are boxes in the PDF and in the figures. Install a font that has them and run again."
        _wrapped("Note: ", f"no font on this machine has {shown}; {what}", error=True)


def show_report(study: "Study", folder: Path, formats: Sequence[str]) -> None:
    """Say where the report is, how many findings it has, and the gravest of them."""
    _wrapped("Report: ", str(folder / "report.html" if "html" in formats else folder), error=False)
    if not study.findings:
        return
    typer.echo()
    _wrapped("", f"{_counted(study)}. Read these first:", error=False)
    for finding in study.findings[:FINDINGS_SHOWN]:
        _wrapped(f"  {finding.severity:<7}  ", finding.title, error=False)


@contextmanager
def watching(*, quiet: bool) -> Generator[Watch]:
    """Yield what long work calls with its stage and the share of it that is done (0 to 1).

    A bar moves when someone watches standard error; otherwise each stage is one line there, once.
    """
    try:
        if quiet:
            yield _silent
        elif sys.stderr.isatty():
            yield from _bar()
        else:
            yield _lines()
    except KeyboardInterrupt:
        typer.echo("Stopped; no report was written.", err=True)
        raise


def part(watch: Watch, start: float, end: float) -> Watch:
    """Return a watch for work that takes `watch` from the share `start` to the share `end`.

    >>> part(lambda stage, done: typer.echo(f"{stage} {done:.2f}"), 0.5, 1.0)("Figures", 0.5)
    Figures 0.75
    """
    return lambda stage, done: watch(stage, start + (end - start) * done)


def _silent(stage: str, done: float) -> None:
    """Say nothing."""


def _lines() -> Watch:
    said: set[str] = set()

    def watch(stage: str, done: float) -> None:
        if stage not in said:
            said.add(stage)
            typer.echo(stage, err=True)

    return watch


def _bar() -> Generator[Watch]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda stage, done: progress.update(task, description=stage, completed=done)


def _counted(study: "Study") -> str:
    """Return for example '12 findings: 2 serious, 4 caution, 6 note'; the findings come gravest first."""
    counts = Counter(finding.severity for finding in study.findings)
    total = counts.total()
    parts = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{total} finding{'s' if total > 1 else ''}: {parts}"


def _subject(error: ProblemsError) -> str:
    if isinstance(error, PlanError):
        return "the plan"
    return "the patient table" if isinstance(error, DataError) else "the plan, or its data,"


def _lead(text: str) -> None:
    _wrapped("Error: ", text, error=True, colour="red")


def _wrapped(first: str, text: str, *, error: bool, colour: str | None = None) -> None:
    """Write `text` after `first`, wrapped at the width of the screen, later lines hanging below the text."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    hang = " " * len(first)
    filled = textwrap.fill(
        text,
        width=width,
        initial_indent=hang,
        subsequent_indent=hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lead = typer.style(first, fg=colour) if colour and not os.environ.get("NO_COLOR") else first
    typer.echo(lead + filled[len(hang) :], err=error)
