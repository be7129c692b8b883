from types import ModuleType

import pytest

from counterpoise import cohort, oncology


@pytest.mark.parametrize("stage", [cohort, oncology], ids=["cohort", "oncology"])
def test_public_names_are_sorted_and_there(stage: ModuleType) -> None:
    assert stage.__all__ == sorted(stage.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(stage, name) for name in stage.__all__)
