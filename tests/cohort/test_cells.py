import numpy as np

from counterpoise.cohort.cells import LISTED, cell_problem, cell_problems, note_of, rows_of
from tests.cohort.tables import table_of

TABLE = table_of(dose=("number", [50.0, None, *[0.0] * 40]))


def test_a_cell_is_named_by_row_column_value_and_patient() -> None:
    assert str(cell_problem(TABLE, 0, "dose", "is high", "check it")) == (
        "row 2, column `dose`: `50.0` (patient p1) is high; check it"
    )
    assert str(cell_problem(TABLE, 1, "dose", "must be known")).startswith("row 3, column `dose`: missing (patient p2)")


def test_many_cells_are_counted() -> None:
    problems = cell_problems(TABLE, np.ones(42, dtype=bool), "dose", "is wrong")
    assert len(problems) == LISTED + 1
    assert str(problems[-1]) == "column `dose`: and 22 more values like these"
    assert cell_problems(TABLE, np.zeros(42, dtype=bool), "dose", "is wrong") == []


def test_notes_speak_of_one_or_of_many() -> None:
    found = np.zeros(42, dtype=bool)
    assert note_of(TABLE, "here", found, "is", "are") == []
    found[1] = True
    assert str(note_of(TABLE, "here", found, "value is missing", "")[0]) == "here: 1 value is missing (row 3)"
    found[:7] = True
    assert rows_of(TABLE, found) == "rows 2, 3, 4, 5, 6 and 2 more"
