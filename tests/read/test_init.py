import subprocess
import sys

import pytest

import counterpoise.read


def test_every_public_name_can_be_had() -> None:
    assert counterpoise.read.__all__ == sorted(counterpoise.read.__all__, key=lambda name: (not name.isupper(), name))
    assert all(getattr(counterpoise.read, name) is not None for name in counterpoise.read.__all__)
    assert dir(counterpoise.read) == sorted(counterpoise.read.__all__)
    with pytest.raises(AttributeError, match="has no attribute `fit`"):
        _ = counterpoise.read.fit  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("from counterpoise.read import Column, Options", "polars"),
        (
            "from counterpoise.read import read_table, parse_rule",
            "pyreadstat python_calamine charset_normalizer pandas",
        ),
    ],
)
def test_what_is_not_needed_is_not_loaded(statement: str, absent: str) -> None:
    code = f"{statement}\nimport sys\nassert not sys.modules.keys() & set({absent!r}.split())"
    subprocess.run([sys.executable, "-c", code], check=True)
