"""Endpoints by name: which dated events count, and how the methods section says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from counterpoise.oncology.definition import read_rules
from counterpoise.read.codebook import Options

Occurrence = Literal["local", "regional", "distant", "death"]


class EndpointText(Options):
    """One table of `rules/endpoints.toml`."""

    label: str
    short: str
    events: tuple[Occurrence, ...]
    definition: str
    edition: str
    source: str


@dataclass(frozen=True, slots=True)
class EndpointRule:
    """An endpoint of the library.

    `events` are the occurrences that count, the first of which is the event; a death that is not among them
    ends observation. `definition` is a sentence with the placeholders {origin} and {until}.
    """

    name: str
    label: str
    short: str
    events: tuple[Occurrence, ...]
    definition: str
    edition: str
    source: str

    def sentence(self, origin: str, until: str) -> str:
        """Return the definition for the methods section.

        >>> ENDPOINT_RULES["overall_survival"].sentence("diagnosis", "last contact")
        'Overall survival was the time from diagnosis to death from any cause; ... censored at last contact.'
        """
        return self.definition.format(origin=origin, until=until)


def _read() -> Mapping[str, EndpointRule]:
    texts = TypeAdapter(dict[str, EndpointText]).validate_python(read_rules("endpoints"))
    return {name: EndpointRule(name, **text.model_dump()) for name, text in texts.items()}


ENDPOINT_RULES: Mapping[str, EndpointRule] = _read()
