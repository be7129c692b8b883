"""The record of one remark, and the helpers that every rule shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["serious", "caution", "note"]
RANK: Mapping[str, int] = {"serious": 0, "caution": 1, "note": 2}
SIGNIFICANT = 0.05
SMALLEST_PRINTED = 0.001
"""P values below it are all printed alike."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark of a careful reviewer.

    `text` says what was found, with each number as a field `{key:format}` of `values`; the formats are those of
    the report (count, number, ratio, percent, p). `advice` says what to do. `importance` orders findings of the
    same severity, the larger first.
    """

    name: str
    severity: Severity
    title: str
    text: str
    advice: str
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    importance: float = 0.0


def listed(items: list[str], at_most: int = 6) -> str:
    """Join names for a sentence, and say 'and others' beyond `at_most`.

    >>> listed(["age", "grade", "pCR"])
    'age, grade and pCR'
    """
    shown = items[:at_most]
    if len(items) > at_most:
        return ", ".join(shown) + " and others"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
