"""Numbers published elsewhere, to be printed beside those of the cohort."""

import tomllib
from pathlib import Path

from pydantic import Field, ValidationError

from counterpoise.errors import PlanError, Problem
from counterpoise.read.codebook import Options
from counterpoise.read.wording import validation_problems


class PublishedRow(Options):
    """One published number; `cohort` prints entries of `results.json`, each as `{id:format}`."""

    label: str = Field(description="What the number is.")
    published: str = Field(description="The number as it was printed; empty where it was not.")
    cohort: str = Field(description="What this cohort gives: a template of entries of `results.json`.")
    note: str = Field(default="", description="A remark on the comparison.")


class PublishedSection(Options):
    """Rows under one heading."""

    title: str = Field(description="The heading.")
    rows: tuple[PublishedRow, ...] = Field(min_length=1, description="The numbers, one a row.")


class _Published(Options):
    sections: tuple[PublishedSection, ...]


def load_published(path: Path) -> tuple[PublishedSection, ...]:
    """Read a file of published numbers; raises `PlanError` when it is missing or not of this form."""
    try:
        return _Published.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).sections
    except FileNotFoundError as error:
        raise PlanError(
            [Problem("plan: published.file", f"there is no file `{path.name}`", "check the path")]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError([Problem(path.name, f"is not valid TOML: {error}", "mend that line")]) from error
    except ValidationError as error:
        problems = validation_problems(path.name, error, _Published.model_json_schema())
        raise PlanError(problems) from error
