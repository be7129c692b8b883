from pathlib import Path

import polars as pl
import pytest

import counterpoise
from counterpoise.read import Table, guess_id_column, guess_roles, read_raw, table_from_frame, type_table
from counterpoise.read.frames import raw_from_frame

IMN = Path(counterpoise.__file__).parent / "examples" / "imn" / "imn_screened.csv"


def typed(columns: dict[str, list[str]]) -> Table:
    return table_from_frame(pl.DataFrame(columns), id_column=next(iter(columns)))


def test_the_roles_of_the_table_that_ships_with_the_package() -> None:
    raw = read_raw(IMN)
    assert guess_id_column(raw) == "patient_id"
    roles = guess_roles(type_table(raw, id_column="patient_id"))
    assert (roles.id_column, roles.birth, roles.origin) == ("patient_id", "birth_date", "dx_date")
    assert (roles.death, roles.last_contact) == ("death_date", "last_followup_date")
    assert roles.events == {
        "local": "local_recurrence_date",
        "regional": "regional_recurrence_date",
        "distant": "distant_met_date",
    }
    assert roles.treatments[0] == "imn_boost"
    assert not {"alnd", "rt_completed", "distant_met_at_dx", "lvi"} & set(roles.treatments)


def test_names_in_chinese() -> None:
    roles = guess_roles(
        typed(
            {
                "住院号": ["1", "2", "3", "4"],
                "出生日期": ["1960-01-01"] * 4,
                "确诊日期": ["2015-01-01"] * 4,
                "死亡日期": ["2018-01-01", "", "", ""],
                "末次随访日期": ["2018-01-01", "2019-01-01", "2019-01-01", "2019-01-01"],
                "局部复发日期": ["", "2016-01-01", "", ""],
                "远处转移日期": ["2016-01-01", "", "", ""],
                "放疗": ["0", "1", "1", "0"],
            }
        )
    )
    assert (roles.birth, roles.origin, roles.death) == ("出生日期", "确诊日期", "死亡日期")
    assert roles.last_contact == "末次随访日期"
    assert roles.events == {"local": "局部复发日期", "distant": "远处转移日期"}
    assert roles.treatments == ("放疗",)


def test_dates_without_telling_names_are_placed_by_their_order() -> None:
    roles = guess_roles(
        typed({"id": ["1", "2"], "t1": ["2015-01-01", "2016-01-01"], "t2": ["2018-01-01", "2019-01-01"]})
    )
    assert (roles.origin, roles.last_contact, roles.death) == ("t1", "t2", None)


def test_a_treatment_tells_two_groups_apart() -> None:
    n = 40
    roles = guess_roles(
        typed(
            {
                "id": [str(i) for i in range(n)],
                "arm": ["A", "B"] * (n // 2),
                "trt": ["1", "2"] * (n // 2),
                "drug": ["1"] + ["0"] * (n - 1),
                "chemo": ["1"] * n,
                "flag_x": ["0", "1"] * (n // 2),
                "grade": ["1", "2", "3", "2"] * (n // 4),
                "dead": ["0", "1"] * (n // 2),
            }
        )
    )
    assert roles.treatments == ("arm", "trt", "flag_x")


def test_a_table_without_dates_has_no_roles_for_them() -> None:
    roles = guess_roles(typed({"id": ["1", "2"], "x": ["3", "4"]}))
    assert (roles.birth, roles.origin, roles.death, roles.last_contact) == (None, None, None, None)
    assert roles.events == {}
    assert roles.treatments == ()


def test_a_recurrence_of_no_stated_site() -> None:
    roles = guess_roles(
        typed(
            {
                "id": ["1", "2"],
                "diagnosisDate": ["2015-01-01"] * 2,
                "relapse_date": ["2016-01-01", ""],
                "last_seen": ["2018-01-01"] * 2,
            }
        )
    )
    assert roles.events == {"recurrence": "relapse_date"}
    assert (roles.origin, roles.last_contact) == ("diagnosisDate", "last_seen")


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"age": ["61", "62"], "case_no": ["a", "b"]}, "case_no"),
        ({"age": ["61", "62"], "hospital": ["a", "b"]}, "hospital"),
        ({"id": ["1", "1"], "record": ["a", "b"]}, "record"),
        ({"patient_id": ["a", ""], "x": ["a", "a"]}, "patient_id"),
        ({"age": ["61", "62"], "mrn": ["7", "8"]}, "mrn"),
    ],
)
def test_identifiers(columns: dict[str, list[str]], name: str) -> None:
    assert guess_id_column(raw_from_frame(pl.DataFrame(columns), "t")) == name
