"""The nearest valid name to one that is not valid."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the question that suggests the nearest valid name, or nothing where none is near.

    >>> nearest("boost", ["imn_boost", "age"])
    'did you mean `imn_boost`?'
    """
    names = list(valid)
    near = [other for other in names if other.lower() == name.lower()] or get_close_matches(name, names, n=1)
    return f"did you mean `{near[0]}`?" if near else ""
