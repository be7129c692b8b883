"""What may happen to a patient in follow-up, what it may do to an endpoint, and of what a patient may have died."""

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import TypeAdapter, model_validator

from counterpoise.oncology.rule_tables import read_rules
from counterpoise.read.codebook import Options

Place = Literal[
    "local",
    "regional",
    "distant",
    "contralateral",
    "in_situ_ipsilateral",
    "in_situ_contralateral",
    "second_primary",
]
Cause = Literal["breast_cancer", "other_cancer", "non_cancer", "treatment", "unknown"]
Action = Literal["event", "censor", "competing", "ignored"]

PLACES: tuple[Place, ...] = get_args(Place)
CAUSES: tuple[Cause, ...] = get_args(Cause)
DEATHS: tuple[str, ...] = tuple(f"death_{cause}" for cause in CAUSES)
ACTIONS: tuple[Action, ...] = get_args(Action)

OCCURRENCES: Mapping[str, str] = {
    "local": "local recurrence",
    "regional": "regional recurrence",
    "distant": "distant metastasis",
    "contralateral": "contralateral invasive breast cancer",
    "in_situ_ipsilateral": "ipsilateral carcinoma in situ",
    "in_situ_contralateral": "contralateral carcinoma in situ",
    "second_primary": "second primary cancer",
    "death_breast_cancer": "death from breast cancer",
    "death_other_cancer": "death from another cancer",
    "death_non_cancer": "death from a cause other than cancer",
    "death_treatment": "death from treatment",
    "death_unknown": "death from an unknown cause",
}
"""Every occurrence with its words, in the order in which same-day occurrences are told."""


class Matrix(Options):
    """What each occurrence does in one endpoint.

    `event` is what the endpoint counts. `censor` and `competing` both end observation; a competing event also makes
    the event impossible, and is told apart in cumulative incidence. After what is `ignored` observation goes on;
    a death cannot be ignored.
    """

    local: Action
    regional: Action
    distant: Action
    contralateral: Action
    in_situ_ipsilateral: Action
    in_situ_contralateral: Action
    second_primary: Action
    death_breast_cancer: Action
    death_other_cancer: Action
    death_non_cancer: Action
    death_treatment: Action
    death_unknown: Action

    @model_validator(mode="after")
    def _deaths_end_observation(self) -> "Matrix":
        ignored = [name for name in DEATHS if getattr(self, name) == "ignored"]
        if ignored:
            raise ValueError(f"`{ignored[0]}` ends observation: it is event, censor or competing, never ignored")
        if "event" not in self.model_dump().values():
            raise ValueError("at least one occurrence must be an event")
        return self


class CauseText(Options):
    """One table of `rules/causes_of_death.toml`: the spellings of a cause, in lower case."""

    spellings: tuple[str, ...]


def _read() -> Mapping[str, Cause]:
    texts = TypeAdapter(dict[Cause, CauseText]).validate_python(read_rules("causes_of_death"))
    return {spelling: cause for cause, text in texts.items() for spelling in text.spellings}


CAUSE_SPELLINGS: Mapping[str, Cause] = _read()
"""How causes of death are written, in lower case, and which cause each spelling means."""


def cause_of(text: str, own: Mapping[str, Cause]) -> Cause | None:
    """Return the cause of death that a text means, or None; the plan's `own` spellings come first.

    >>> cause_of("Breast cancer ", {}), cause_of("C50.9", {"C50.9": "breast_cancer"}), cause_of("C50.9", {})
    ('breast_cancer', 'breast_cancer', None)
    """
    spelling = text.strip().lower()
    known: dict[str, Cause] = {**CAUSE_SPELLINGS, **{name.strip().lower(): cause for name, cause in own.items()}}
    return known.get(spelling)
