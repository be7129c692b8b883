import pytest
from pydantic import ValidationError

from counterpoise.oncology.endpoints import ENDPOINT_RULES, EndpointRule, EndpointText
from counterpoise.oncology.occurrences import (
    CAUSE_SPELLINGS,
    CAUSES,
    DEATHS,
    OCCURRENCES,
    PLACES,
    Action,
    Matrix,
    cause_of,
)

# What each letter stands for: E event, C competing, - ignored. Columns: local, regional, distant; contralateral
# invasive, ipsilateral in situ, contralateral in situ, second primary; death from breast cancer, from another cancer,
# not from cancer, from treatment, from an unknown cause. Written from the definitions by hand, not from the file.
BY_HAND = {
    "overall_survival": "--- ---- EEEEE",
    "disease_free_survival": "EEE ---- EEEEE",
    "relapse_free_survival": "EEE ---- EEEEE",
    "distant_metastasis_free_survival": "--E ---- CCCCC",
    "distant_relapse_free_survival": "--E ---- EEEEE",
    "locoregional_recurrence_free_survival": "EE- ---- CCCCC",
    "invasive_disease_free_survival": "EEE E--E EEEEE",
    "invasive_breast_cancer_free_survival": "EEE E--- EEEEE",
    "distant_disease_free_survival": "--E E--E EEEEE",
    "recurrence_free_interval": "EEE ---- ECCCC",
    "distant_recurrence_free_interval": "--E ---- ECCCC",
    "breast_cancer_free_survival": "EEE EEE- EEEEE",
    "breast_cancer_free_interval": "EEE EEE- ECCCC",
    "locoregional_recurrence_free_interval": "EEC ---- CCCCC",
    "breast_cancer_specific_survival": "--- ---- ECCCC",
    "datecan_invasive_disease_free_survival": "EEE E--E EEEEE",
    "datecan_recurrence_free_survival": "EEE ---- EEEEE",
    "datecan_breast_cancer_specific_survival": "--- ---- ECCCC",
}
LETTERS: dict[str, Action] = {"E": "event", "C": "competing", "-": "ignored"}


def by_hand(name: str) -> dict[str, Action]:
    return dict(zip(OCCURRENCES, (LETTERS[letter] for letter in BY_HAND[name].replace(" ", "")), strict=True))


def matrix(**changed: str) -> Matrix:
    cells = dict.fromkeys(PLACES, "ignored") | dict.fromkeys(DEATHS, "event") | changed
    return Matrix.model_validate(cells)


@pytest.mark.parametrize("name", ENDPOINT_RULES)
def test_every_cell_of_the_matrix(name: str) -> None:
    assert dict(ENDPOINT_RULES[name].matrix) == by_hand(name)


@pytest.mark.parametrize(
    ("name", "short", "events"),
    [
        ("overall_survival", "OS", {"death"}),
        ("disease_free_survival", "DFS", {"local", "regional", "distant", "death"}),
        ("distant_metastasis_free_survival", "DMFS", {"distant"}),
        ("locoregional_recurrence_free_survival", "LRRFS", {"local", "regional"}),
        ("relapse_free_survival", "RFS", {"local", "regional", "distant", "death"}),
        ("distant_relapse_free_survival", "DRFS", {"distant", "death"}),
        ("breast_cancer_specific_survival", "BCSS", {"death"}),
    ],
)
def test_which_events_count(name: str, short: str, events: set[str]) -> None:
    assert ENDPOINT_RULES[name].short == short
    assert set(ENDPOINT_RULES[name].events) == events


@pytest.mark.parametrize("rule", ENDPOINT_RULES.values(), ids=list(ENDPOINT_RULES))
def test_every_definition_says_what_becomes_of_deaths(rule: EndpointRule) -> None:
    sentence = rule.sentence("diagnosis", ["last contact", "31 May 2023"])
    counted = [name for name in DEATHS if by_hand(rule.name)[name] == "event"]
    assert ("death from any cause" in sentence) == (len(counted) == len(DEATHS))
    assert ("death from breast cancer" in sentence) == (counted == ["death_breast_cancer"])
    death = "" if len(counted) == len(DEATHS) else "another death, " if counted else "death, "
    stops = "last contact or 31 May 2023."
    assert sentence.endswith(f"{death}{stops}" if death else f"censored at {stops}")
    assert "{" not in sentence
    assert rule.source
    assert rule.edition


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("overall_survival", "Overall survival was the time from {origin} to death from any cause; patients alive"),
        (
            "disease_free_survival",
            "Disease-free survival was the time from {origin} to the first of local, regional or distant recurrence or "
            "death from any cause; other patients",
        ),
        (
            "distant_relapse_free_survival",
            "Distant relapse-free survival was the time from {origin} to distant metastasis or death from any cause; "
            "other patients",
        ),
        (
            "invasive_disease_free_survival",
            "Invasive disease-free survival was the time from {origin} to the first of local, regional or distant "
            "recurrence, contralateral invasive breast cancer, second primary cancer or death from any cause; other "
            "patients",
        ),
    ],
)
def test_the_sentence_is_written_from_the_matrix(name: str, sentence: str) -> None:
    assert ENDPOINT_RULES[name].definition == f"{sentence} were censored at {{until}}."


def test_the_sentence_says_what_was_not_recorded_and_what_was_passed_over() -> None:
    recorded = ("local", "regional", "distant", "death", "second_primary")
    idfs = ENDPOINT_RULES["invasive_disease_free_survival"].sentence("surgery", ["last contact"], recorded=recorded)
    assert idfs.endswith(
        "last contact. Contralateral invasive breast cancer is part of this definition and was not recorded."
    )
    rfs = ENDPOINT_RULES["relapse_free_survival"].sentence("surgery", ["last contact"], recorded=recorded)
    assert rfs.endswith("last contact. Second primary cancer did not count and did not end observation.")
    bare = ENDPOINT_RULES["breast_cancer_free_interval"].sentence("surgery", ["last contact"], recorded=recorded[:3])
    assert bare.endswith(
        "Contralateral invasive breast cancer, ipsilateral carcinoma in situ and contralateral carcinoma in situ are "
        "part of this definition and were not recorded."
    )


def test_what_ends_observation_is_named() -> None:
    made = ENDPOINT_RULES["locoregional_recurrence_free_interval"].sentence("surgery", ["last contact"])
    assert made.endswith("patients without were censored at distant metastasis, death or last contact.")


def test_short_names_are_distinct() -> None:
    shorts = [rule.short for rule in ENDPOINT_RULES.values()]
    assert len(set(shorts)) == len(shorts)


@pytest.mark.parametrize("rule", ENDPOINT_RULES.values(), ids=list(ENDPOINT_RULES))
def test_a_rule_that_was_not_checked_says_so_of_every_cell(rule: EndpointRule) -> None:
    assert set(rule.unverified) <= set(OCCURRENCES)
    assert bool(rule.verified) == (set(rule.unverified) != set(OCCURRENCES))


def test_what_a_rule_needs() -> None:
    idfs, lrrfi = (
        ENDPOINT_RULES[f"{n}"] for n in ("invasive_disease_free_survival", "locoregional_recurrence_free_interval")
    )
    assert idfs.needs == ("local", "regional", "distant", "contralateral", "second_primary", "death")
    assert not idfs.needs_cause
    assert lrrfi.needs == ("local", "regional", "distant")
    assert ENDPOINT_RULES["recurrence_free_interval"].needs_cause


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"death_treatment": "ignored"}, "`death_treatment` ends observation"),
        (dict.fromkeys(DEATHS, "competing"), "at least one occurrence must be an event"),
        ({"local": "counts"}, "local"),
    ],
)
def test_a_matrix_that_makes_no_sense_is_refused(changed: dict[str, str], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        matrix(**changed)


def test_an_unverified_cell_must_be_a_row() -> None:
    with pytest.raises(ValidationError, match="names `lokal`, which is no row of the matrix"):
        EndpointText(label="x", short="x", matrix=matrix(), edition="x", source="x", unverified=("lokal",))


def test_spellings_of_causes() -> None:
    assert set(CAUSE_SPELLINGS.values()) == set(CAUSES)
    assert all(spelling == spelling.strip().lower() for spelling in CAUSE_SPELLINGS)
    assert cause_of(" Non-Cancer", {}) == "non_cancer"
    assert cause_of("unknown", {"UNKNOWN": "non_cancer"}) == "non_cancer"
    assert cause_of("stroke", {}) is None
