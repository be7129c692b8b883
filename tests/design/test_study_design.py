import hashlib
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, strategies as st

from counterpoise.cohort import EndpointTimes
from counterpoise.design import DAYS_PER_MONTH, Selection, TreatmentOptions, canonical_order, make_design
from counterpoise.errors import DataError
from counterpoise.read import Column, Table
from tests.cohort.tables import category, table_of

BOOST = TreatmentOptions(column="boost", treated="Boost", control="No boost")


def times(event: list[int], name: str = "os") -> EndpointTimes:
    happened = np.array(event) == 1
    return EndpointTimes(
        name, "Overall survival", "OS", np.arange(1.0, len(event) + 1) * DAYS_PER_MONTH, happened, ~happened & False,
        "dx_date", ("death_date",), "From diagnosis to death.",
    )  # fmt: skip


def patients(**changed: tuple[Column | str, list[object]]) -> Table:
    columns: dict[str, tuple[Column | str, list[object]]] = {
        "boost": (Column(kind="flag", label="IMN boost"), [0, 1, 0, 1]),
        "age": ("integer", [40, 50, 60, 70]),
        "stage": (category("I", "II"), ["I", "II", "II", "I"]),
        "pcr": ("flag", [0, 1, 1, 0]),
        "seen": ("flag", [1, 1, 0, 0]),
    }
    return table_of(**{**columns, **changed})  # pyright: ignore[reportArgumentType]


def refused(table: Table, selection: Selection | None = None, options: TreatmentOptions = BOOST, **kw: object) -> str:
    endpoints = [times([1, 0, 0, 1])] if not kw else [times([0, 0, 0, 0])]
    with pytest.raises(DataError) as caught:
        make_design(table, endpoints, options, selection or Selection())
    return str(caught.value)


def test_everything_asked_for_crosses_the_border() -> None:
    selection = Selection(
        baseline=("age", "stage"),
        score=("age",),
        cox=("age", "pcr"),
        cox_groups=("pcr",),
        subgroups=("stage",),
        response=("pcr", "seen"),
    )
    options = BOOST.model_copy(update={"groups": "stage"})
    design = make_design(patients(), [times([1, 0, 0, 1])], options, selection)
    assert design.ids == ("p1", "p2", "p3", "p4")
    assert design.size == 4
    assert design.treatment.received.tolist() == [False, True, False, True]
    assert (design.treatment.label, design.treatment.labels) == ("IMN boost", ("No boost", "Boost"))
    assert design.groups is not None
    assert (design.groups.labels, design.groups.codes.tolist()) == (("I", "II"), [0, 1, 1, 0])
    assert [item.name for item in design.baseline] == ["age", "stage"]
    assert design.score.labels == ("age",)
    assert design.cox.labels == ("age", "pcr")
    assert design.cox_groups.labels == ("pcr",)
    assert [item.name for item in design.subgroups] == ["stage"]
    assert design.response is not None
    assert (design.response.outcome.name, design.response.examined.name) == ("pcr", "seen")


def test_times_cross_in_months_of_30_4375_days() -> None:
    design = make_design(patients(), [times([1, 0, 0, 1])], BOOST, Selection())
    np.testing.assert_allclose(design.endpoints[0].time, [1, 2, 3, 4], rtol=1e-15)
    assert design.endpoints[0].events == 2


def test_the_plans_name_of_the_treatment_wins_over_the_columns() -> None:
    options = BOOST.model_copy(update={"label": "Nodal boost"})
    assert make_design(patients(), [times([1, 0, 0, 1])], options, Selection()).treatment.label == "Nodal boost"


def test_what_is_not_asked_for_is_empty() -> None:
    design = make_design(patients(), [times([1, 0, 0, 1])], BOOST, Selection())
    assert (design.groups, design.response, design.baseline, design.subgroups) == (None, None, (), ())
    assert design.score.x.shape == (4, 0)
    assert design.score.complete.all()


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (("integer", [0, 1, 2, 1]), "must be a 0/1 column; it is of kind integer; derive a flag"),
        (("date", ["2020-01-01"] * 4), "must be a 0/1 column; it is of kind date"),
        (("flag", [0, 1, None, None]), 'is not known for 2 of 4 included patients; exclude them by a rule: drop = "'),
        (("flag", [0, 0, 0, 0]), "leaves the arm 'Boost' empty among 4 included patients"),
        (("flag", [1, 1, 1, 1]), "leaves the arm 'No boost' empty among 4 included patients"),
    ],
)
def test_treatment_must_be_known_and_given_to_some(column: tuple[str, list[object]], words: str) -> None:
    text = refused(patients(boost=column))
    assert "plan: treatment.column = `boost`" in text
    assert words in text


def test_an_endpoint_needs_an_event() -> None:
    assert "plan: endpoints.os: has no event among 4 included patients" in refused(patients(), no_event=True)


@pytest.mark.parametrize("part", ["score", "cox", "cox_groups", "subgroups"])
@pytest.mark.parametrize(
    ("values", "words"), [([1, 1, 1, 1], "one value only"), ([None] * 4, "no value"), ([1, None, 1, 1], "one value")]
)
def test_a_covariate_must_vary(part: str, values: list[object], words: str) -> None:
    options = BOOST.model_copy(update={"groups": "stage"})
    text = refused(patients(pcr=("flag", values)), Selection(**{part: ("pcr",)}), options)  # pyright: ignore[reportArgumentType]
    assert f"`pcr` has {words}" in text
    assert "among 4 included patients; remove it" in text


def test_a_constant_column_may_stand_in_table_one() -> None:
    table = patients(pcr=("flag", [None] * 4), stage=(category("I", "II"), [None] * 4))
    design = make_design(table, [times([1, 0, 0, 1])], BOOST, Selection(baseline=("pcr", "stage")))
    assert [item.name for item in design.baseline] == ["pcr", "stage"]


@pytest.mark.parametrize(
    ("selection", "key", "kinds"),
    [
        (Selection(baseline=("when",)), "table_one.rows", "integer or number or flag or category"),
        (Selection(score=("when",)), "balance.covariates", "integer or number or flag or category"),
        (Selection(cox=("when",)), "cox.covariates", "integer or number or flag or category"),
        (Selection(subgroups=("age",)), "subgroups.by", "flag or category"),
        (Selection(response=("stage", "seen")), "response", "flag"),
        (Selection(response=("pcr", "age")), "response", "flag"),
    ],
)
def test_a_column_of_the_wrong_kind_is_named_with_the_kinds_that_would_do(
    selection: Selection, key: str, kinds: str
) -> None:
    text = refused(patients(when=("date", ["2020-01-01", "2020-01-02", None, None])), selection)
    assert f"plan: {key}: " in text
    assert f"must be of kind {kinds}; it is" in text


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (("integer", [1, 2, 3, 4]), "must be of kind flag or category; it is integer"),
        (("category", ["a", "a", "a", "a"]), "`stage` has one value only"),
        (("category", ["a", "b", None, "a"]), "is not known for 1 patients; exclude them by a rule"),
    ],
)
def test_groups_are_a_category_that_is_known_for_everyone(column: tuple[str, list[object]], words: str) -> None:
    text = refused(patients(stage=column), options=BOOST.model_copy(update={"groups": "stage"}))
    assert "plan: treatment.groups" in text
    assert words in text


@pytest.mark.parametrize(("part", "key"), [("score", "balance.covariates"), ("cox", "cox.covariates")])
def test_a_model_needs_a_patient_with_every_covariate(part: str, key: str) -> None:
    table = patients(age=("integer", [40, 50, None, None]), pcr=("flag", [None, None, 0, 1]))
    text = refused(table, Selection(**{part: ("age", "pcr")}))  # pyright: ignore[reportArgumentType]
    assert text == (
        f"plan: {key}: none of 4 included patients has a value for each of age, pcr; remove those that are missing most"
    )


def test_all_problems_are_told_at_once() -> None:
    table = patients(boost=("flag", [0, 0, 0, 0]), pcr=("flag", [1, 1, 1, 1]), age=("integer", [1, 1, 1, 1]))
    text = refused(table, Selection(score=("pcr",), cox=("age",)), no_event=True)
    assert [line.split(":")[1].split(" =")[0].strip() for line in text.splitlines()] == [
        "treatment.column",
        "endpoints.os",
        "balance.covariates",
        "cox.covariates",
    ]


def test_canonical_order_is_that_of_the_hashed_identifiers() -> None:
    table = canonical_order(table_of(age=("integer", [1, 2, 3, 4, 5])))
    ids = table.frame["id"].to_list()
    assert ids == sorted(ids, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert ids != [f"p{row}" for row in range(1, 6)]
    ages = dict(zip(ids, table.frame["age"].to_list(), strict=True))
    assert ages == {f"p{row}": row for row in range(1, 6)}


@given(st.randoms(use_true_random=False))
def test_canonical_order_forgets_the_order_of_the_file(shuffle: random.Random) -> None:
    table = table_of(age=("integer", list(range(20))))
    rows = list(range(20))
    shuffle.shuffle(rows)
    moved = Table(table.frame[rows], table.columns, table.id_column, table.source)
    assert canonical_order(moved).frame.equals(canonical_order(table).frame)


def test_identifiers_that_are_numbers_are_ordered_as_text() -> None:
    frame = pl.DataFrame({"id": [3, 1, 2]})
    table = Table(frame, {"id": Column(kind="id")}, "id", table_of(age=("integer", [1])).source)
    expected = sorted([1, 2, 3], key=lambda name: hashlib.sha256(str(name).encode()).hexdigest())
    assert canonical_order(table).frame["id"].to_list() == expected
