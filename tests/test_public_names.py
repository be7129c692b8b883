"""What a package offers is what its `__all__` says: sorted, complete, documented, and cheap to import."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import counterpoise
from counterpoise import api

PACKAGES = sorted(found.name for found in pkgutil.walk_packages(counterpoise.__path__, "counterpoise.") if found.ispkg)
HEAVY = ("polars", "pandas", "matplotlib", "scipy", "docx", "xlsxwriter", "jinja2")


@pytest.mark.parametrize("package", ["counterpoise", *PACKAGES])
def test_all_is_sorted_and_every_name_in_it_exists(package: str) -> None:
    module = importlib.import_module(package)
    names = list(getattr(module, "__all__", []))
    assert names == sorted(names, key=_as_ruff_sorts)
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(module, name, None) is not None, f"{package}.{name}"


def test_the_package_lists_its_public_names() -> None:
    assert set(counterpoise.__all__) <= set(dir(counterpoise))
    assert {"cox", "kaplan_meier", "run", "write_report"} <= set(counterpoise.__all__)


def test_every_estimator_of_the_interface_is_one_of_the_package() -> None:
    assert set(api.__all__) < set(counterpoise.__all__)
    assert all(getattr(counterpoise, name) is getattr(api, name) for name in api.__all__)


@pytest.mark.parametrize("name", ["coxx", "_cox", "__path", "no_module"])
def test_what_is_no_public_name_is_no_attribute(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'counterpoise' has no attribute '{name}'"):
        getattr(counterpoise, name)


@pytest.mark.parametrize("name", sorted(counterpoise.__all__))
def test_every_public_name_says_what_it_is(name: str) -> None:
    public = getattr(counterpoise, name)
    if callable(public):
        assert (public.__doc__ or "").strip().splitlines()[0].endswith(".")


@pytest.mark.parametrize("module", ["counterpoise", "counterpoise.cli.commands"])
def test_importing_is_cheap(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions, as ruff sorts `__all__`."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)
