"""Endpoints by name: which dated events count, and how the methods section says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from counterpoise.oncology.definition import read_rules
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


def _read() -> Mapping[str, EndpointRule]:
    texts = TypeAdapter(dict[str, EndpointText]).validate_python(read_rules("endpoints"))
    return {name: EndpointRule(name, **text.model_dump()) for name, text in texts.items()}


ENDPOINT_RULES: Mapping[str, EndpointRule] = _read()
