import itertools
from collections.abc import Sequence

import polars as pl
import pytest

from counterpoise.oncology.derivations import DERIVATIONS
from counterpoise.read.codebook import Column

RULE = DERIVATIONS["pathological_complete_response"]
KNOWN = {"ypT": Column(kind="text"), "ypN": Column(kind="text")}
DEFINITIONS = ("ypT0/is ypN0", "ypT0 ypN0", "breast only")
BREAST = ("ypT0", "ypTis", "ypT1mi", "ypT4d")
NODES = ("ypN0", "ypN0(i+)", "ypN1mi", "ypN3")


def response(pairs: Sequence[tuple[str | None, str | None]], definition: str) -> list[int | None]:
    frame = pl.DataFrame(list(pairs), schema={"ypT": pl.String, "ypN": pl.String}, orient="row")
    compiled = RULE.compile({"ypt": "ypT", "ypn": "ypN", "definition": definition}, KNOWN)
    return frame.select(new=compiled)["new"].to_list()


def complete(breast: str, nodes: str, definition: str) -> int:
    clear = breast in (("ypT0",) if definition == "ypT0 ypN0" else ("ypT0", "ypTis"))
    return int(clear and (nodes == "ypN0" or definition == "breast only"))


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_each_definition_over_every_category_known_or_missing(definition: str) -> None:
    pairs = list(itertools.product((*BREAST, None), (*NODES, None)))
    expected: list[int | None] = []
    for breast, nodes in pairs:
        worlds = itertools.product(BREAST if breast is None else (breast,), NODES if nodes is None else (nodes,))
        outcomes = {complete(*world, definition) for world in worlds}
        expected.append(outcomes.pop() if len(outcomes) == 1 else None)
    assert response(pairs, definition) == expected
    assert {0, 1} <= set(expected)


def test_isolated_tumour_cells_are_residual_disease() -> None:
    assert response([("ypT0", "ypN0(i+)"), ("ypT0", "ypN0")], "ypT0/is ypN0") == [0, 1]


def test_spelling_and_prefix_do_not_matter() -> None:
    pairs = [
        ("T0", "N0"),
        ("pTis", " yPn0 "),
        ("YPT0", "ypN0 (i-)"),
        ("ypTX", "ypN0"),
    ]
    assert response(pairs, "ypT0/is ypN0") == [1, 1, 1, None]


def test_a_category_that_is_not_listed_is_refused() -> None:
    frame = pl.DataFrame({"ypT": ["ypT0", "ycT0", "residual", None], "ypN": ["ypN0", "N9", None, "ypN1"]})
    refused = RULE.refusals({"ypt": "ypT", "ypn": "ypN"}, KNOWN)
    found = {refusal.column: frame.select(x=refusal.condition)["x"].to_list() for refusal in refused}
    assert found == {"ypT": [False, True, True, False], "ypN": [False, True, False, False]}


def test_nodes_are_needed_unless_the_breast_alone_counts() -> None:
    (fault,) = RULE.faults({"ypt": "ypT"}, KNOWN)
    assert fault.startswith("rule `pathological_complete_response` needs `ypn` (pathological N")
    assert RULE.faults({"ypt": "ypT", "definition": "breast only"}, KNOWN) == []


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_sentence_names_the_definition(definition: str) -> None:
    sentence = RULE.sentence({"ypt": "ypT", "ypn": "ypN", "definition": definition}, KNOWN)
    assert sentence.startswith("Pathological complete response was no invasive")
    assert ("whatever the nodes" in sentence) == (definition == "breast only")
