"""Every exception that a user can meet.

::

    CounterpoiseError            exit status 2; its text is one sentence a line, and needs no traceback
    ├── InputError               a value handed to a function is not what it must be (also a ValueError)
    │   └── FitError             a fit has no usable answer: separated, not converged, no events
    ├── UnsupportedError         a combination that is not tested (also a NotImplementedError)
    └── ProblemsError            several problems of one file, all at once
        ├── PlanError            the study plan
        └── DataError            the patient table
"""

from collections.abc import Sequence
from dataclasses import dataclass


class CounterpoiseError(Exception):
    """Anything that went wrong for a reason the user can mend."""

    exit_status = 2


class InputError(CounterpoiseError, ValueError):
    """A value handed to a function is not what it must be."""


class FitError(InputError):
    """A fit has no usable answer; the text says the cause and the remedy."""


class UnsupportedError(CounterpoiseError, NotImplementedError):
    """A combination of options that has not been tested, so it is refused."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it is, what is wrong, and what to do.

    >>> str(Problem("plan: treatment.column", "names no column `boost`", "did you mean `imn_boost`?"))
    'plan: treatment.column: names no column `boost`; did you mean `imn_boost`?'
    """

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the problem as one line."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.remedy}" if self.remedy else text


class ProblemsError(CounterpoiseError):
    """Several problems of one file, reported together; `problems` keeps them apart."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PlanError(ProblemsError):
    """The study plan cannot be used as it stands."""


class DataError(ProblemsError):
    """The patient table cannot be used as it stands."""
