"""The study that the tests of the rules start from."""

import pytest

from tests.findings.cases import Case, study


@pytest.fixture(scope="module")
def case() -> Case:
    return study()
