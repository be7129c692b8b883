import pytest

from counterpoise.oncology.endpoints import ENDPOINT_RULES, EndpointRule


@pytest.mark.parametrize(
    ("name", "short", "events"),
    [
        ("overall_survival", "OS", {"death"}),
        ("disease_free_survival", "DFS", {"local", "regional", "distant", "death"}),
        ("distant_metastasis_free_survival", "DMFS", {"distant"}),
        ("locoregional_recurrence_free_survival", "LRRFS", {"local", "regional"}),
        ("relapse_free_survival", "RFS", {"local", "regional", "distant", "death"}),
        ("distant_relapse_free_survival", "DRFS", {"distant", "death"}),
    ],
)
def test_which_events_count(name: str, short: str, events: set[str]) -> None:
    assert ENDPOINT_RULES[name].short == short
    assert set(ENDPOINT_RULES[name].events) == events


@pytest.mark.parametrize("rule", ENDPOINT_RULES.values(), ids=list(ENDPOINT_RULES))
def test_every_definition_says_what_becomes_of_deaths(rule: EndpointRule) -> None:
    sentence = rule.sentence("diagnosis", ["last contact", "31 May 2023"])
    counted = "death from any cause" in sentence
    assert counted == ("death" in rule.events)
    ends = "last contact or 31 May 2023." if counted else "death, last contact or 31 May 2023."
    assert sentence.endswith(f"censored at {ends}")
    assert "{" not in sentence
    assert rule.source
    assert rule.edition


def test_short_names_are_distinct() -> None:
    shorts = [rule.short for rule in ENDPOINT_RULES.values()]
    assert len(set(shorts)) == len(shorts)
