"""A recorded stage is asked about where, and only where, the facts beside it cannot give it."""

import itertools
from collections.abc import Sequence

import polars as pl
import pytest

from counterpoise.oncology.quality import check_records
from counterpoise.oncology.quality_staging import agree
from counterpoise.oncology.records import records
from counterpoise.read import table_from_frame
from tests.oncology.test_staging_breast import TNM, anatomic_stage, clinical_n

STATIONS = {
    "axillary": "axilla_mobile",
    "axillary_fixed": "axilla_fixed",
    "infraclavicular": "infraclavicular",
    "internal_mammary": "internal_mammary",
    "supraclavicular": "supraclavicular",
}
CATEGORIES = ("N0", "N1", "N2", "N2a", "N2b", "N3", "N3a", "N3b", "N3c")


def asked(**columns: Sequence[object]) -> dict[int, set[str]]:
    """Return the checks that ask about each patient, every column being the role of its name."""
    size = len(next(iter(columns.values())))
    frame = pl.DataFrame({"id": [f"p{at:04}" for at in range(size)], **columns}, strict=False)
    found = check_records(records(table_from_frame(frame, id_column="id"), {role: role for role in columns}))
    patients: dict[int, set[str]] = {}
    for query in found.queries:
        patients.setdefault(int(query.patient[1:]), set()).add(query.check)
    return patients


def test_every_combination_of_stations_with_every_recorded_category() -> None:
    """Missing flags included: asked where no completion of them gives the category; and asked once."""
    flags = list(itertools.product((0, 1, None), repeat=5))
    patients = [(*stations, category) for stations in flags for category in CATEGORIES]
    columns = dict(zip((*STATIONS, "clinical_n"), map(list, zip(*patients, strict=True)), strict=True))
    found = asked(**columns)
    for at, (*stations, category) in enumerate(patients):
        worlds = itertools.product(*((0, 1) if flag is None else (flag,) for flag in stations))
        possible = {clinical_n(dict(zip(STATIONS.values(), world, strict=True))) for world in worlds}
        contradicted = all(not agree(category, other) for other in possible)
        checks = found.get(at, set()) & {"Q10", "Q10b", "Q10c"}
        assert bool(checks) == contradicted, patients[at]
        assert "Q10c" not in checks or len(checks) == 1


def test_every_t_n_m_with_every_recorded_stage() -> None:
    stages = ("0", "I", "IA", "IB", "II", "IIA", "IIB", "III", "IIIA", "IIIB", "IIIC", "IV")
    patients = list(itertools.product(*((*values, None) for values in TNM.values()), stages))
    names = ("clinical_t", "clinical_n", "clinical_m", "stage")
    found = asked(**dict(zip(names, map(list, zip(*patients, strict=True)), strict=True)))
    for at, (*tnm, stage) in enumerate(patients):
        options = [values if value is None else (value,) for value, values in zip(tnm, TNM.values(), strict=True)]
        possible = [anatomic_stage(dict(zip("tnm", world, strict=True))) for world in itertools.product(*options)]
        contradicted = all(other is not None and not agree(str(stage), other) for other in possible)
        assert ("Q10e" in found.get(at, set())) == contradicted, patients[at]


@pytest.mark.parametrize(
    ("size", "category", "wrong"),
    [
        (20, "T1", False),
        (20, "T2", True),
        (21, "T2", False),
        (50, "T3", True),
        (51, "T3", False),
        (15, "T4b", False),
        (15, "T3", True),
        (0, "Tis", False),
        (0, "T1", True),
        (None, "T3", False),
        (30, None, False),
        (400, "T1", False),
    ],
)
def test_size_and_recorded_t(size: float | None, category: str | None, wrong: bool) -> None:
    """Extension is not recorded, so that any T4 stays possible; a size that cannot be is asked about elsewhere."""
    checks = asked(tumour_size=[size, 10], clinical_t=[category, "T1"])
    assert ("Q10d" in checks.get(0, set())) == wrong
    assert "Q10d" not in checks.get(1, set())


def test_the_sentence_says_what_was_recorded_and_what_it_makes() -> None:
    columns = {"id": ["a"], "cn": ["cN1"], "fixed": [1], "imn": [0], "scv": [0]}
    roles = {"clinical_n": "cn", "axillary_fixed": "fixed", "internal_mammary": "imn", "supraclavicular": "scv"}
    (query,) = check_records(records(table_from_frame(pl.DataFrame(columns), id_column="id"), roles)).of_check("Q10c")
    assert query.what == (
        "The N category is cN1; the stations recorded (axillary fixed 1, internal mammary 0, supraclavicular 0) "
        "make it N2a or N3a."
    )
    assert query.columns == ("cn", "fixed", "imn", "scv")


def test_internal_mammary_nodes_are_never_below_stage_iii() -> None:
    stages = ["0", "IA", "IB", "IIA", "IIB", "IIIA", "IIIB", "IIIC", "IV", None]
    checks = asked(internal_mammary=[1] * 10, stage=stages)
    assert [at for at in range(10) if "Q10f" in checks.get(at, set())] == [0, 1, 2, 3, 4]
    assert all("Q10f" not in found for found in asked(internal_mammary=[0] * 10, stage=stages).values())


def test_number_of_nodes_and_pathological_n() -> None:
    columns: list[tuple[object, object, bool]] = [
        (0, "ypN0", False),
        (0, "ypN1a", True),
        (1, "ypN0", True),
        (1, "ypN0(i+)", False),
        (3, "ypN1", False),
        (4, "ypN1", True),
        (4, "ypN1mi", False),
        (9, "ypN2", False),
        (10, "ypN2a", True),
        (10, "ypN3a", False),
        (2, "ypN3c", False),
        (None, "ypN1", False),
    ]
    checks = asked(nodes_positive=[c[0] for c in columns], pathological_n=[c[1] for c in columns])
    assert [at for at, (_, _, wrong) in enumerate(columns) if wrong] == [
        at for at in range(len(columns)) if "Q10g" in checks.get(at, set())
    ]


def test_in_situ_with_metastasis() -> None:
    checks = asked(
        clinical_t=["Tis", "Tis", "T1", "Tis", "Tis"],
        clinical_n=["N0", "N1", "N1", "N0", None],
        clinical_m=["M0", "M0", "M0", "M1", "M0"],
    )
    assert [at for at in range(5) if "Q10h" in checks.get(at, set())] == [1, 3]
