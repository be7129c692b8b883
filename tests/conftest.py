"""What every test shares: how hypothesis searches, and the bundled study, run once."""

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from counterpoise.study import Study

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def bundled() -> "Study":
    """Run the study that ships with the package, as it ships."""
    from counterpoise.study import run

    return run(Path(str(files("counterpoise"))) / "examples" / "imn" / "study.toml")
