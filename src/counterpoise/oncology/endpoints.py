"""Endpoints by name: which dated events count, and how the methods section says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from counterpoise.errors import PlanError, Problem
from counterpoise.oncology.rule_tables import Tables, checked, place_of, read_rules, unfolded
from counterpoise.read.codebook import Options

Occurrence = Literal["local", "regional", "distant", "death"]


class EndpointText(Options):
    """One table of `rules/endpoints.toml`; `verified` says how it was checked; empty, it was not."""

    label: str
    short: str
    events: tuple[Occurrence, ...]
    definition: str
    edition: str
    source: str
    verified: str = ""


@dataclass(frozen=True, slots=True)
class EndpointRule:
    """An endpoint of the library.

    `events` are the occurrences that count, the first of which is the event; a death that is not among them
    ends observation. `definition` is a sentence with the placeholders {origin} and
    {until}.
    """

    name: str
    label: str
    short: str
    events: tuple[Occurrence, ...]
    definition: str
    edition: str
    source: str
    verified: str = ""

    def sentence(self, origin: str, stops: Sequence[str]) -> str:
        """Return the definition for the methods section; `stops` are what ends observation beside death.

        >>> ENDPOINT_RULES["distant_metastasis_free_survival"].sentence("diagnosis", ["last contact"])
        'Distant ... to distant metastasis; patients without were censored at death or last contact.'
        """
        death = () if "death" in self.events else ("death",)
        return self.definition.format(origin=origin, until=either((*death, *stops)))


def either(names: Sequence[str]) -> str:
    """Return names as a list in a sentence.

    >>> either(["a"]), either(["a", "b", "c"])
    ('a', 'a, b or c')
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


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
            place = place_of(name, edition, tables)
            text = checked(EndpointText, place, content, problems)
            if text is not None:
                made[name][edition] = EndpointRule(name, **text.model_dump())
                problems += [Problem(place, fault) for fault in _faults(made[name][edition])]
    if problems:
        raise PlanError(problems)
    return made


def _faults(rule: EndpointRule) -> list[str]:
    faults = [] if rule.events else ["`events` must list at least one event"]
    try:
        rule.definition.format(origin="x", until="x")
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        faults.append("`definition` has a placeholder that cannot be filled in; there are `origin` and `until`")
    return faults


ENDPOINT_RULES: Mapping[str, EndpointRule] = {
    name: list(editions.values())[-1] for name, editions in endpoint_rules(read_rules("endpoints")).items()
}
