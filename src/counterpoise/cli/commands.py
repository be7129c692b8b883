"""The commands. Each imports what it needs when it runs, so that help is there at once."""

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from counterpoise.cli import screen

FORMATS = ("html", "docx", "pdf", "xlsx")
ALL_FORMATS = ",".join(FORMATS)
RUN_SHARE = 0.4

app = typer.Typer(
    help="Turn a patient table and a one-page plan into a complete comparative survival study.",
    epilog="Start with `counterpoise demo`, then `counterpoise init DATA` on a table of your own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The study plan, a TOML file.")]
Formats = Annotated[str, typer.Option(metavar="LIST", help=f"What to write, with commas: {', '.join(FORMATS)}.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"counterpoise {version('counterpoise')}")
        raise typer.Exit


@app.callback()
def _counterpoise(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


@app.command(epilog="Example: counterpoise demo --out report")
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the report.")] = Path("imn-boost-report"),
    formats: Formats = ALL_FORMATS,
    quiet: Quiet = False,
) -> None:
    """Run the study that ships with the package: 208 synthetic patients, made to match a published cohort."""
    example = resources.files("counterpoise") / "examples" / "imn" / "study.toml"
    with resources.as_file(example) as plan:
        _report(plan, out, _formats(formats), quiet=quiet)


@app.command(epilog="Examples:\n\ncounterpoise init patients.csv\n\ncounterpoise init patients.xlsx --out plan.toml")
def init(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="The patient table: CSV, Excel, SPSS, Stata or Parquet.")
    ],
    out: Annotated[Path, typer.Option(metavar="PLAN", help="The plan to write.")] = Path("study.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the plan if it exists.")] = False,
) -> None:
    """Look at a patient table and write a starter plan, with the roles of its columns guessed."""
    from counterpoise.cli.starter_plan import write_starter_plan

    guessed = write_starter_plan(data, out, force=force)
    screen.show_plan(out, guessed)


@app.command(epilog="Example: counterpoise check study.toml")
def check(plan: PlanFile) -> None:
    """Name every problem of the plan and its data at once; the exit status is 2 if there is one."""
    from counterpoise.errors import ProblemsError
    from counterpoise.study import check as check_study

    problems = check_study(plan)
    if problems:
        raise ProblemsError(problems)
    typer.echo(f"No problem found in {plan} and its data.")


@app.command(
    epilog="Examples:\n\ncounterpoise run study.toml\n\ncounterpoise run study.toml --out report --formats html,docx"
)
def run(
    plan: PlanFile,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of the report; PLAN-report where it is left out."),
    ] = None,
    formats: Formats = ALL_FORMATS,
    quiet: Quiet = False,
) -> None:
    """Run a study and write its report."""
    _report(plan, out or Path(f"{plan.stem}-report"), _formats(formats), quiet=quiet)


@app.command(epilog="Example: counterpoise queries study.toml --output queries.xlsx")
def queries(
    plan: PlanFile,
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="The Excel list; answers that it holds already are kept.")
    ] = Path("queries.xlsx"),
) -> None:
    """Check the records, and write what is to be asked as a list for Excel; errors in them do not stop it."""
    from counterpoise.report.queries import write_queries

    screen.show_queries(write_queries(plan, output), output)


@app.command(epilog="Example: counterpoise schema > study.schema.json")
def schema() -> None:
    """Print the JSON Schema of the plan, with which an editor completes and checks it."""
    from counterpoise.plan import plan_schema

    typer.echo(json.dumps(plan_schema(), indent=2, ensure_ascii=False))


@app.command(
    epilog="Examples:\n\ncounterpoise rules\n\ncounterpoise rules receptors --save my_receptors.toml",
)
def rules(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A rule set, which is printed as TOML.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a new file instead.")] = None,
) -> None:
    """List the rules that a plan may name, with their editions, or print one rule set for you to change."""
    from counterpoise.cli.rule_list import rule_lines, rule_set_text

    if name is None:
        if save is not None:
            raise typer.BadParameter("name the rule set that is to be saved.", param_hint="--save")
        typer.echo("\n".join(rule_lines()))
        return
    text = rule_set_text(name)
    if save is None:
        typer.echo(text, nl=False)
        return
    try:
        with save.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise typer.BadParameter(f"`{save}` exists; choose another name.", param_hint="--save") from error
    typer.echo(f"Rules: {save}")


def _formats(text: str) -> tuple[str, ...]:
    wanted = tuple(word.strip().lower() for word in text.split(",") if word.strip())
    unknown = [word for word in wanted if word not in FORMATS]
    if unknown or not wanted:
        what = f"`{unknown[0]}` is not a format" if unknown else "no format is named"
        raise typer.BadParameter(f"{what}; choose from {', '.join(FORMATS)}.", param_hint="--formats")
    return wanted


def _report(plan: Path, out: Path, formats: Sequence[str], *, quiet: bool) -> None:
    from counterpoise.report.write import require_replaceable

    require_replaceable(out.resolve())  # before the work, not after it

    from counterpoise.report import characters_without_font, write_report
    from counterpoise.study import run as run_study

    with screen.watching(quiet=quiet) as watch:
        study = run_study(plan, progress=screen.part(watch, 0.0, RUN_SHARE))
        folder = write_report(study, out, formats=formats, progress=screen.part(watch, RUN_SHARE, 1.0))
    screen.show_unprintable(characters_without_font(study))
    if not quiet:
        screen.show_report(study, folder, formats)
