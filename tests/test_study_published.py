"""The bundled study against `golden/data/imn_published.csv`: what was published, and what R gives for this cohort."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from counterpoise.report import Numbers, collect_numbers
from counterpoise.study import Study

TABLE = Path(__file__).parent / "golden" / "data" / "imn_published.csv"


def achieved() -> dict[str, str]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row["target"]: row["achieved"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def numbers(bundled: Study) -> Numbers:
    return collect_numbers(bundled)


def ratio(numbers: Numbers, key: str, digits: int = 2) -> str:
    return f"{numbers[key].value:.{digits}f}"


def p_value(numbers: Numbers, key: str, digits: int = 3) -> str:
    found = numbers[key].p_value
    assert found is not None
    return f"{found:.{digits}f}"


def pair(numbers: Numbers, key: str, ratio_digits: int = 3, p_digits: int = 4) -> str:
    return f"{ratio(numbers, key, ratio_digits)},{p_value(numbers, key, p_digits)}"


def percent(numbers: Numbers, key: str, digits: int = 2) -> str:
    return f"{100 * numbers[key].value:.{digits}f}".rstrip("0").rstrip(".")


def group(endpoint: str, position: int, kind: str = "univariable") -> str:
    return f"{endpoint}.groups.{kind}.groups.hr{position}"


def both(numbers: Numbers, endpoint: str) -> str:
    keys = [group(endpoint, position, "multivariable") for position in (2, 3)]
    return " ; ".join(pair(numbers, key, 2, 3) for key in keys)


def matched(numbers: Numbers, endpoint: str) -> str:
    key = f"{endpoint}.matched.hazard_ratio"
    model = p_value(numbers, f"{key}.model_based")
    clustered = p_value(numbers, key)
    return f"{ratio(numbers, key)}; {model} model-based, {clustered} clustered"


def subgroup(numbers: Numbers, variable: str, level: int) -> str:
    return f"subgroups.{variable}.l{level}.hazard_ratio"


TARGETS: dict[str, Callable[[Numbers], str]] = {
    "n / IMND / IMNB": lambda n: n.text(
        "{flow.included:count}/{baseline.arms.imnd.l1.all.count:count}/{flow.treated:count}"
    ),
    "deaths IMNB / non": lambda n: n.text(
        "{os.treated.events:count}/{os.treated.n:count}, {os.control.events:count}/{os.control.n:count}"
    ),
    "cells (++/+-/-+/--)": lambda n: n.text(
        "{baseline.groups.g4.n:count}/{baseline.groups.g2.n:count}/{baseline.groups.g3.n:count}/{baseline.groups.g1.n:count}"
    ),
    "median follow-up, all (mo)": lambda n: ratio(n, "follow_up.observed"),
    "median follow-up, reverse KM (mo)": lambda n: ratio(n, "follow_up.reverse"),
    "5-y OS all": lambda n: percent(n, "os.overall.rate"),
    "5-y DFS all": lambda n: f"{100 * n['dfs.overall.rate'].value:.1f}",
    "5-y LRRFS all": lambda n: percent(n, "lrrfs.overall.rate"),
    "5-y DMFS all": lambda n: percent(n, "dmfs.overall.rate"),
    "5-y OS IMNB / non": lambda n: (
        f"{100 * n['os.unadjusted.treated.rate'].value:.2f} / {100 * n['os.unadjusted.control.rate'].value:.2f}"
    ),
    "OS IMNB univariable HR,P": lambda n: pair(n, "os.unadjusted.hazard_ratio").replace(",", ", "),
    "OS IMNB multivariable HR,P": lambda n: pair(n, "os.multivariable.imn_boost.hr1").replace(",", ", "),
    "DFS IMNB univariable P": lambda n: (
        f"{p_value(n, 'dfs.unadjusted.hazard_ratio')} (HR {ratio(n, 'dfs.unadjusted.hazard_ratio')})"
    ),
    "LRRFS IMNB univariable P": lambda n: (
        f"{p_value(n, 'lrrfs.unadjusted.hazard_ratio')} (HR {ratio(n, 'lrrfs.unadjusted.hazard_ratio')})"
    ),
    "DMFS IMNB univariable P": lambda n: (
        f"{p_value(n, 'dmfs.unadjusted.hazard_ratio')} (HR {ratio(n, 'dmfs.unadjusted.hazard_ratio')})"
    ),
    "4-group univ OS -/+ vs -/-": lambda n: pair(n, group("os", 2)),
    "4-group univ OS +/+ vs -/-": lambda n: pair(n, group("os", 3)),
    "4-group univ DFS -/+ vs -/-": lambda n: pair(n, group("dfs", 2)),
    "4-group univ DFS +/+ vs -/-": lambda n: pair(n, group("dfs", 3)),
    "4-group univ LRRFS -/+ vs -/-": lambda n: pair(n, group("lrrfs", 2)),
    "4-group univ LRRFS +/+ vs -/-": lambda n: pair(n, group("lrrfs", 3)),
    "4-group multiv OS -/+ ; +/+": lambda n: both(n, "os"),
    "4-group multiv DFS -/+ ; +/+": lambda n: both(n, "dfs"),
    "4-group multiv LRRFS -/+ ; +/+": lambda n: both(n, "lrrfs"),
    "PSM patients": lambda n: n.text("{matching.patients:count}"),
    "PSM OS HR,P": lambda n: f"{matched(n, 'os')} on pair",
    "PSM DFS HR,P": lambda n: matched(n, "dfs"),
    "PSM LRRFS HR,P": lambda n: matched(n, "lrrfs"),
    "PSM DMFS HR,P": lambda n: matched(n, "dmfs"),
    "IPTW max |SMD|": lambda n: ratio(n, "balance.weighted.largest", 3),
    "crude max |SMD| (k>.1)": lambda n: n.text(
        "{balance.unadjusted.largest:number2} ({balance.unadjusted.over:count})"
    ),
    "5-y OS IPTW IMNB/non": lambda n: (
        f"{100 * n['os.weighted.treated.rate'].value:.2f}/{100 * n['os.weighted.control.rate'].value:.2f}"
    ),
    "IPTW OS HR": lambda n: ratio(n, "os.weighted.hazard_ratio"),
    "IPTW DFS HR": lambda n: ratio(n, "dfs.weighted.hazard_ratio", 3),
    "IPTW LRRFS HR": lambda n: ratio(n, "lrrfs.weighted.hazard_ratio"),
    "IPTW DMFS HR": lambda n: ratio(n, "dmfs.weighted.hazard_ratio"),
    "IPTW OS cT3-4 HR": lambda n: ratio(n, subgroup(n, "ct34", 1)),
    "IPTW OS non-pCR HR": lambda n: ratio(n, subgroup(n, "pcr", 0), 3),
    "IPTW OS non-IMND HR": lambda n: ratio(n, subgroup(n, "imnd", 0)),
    "pneumonitis IMNB/non": lambda n: n.text(
        "{toxicity.e1.treated.count:count}/{toxicity.e1.control.count:count} Fisher P {toxicity.e1.p:number2}"
    ),
    "max toxicity grade": lambda n: n.text("{toxicity.highest:count}"),
    "RT dose median (range)": lambda n: n.text(
        "{dose.rt_dose_gy.median:number0} ({dose.rt_dose_gy.minimum:number0}-{dose.rt_dose_gy.maximum:number0})"
    ),
    "boost median (range)": lambda n: n.text(
        "{dose.imn_boost_dose_gy.median:number0} ({dose.imn_boost_dose_gy.minimum:number0}-"
        "{dose.imn_boost_dose_gy.maximum:number0})"
    ),
}
COMPLEMENTS = {
    "IPTW OS cT1-2 HR (complement)": ("ct34", 0),
    "IPTW OS pCR HR (complement)": ("pcr", 1),
    "IPTW OS IMND HR (complement)": ("imnd", 1),
}
SUBTYPES = ("HR+/HER2-", "HR+/HER2+", "HR-/HER2+", "TN")


@pytest.mark.parametrize("target", TARGETS)
def test_number_is_that_of_r(numbers: Numbers, target: str) -> None:
    assert TARGETS[target](numbers) == achieved()[target]


@pytest.mark.parametrize("endpoint", ["OS", "DFS", "LRRFS", "DMFS"])
def test_weighted_p_values_are_those_of_r_by_variance(numbers: Numbers, endpoint: str) -> None:
    listed = dict(item.strip().rsplit(" ", 1) for item in achieved()[f"IPTW {endpoint} P"].split("|"))
    place = f"{endpoint.lower()}.weighted.hazard_ratio"
    assert p_value(numbers, f"{place}.naive") == listed["naive2n"]
    assert p_value(numbers, f"{place}.robust") == listed["robust"]
    assert p_value(numbers, f"{place}.stacked") == listed["stacked"]


@pytest.mark.parametrize(
    ("target", "variable", "level"),
    [("IPTW OS cT3-4 P", "ct34", 1), ("IPTW OS non-pCR P", "pcr", 0), ("IPTW OS non-IMND P", "imnd", 0)],
)
def test_subgroup_p_values_are_those_of_r(numbers: Numbers, target: str, variable: str, level: int) -> None:
    listed = dict(item.strip().rsplit(" ", 1) for item in achieved()[target].split("|"))
    assert p_value(numbers, subgroup(numbers, variable, level)) == listed["robust"]


@pytest.mark.parametrize("target", COMPLEMENTS)
def test_complement_of_a_subgroup_is_that_of_r(numbers: Numbers, target: str) -> None:
    key = subgroup(numbers, *COMPLEMENTS[target])
    assert f"{ratio(numbers, key)} (robust P {p_value(numbers, key, 2)})" == achieved()[target]


@pytest.mark.parametrize("level", range(4))
def test_subtype_effects_are_those_of_r(numbers: Numbers, level: int) -> None:
    key = subgroup(numbers, "subtype", level)
    events = numbers[key].events
    assert f"HR {ratio(numbers, key)} (d={events:.0f})" == achieved()[f"IPTW OS subtype {SUBTYPES[level]}"]


def test_recurrences_and_screening_are_counted(bundled: Study) -> None:
    assert (bundled.flow.screened, bundled.flow.included) == (208, 146)
    assert [step.excluded for step in bundled.flow.steps] == [19, 6, 14, 5, 4, 3, 4, 4, 3]
    events = {endpoint.short: endpoint.events for endpoint in bundled.design.endpoints}
    assert events == {"OS": 30, "DFS": 54, "LRRFS": 32, "DMFS": 49}  # DFS: 53 recurrences, one other death


def test_interaction_p_values_are_those_of_the_reference(numbers: Numbers) -> None:
    printed = {name: f"{numbers[f'subgroups.{name}.interaction'].value:.2f}" for name in ("ct34", "pcr", "imnd")}
    assert printed == {"ct34": "0.56", "pcr": "0.92", "imnd": "0.11"}


def test_every_published_row_of_the_report_can_be_filled(bundled: Study, numbers: Numbers) -> None:
    rows = [row for section in bundled.published for row in section.rows]
    assert len(rows) > 40
    assert all(numbers.text(row.cohort) for row in rows)
