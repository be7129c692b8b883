"""Endpoints by name: what each occurrence does in them, and how the methods section says so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import field_validator

from counterpoise.errors import PlanError
from counterpoise.oncology.occurrences import DEATHS, OCCURRENCES, PLACES, Action, Matrix
from counterpoise.oncology.rule_tables import Tables, checked, place_of, read_rules, unfolded
from counterpoise.read.codebook import Options

_RECURRENCES = ("local", "regional", "distant")


class EndpointText(Options):
    """One table of `rules/endpoints.toml`.

    `verified` says how the definition was checked; empty, it was not. `unverified` are the cells of the matrix that
    could not be checked against the source.
    """

    label: str
    short: str
    matrix: Matrix
    edition: str
    source: str
    verified: str = ""
    unverified: tuple[str, ...] = ()

    @field_validator("unverified")
    @classmethod
    def _are_cells(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        strangers = [name for name in value if name not in OCCURRENCES]
        if strangers:
            raise ValueError(f"`unverified` names `{strangers[0]}`, which is no row of the matrix")
        return value


@dataclass(frozen=True, slots=True)
class EndpointRule:
    """An endpoint of the library; `matrix` holds what each occurrence does in it, see `Matrix`."""

    name: str
    label: str
    short: str
    matrix: Mapping[str, Action]
    edition: str
    source: str
    verified: str = ""
    unverified: tuple[str, ...] = ()

    @property
    def events(self) -> tuple[str, ...]:
        """The occurrences that count, the first of which is the event; `death` where any death does."""
        places = tuple(name for name in PLACES if self.matrix[name] == "event")
        return (*places, "death") if self._deaths("event") else places

    @property
    def needs(self) -> tuple[str, ...]:
        """The occurrences that must be recorded: all that are not ignored, and deaths where any is an event."""
        places = tuple(name for name in PLACES if self.matrix[name] != "ignored")
        return (*places, "death") if self._deaths("event") else places

    @property
    def needs_cause(self) -> bool:
        """Whether it matters of what a patient died."""
        return len({self.matrix[name] for name in DEATHS}) > 1

    @property
    def definition(self) -> str:
        """The sentence for the methods section, with the placeholders {origin} and {until}."""
        return self.sentence("{origin}", ["{until}"])

    def sentence(self, origin: str, stops: Sequence[str], *, recorded: Collection[str] | None = None) -> str:
        """Return the definition for the methods section; `stops` are what ends observation beside occurrences.

        `recorded` are the occurrences that the table holds; what counts and was not recorded is said. Left out: all
        that the rule needs.

        >>> ENDPOINT_RULES["distant_metastasis_free_survival"].sentence("diagnosis", ["last contact"])
        'Distant ... to distant metastasis; patients without were censored at death or last contact.'
        >>> ENDPOINT_RULES["breast_cancer_specific_survival"].sentence("surgery", ["last contact"])
        'Breast ... to death from breast cancer; patients without were censored at another death or last contact.'
        """
        recorded = self.needs if recorded is None else recorded
        deaths, alone = self._deaths("event"), self.events == ("death",)
        every = len(deaths) == len(DEATHS)
        others = (
            "patients alive" if alone and every else "patients without" if alone or not deaths else "other patients"
        )
        death = () if every else ("another death",) if deaths else ("death",)
        until = either((*self._ends(recorded), *death, *stops))
        told = f"{self.label} was the time from {origin} to {self._what()}; {others} were censored at {until}."
        return " ".join([told, *self._remarks(recorded)])

    def _what(self) -> str:
        sites = [name for name in _RECURRENCES if self.matrix[name] == "event"]
        named = [f"{either(sites)} recurrence"] if sites and sites != ["distant"] else [OCCURRENCES[s] for s in sites]
        named += [OCCURRENCES[name] for name in PLACES[3:] if self.matrix[name] == "event"]
        deaths = self._deaths("event")
        named += ["death from any cause"] if len(deaths) == len(DEATHS) else [OCCURRENCES[name] for name in deaths]
        several = len(sites) > 1 or len(named) > 2
        return f"{'the first of ' if several else ''}{either(named)}"

    def _ends(self, recorded: Collection[str]) -> tuple[str, ...]:
        ending = (name for name in PLACES if self.matrix[name] in ("censor", "competing"))
        return tuple(OCCURRENCES[name] for name in ending if name in recorded)

    def _remarks(self, recorded: Collection[str]) -> list[str]:
        lacking = [OCCURRENCES[n] for n in PLACES if self.matrix[n] != "ignored" and n not in recorded]
        passed = [OCCURRENCES[n] for n in PLACES[3:] if self.matrix[n] == "ignored" and n in recorded]
        told = [
            _sentence(
                lacking, "is part of this definition and was", "are part of this definition and were", "not recorded"
            )
        ]
        told += [_sentence(passed, "did", "did", "not count and did not end observation")]
        return [sentence for sentence in told if sentence]

    def _deaths(self, action: Action) -> tuple[str, ...]:
        return tuple(name for name in DEATHS if self.matrix[name] == action)


def either(names: Sequence[str]) -> str:
    """Return names as a list in a sentence.

    >>> either(["a"]), either(["a", "b", "c"])
    ('a', 'a, b or c')
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _sentence(names: Sequence[str], one: str, many: str, what: str) -> str:
    if not names:
        return ""
    *first, last = names
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"{listed[0].upper()}{listed[1:]} {many if first else one} {what}."


def endpoint_rules(tables: Tables) -> dict[str, dict[str, EndpointRule]]:
    """Return the endpoints that the tables describe, by name and edition.

    Raises `PlanError` with everything that is wrong with the tables.

    >>> endpoint_rules(read_rules("endpoints"))["overall_survival"].keys()
    dict_keys(['STEEP 2.0'])
    """
    contents, problems = unfolded(tables)
    made: dict[str, dict[str, EndpointRule]] = {}
    for name, editions in contents.items():
        made[name] = {}
        for edition, content in editions.items():
            text = checked(EndpointText, place_of(name, edition, tables), content, problems)
            if text is not None:
                made[name][edition] = EndpointRule(name, **text.model_dump())
    if problems:
        raise PlanError(problems)
    return made


ENDPOINT_RULES: Mapping[str, EndpointRule] = {
    name: list(editions.values())[-1] for name, editions in endpoint_rules(read_rules("endpoints")).items()
}
