"""The nearest valid name to one that is not valid."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_of(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that differs from `name` in capitals only, or else the most similar one, if any is.

    >>> nearest_of("t3", ["T1", "T3"])
    'T3'
    """
    names = list(valid)
    near = [other for other in names if other.lower() == name.lower()] or get_close_matches(name, names, n=1)
    return near[0] if near else None


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the question that suggests the nearest valid name, or nothing where none is near.

    >>> nearest("boost", ["imn_boost", "age"])
    'did you mean `imn_boost`?'
    """
    near = nearest_of(name, valid)
    return "" if near is None else f"did you mean `{near}`?"


def nearest_or_valid(name: str, valid: list[str]) -> str:
    """Return the question that suggests the nearest valid name, or the list of them all when none is near.

    >>> nearest_or_valid("covariats", ["covariates", "weights"])
    'did you mean `covariates`?'
    """
    return nearest(name, valid) or ("valid: " + ", ".join(sorted(valid)) if valid else "")
