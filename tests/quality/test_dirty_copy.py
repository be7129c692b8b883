"""Every planted error is found, by patient and check; and what the clean table is asked is true of it."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.oncology.answers import QueryList
from counterpoise.study import list_queries
from tests.quality.dirty import PLANTS, Planted, as_csv, clean_records, dirty_copy, is_plain

PLAN = Path(__file__).parents[2] / "src" / "counterpoise" / "examples" / "imn" / "study.toml"

TRUE_OF_THE_CLEAN_TABLE = {
    **{(name, "Q4"): "alive, and without a last contact" for name in ("SYN0011", "SYN0155", "SYN0164")},
    **{(name, "Q21"): "60 Gy without a boost" for name in ("SYN0001", "SYN0072", "SYN0110")},
    **{(name, "Q22"): "a dose, and no radiotherapy" for name in ("SYN0082", "SYN0144", "SYN0150")},
    **{(name, "Q23"): "a boost, and radiotherapy not completed" for name in ("SYN0009", "SYN0064", "SYN0082")},
    ("SYN0150", "E29"): "a dissection, and no surgery",
}
"""What the synthetic table holds in truth: excluded patients with entries of a treatment that they did not have, and
three whose dose without a boost is that of a boost. None of it is a false alarm."""


def queries_of(text: str, folder: Path) -> QueryList:
    (folder / "imn_screened.csv").write_text(text, encoding="utf-8")
    plan = PLAN.read_text(encoding="utf-8").replace("[records]\n", "[quality]\nas_of = 2023-06-30\n\n[records]\n", 1)
    (folder / "study.toml").write_text(plan, encoding="utf-8")
    return list_queries(folder / "study.toml")


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[QueryList, tuple[Planted, ...]]:
    records, planted = dirty_copy()
    return queries_of(as_csv(records), tmp_path_factory.mktemp("dirty")), planted


def test_the_copy_is_dirty_enough(dirty: tuple[QueryList, tuple[Planted, ...]]) -> None:
    _, planted = dirty
    assert len(planted) >= 90
    assert len({error.kind for error in planted}) >= 70
    assert len({error.check for error in planted}) >= 60
    assert dirty_copy()[1] == planted


def test_every_planted_error_is_found(dirty: tuple[QueryList, tuple[Planted, ...]]) -> None:
    found, planted = dirty
    raised = {(query.patient, query.check) for query in found.quality.queries}
    assert [error for error in planted if (error.patient, error.check) not in raised] == []


def test_nobody_else_is_asked_about(dirty: tuple[QueryList, tuple[Planted, ...]]) -> None:
    found, planted = dirty
    touched = {error.patient for error in planted} | {patient for patient, _ in TRUE_OF_THE_CLEAN_TABLE}
    assert [query.what for query in found.quality.queries if query.patient not in touched] == []


def test_the_clean_table_gives_no_false_alarm() -> None:
    found = list_queries(PLAN)
    assert {(query.patient, query.check) for query in found.quality.queries} == set(TRUE_OF_THE_CLEAN_TABLE)
    assert len(found.asked) == len(TRUE_OF_THE_CLEAN_TABLE)
    assert {note.columns[0] for note in found.quality.notes} == {
        *("sex", "alnd", "margin", "acute_heart", "late_esophagus"),
        *("cardiac_event", "cardiac_event_date"),
    }


def test_values_are_those_of_the_file_in_its_row(dirty: tuple[QueryList, tuple[Planted, ...]]) -> None:
    found, _ = dirty
    records, _ = dirty_copy()
    for query in found.quality.queries:
        assert query.row is not None
        record = records[query.row - 2]
        assert [record[column] for column in query.columns] == list(query.values)


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    records, _ = dirty_copy()
    shuffled = list(records)
    random.Random(seed).shuffle(shuffled)
    made = [queries_of(as_csv(rows), tmp_path_factory.mktemp("rows")).quality for rows in (records, shuffled)]
    first, second = ([(query.id, query.what) for query in (*one.queries, *one.notes)] for one in made)
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("kind", range(len(PLANTS)), ids=[f"{check} {kind}" for kind, check, *_ in PLANTS])
def test_each_error_is_found_in_other_patients_too(kind: int, tmp_path: Path) -> None:
    """Plant one error alone, in another patient than the copy does."""
    _, check, _, fits, plant = PLANTS[kind]
    records = clean_records()
    draw = random.Random(kind)
    able = [record for record in records if is_plain(record) and fits(record)]
    record = draw.choice(able)
    plant(record, draw)
    found = queries_of(as_csv(records), tmp_path).quality.queries
    asked = {(query.patient, query.check) for query in found} - set(TRUE_OF_THE_CLEAN_TABLE)
    assert (record["patient_id"], check) in asked
    assert {patient for patient, _ in asked} == {record["patient_id"]}
