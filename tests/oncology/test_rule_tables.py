from typing import Any

import pytest
from pydantic import BaseModel

from counterpoise.errors import Problem
from counterpoise.oncology.rule_tables import changed, checked, place_of, unfolded

SHIPPED: dict[str, Any] = {
    "one": {"edition": "2018", "source": "A", "verified": "read", "cutoffs": {"from": 1, "to": 9}},
    "two": {"source": "B", "editions": {"7th": {"cutoffs": {"from": 2}}, "8th": {"source": "C", "verified": "read"}}},
}


def test_a_table_replaces_the_one_of_its_name_and_leaves_the_others() -> None:
    tables, problems = changed(SHIPPED, {"one": {"edition": "own"}, "three": {"edition": "new"}})
    assert problems == []
    assert tables == {"one": {"edition": "own"}, "two": SHIPPED["two"], "three": {"edition": "new"}}
    assert list(tables) == ["one", "two", "three"]


def test_like_starts_from_a_shipped_table_and_is_no_longer_verified() -> None:
    tables, problems = changed(SHIPPED, {"mine": {"like": "one", "cutoffs": {"from": 10}}})
    assert problems == []
    assert tables["mine"] == {"edition": "2018", "source": "A", "cutoffs": {"from": 10, "to": 9}}
    assert SHIPPED["one"]["cutoffs"] == {"from": 1, "to": 9}


def test_like_takes_one_edition_of_several() -> None:
    tables, problems = changed(SHIPPED, {"two": {"like": {"rule": "two", "edition": "8th"}, "source": "D"}})
    assert problems == []
    assert tables["two"] == {"source": "D", "edition": "8th"}


@pytest.mark.parametrize(
    ("like", "what"),
    [
        ("on", "mine: like: there is no shipped rule `on`; did you mean `one`?"),
        (
            "two",
            'mine: like: `two` has several editions; write like = { rule = "two", edition = "..." } '
            'with one of "7th", "8th"',
        ),
        (
            {"rule": "two", "edition": "9th"},
            'mine: like: `two` has no edition `9th`; write like = { rule = "two", edition = "..." } '
            'with one of "7th", "8th"',
        ),
        (3, 'mine: like: must be the name of a rule, or { rule = "...", edition = "..." }'),
        ({"rule": "two"}, 'mine: like: must be the name of a rule, or { rule = "...", edition = "..." }'),
    ],
)
def test_a_wrong_like_is_one_sentence(like: object, what: str) -> None:
    (problem,) = changed(SHIPPED, {"mine": {"like": like}})[1]
    assert str(problem) == what


def test_what_is_no_table_is_said_with_the_rest() -> None:
    tables, problems = changed(SHIPPED, {"one": 3, "mine": {"like": "none at all"}, "three": {"edition": "new"}})
    assert [problem.where for problem in problems] == ["one", "mine: like"]
    assert tables["one"] == SHIPPED["one"]
    assert tables["three"] == {"edition": "new"}


def test_editions_share_keys_and_have_their_own() -> None:
    contents, problems = unfolded(SHIPPED)
    assert problems == []
    assert list(contents["one"]) == ["2018"]
    assert contents["two"]["7th"] == {"source": "B", "cutoffs": {"from": 2}, "edition": "7th"}
    assert contents["two"]["8th"] == {"source": "C", "verified": "read", "edition": "8th"}
    assert place_of("one", "2018", SHIPPED) == "one"
    assert place_of("two", "7th", SHIPPED) == 'two.editions."7th"'


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({}, "x: `edition` is missing, or no text; name the edition of the source"),
        ({"edition": 8}, "x: `edition` is missing, or no text; name the edition of the source"),
        ({"edition": ""}, "x: `edition` is missing, or no text; name the edition of the source"),
        ({"edition": "8th", "editions": {"8th": {}}}, "x: has both `edition` and `editions`; keep one of them"),
        ({"editions": {}}, "x: editions: must hold a table for each edition"),
        ({"editions": ["8th"]}, "x: editions: must hold a table for each edition"),
        ({"editions": {"8th": 3}}, 'x: editions."8th": must be a table of keys'),
        (3, "x: must be a table of keys"),
    ],
)
def test_editions_that_are_not_written_as_they_should_be_are_one_sentence(content: object, what: str) -> None:
    contents, (problem,) = unfolded({"x": content, "one": SHIPPED["one"]})
    assert str(problem) == what
    assert list(contents) == ["one"]


def test_what_is_wrong_with_a_table_is_collected() -> None:
    class Form(BaseModel):
        cut: float

    problems: list[Problem] = []
    assert checked(Form, "x", {"cut": 3}, problems) == Form(cut=3)
    assert checked(Form, "x", {"cut": "high"}, problems) is None
    assert [str(problem) for problem in problems] == ["x: cut: must be a number; found 'high'"]
