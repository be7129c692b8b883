import re

import pytest

from counterpoise.oncology.definition import Derivation, read_rules
from counterpoise.oncology.derivations import DERIVATIONS


@pytest.mark.parametrize("file", ["patient", "radiotherapy", "receptors", "response"])
def test_every_rule_that_is_written_down_is_offered(file: str) -> None:
    assert set(read_rules(file)) <= set(DERIVATIONS)


@pytest.mark.parametrize("rule", DERIVATIONS.values(), ids=list(DERIVATIONS))
def test_every_rule_says_what_it_is_and_where_it_comes_from(rule: Derivation) -> None:
    assert rule.edition
    assert rule.source
    assert rule.definition.endswith(".")
    assert rule.output.label
    placeholders = set(re.findall(r"{(\w+)", rule.definition))
    assert placeholders <= set(rule.arguments) | set(rule.text.cutoffs)
    assert all(argument.meaning for argument in rule.arguments.values())
    assert all(argument.kinds or argument.takes != "column" for argument in rule.arguments.values())


@pytest.mark.parametrize("rule", DERIVATIONS.values(), ids=list(DERIVATIONS))
def test_no_spelling_has_two_meanings(rule: Derivation) -> None:
    for argument in rule.arguments.values():
        spellings = [spelling for group in argument.codes.values() for spelling in group]
        assert len(spellings) == len(set(spellings))
        assert all(argument.meaning_of(spelling) for spelling in spellings)
