import datetime as dt
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from counterpoise.errors import InputError
from counterpoise.read import Column, InferredColumn, RuleError, check_rule, parse_rule
from counterpoise.read.rule_expression import completed_years
from tests.read.rule_interpreter import KNOWN, age_in_years, interpreted

TYPES = {
    "age": pl.Float64,
    "nodes": pl.Int64,
    "lvi": pl.Int64,
    "boost": pl.Int64,
    "cT": pl.String,
    "site": pl.String,
    "dx": pl.Date,
    "death": pl.Date,
}


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    columns = {name: [row.get(name) for row in rows] for name in TYPES}
    return pl.DataFrame(columns, schema=TYPES)


def values(rule: str, *rows: dict[str, Any]) -> list[Any]:
    table = frame(list(rows))
    expression = parse_rule(rule).expression(KNOWN)
    return table.with_columns(answer=expression)["answer"].to_list()


# Random rules of the right kinds, and random rows.

days = st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))
small = st.sampled_from([0.0, 1.0, 2.5, -3.0, 18.0, 1e308])


def numbers_from(conditions: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    leaves = st.one_of(
        small.map(lambda value: f"({value!r})"),
        st.sampled_from(["age", "nodes", "lvi", "days(dx, death)", "years(dx, death)", 'months("2020-01-31", dx)']),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
            inner.map(lambda part: f"-{part}"),
            inner.map(lambda part: f"floor({part})"),
            inner.map(lambda part: f"log({part})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
            st.tuples(conditions, inner, inner).map(lambda p: f"(if {p[0]} then {p[1]} else {p[2]})"),
        ),
        max_leaves=6,
    )


def conditions_from() -> st.SearchStrategy[str]:
    signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    day = st.one_of(st.sampled_from(["dx", "death"]), days.map(lambda d: f'"{d}"'), days.map(lambda d: f'date("{d}")'))
    leaves = st.one_of(
        st.sampled_from(["lvi", "boost == 1", "not lvi", "lvi in [1]", "true", "death is missing", "lvi == boost"]),
        st.sampled_from(['cT == "T1"', 'cT != "T3"', 'cT in ["T1", "T2"]', 'cT not in ["T2"]', 'site == "a"']),
        st.tuples(st.sampled_from(["age", "nodes * 2", "-age"]), signs, small).map(lambda p: f"{p[0]} {p[1]} {p[2]!r}"),
        st.tuples(st.sampled_from(["dx", "death"]), signs, day).map(" ".join),
        st.lists(days, min_size=1, max_size=3).map(lambda found: f"dx in {list(map(str, found))}"),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' and '.join(parts)})"),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' or '.join(parts)})"),
            inner.map(lambda part: f"not ({part})"),
            inner.map(lambda part: f"({part}) is missing"),
            st.tuples(inner, inner, inner).map(lambda p: f"(if {p[0]} then {p[1]} else {p[2]})"),
        ),
        max_leaves=6,
    )


conditions = conditions_from()
dates = st.sampled_from(
    [
        "dx",
        "min(dx, death)",
        'max(dx, "2020-02-29")',
        "if lvi then dx else death",
        "if death is missing then missing else if age > 2 then dx else death",
    ]
)
texts = st.sampled_from(
    [
        'if lvi then "a" else "b"',
        "if cT == site then cT else missing",
        'if age > 2 then "x" else if lvi then cT else ""',
    ]
)
rules = st.one_of(conditions, numbers_from(conditions), dates, texts)


def or_none(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


rows = st.fixed_dictionaries(
    {
        "age": or_none(small),
        "nodes": or_none(st.integers(-3, 20)),
        "lvi": or_none(st.integers(0, 1)),
        "boost": or_none(st.integers(0, 1)),
        "cT": or_none(st.sampled_from(["T1", "T2", "T3"])),
        "site": or_none(st.sampled_from(["a", "T1", ""])),
        "dx": or_none(days),
        "death": or_none(days),
    }
)


@settings(deadline=None, max_examples=150)
@given(rules, st.lists(rows, min_size=1, max_size=6))
def test_rules_agree_with_a_row_by_row_interpreter(rule: str, patients: list[dict[str, Any]]) -> None:
    assert values(rule, *patients) == [interpreted(rule, patient) for patient in patients]


@settings(deadline=None, max_examples=150)
@given(st.one_of(rules, st.text(max_size=60), st.text("ab1.<=!()[]\"'`,+-*/ iforandnte", max_size=40)))
def test_the_parser_raises_nothing_but_input_errors(text: str) -> None:
    try:
        rule = parse_rule(text)
    except InputError:
        return
    assert check_rule(text, KNOWN) is not None
    if not check_rule(text, KNOWN):
        frame([{}]).with_columns(rule.expression(KNOWN))


@settings(deadline=None, max_examples=100)
@given(days, days)
def test_completed_years_count_birthdays(first: dt.date, second: dt.date) -> None:
    assert pl.select(completed_years(pl.lit(first), pl.lit(second))).item() == age_in_years(first, second)


@pytest.mark.parametrize(
    ("born", "seen", "years"),
    [
        ("1980-05-17", "2014-05-16", 33),
        ("1980-05-17", "2014-05-17", 34),
        ("1980-05-17", "2014-05-18", 34),
        ("2000-02-29", "2018-02-28", 17),
        ("2000-02-29", "2018-03-01", 18),
        ("2000-02-29", "2020-02-28", 19),
        ("2000-02-29", "2020-02-29", 20),
        ("2001-02-28", "2020-02-28", 19),
        ("1999-12-31", "2000-01-01", 0),
        ("2000-01-01", "1999-12-31", -1),
    ],
)
def test_years_on_birthdays_and_leap_days(born: str, seen: str, years: int) -> None:
    assert values(f'years("{born}", dx)', {"dx": dt.date.fromisoformat(seen)}) == [years]


def test_durations_run_from_the_first_date_to_the_second() -> None:
    patient = {"dx": dt.date(2020, 1, 1), "death": dt.date(2021, 1, 1)}
    assert values("days(dx, death)", patient) == [366]
    assert values("days(death, dx)", patient) == [-366]
    assert values("months(dx, death)", patient) == [366 / 30.4375]
    assert values("days(dx, death)", {"dx": dt.date(2020, 1, 1)}) == [None]


def test_logarithms_are_natural_and_missing_where_there_is_none() -> None:
    assert values("log(age)", {"age": 1.0}, {"age": math.e}) == [0.0, 1.0]
    assert values("log(1 + nodes)", {"nodes": 0}, {"nodes": 6}) == [0.0, math.log(7)]
    assert values("log(nodes)", {"nodes": 0}, {"nodes": -1}, {}) == [None, None, None]


def test_unknown_stays_unknown() -> None:
    assert values("age >= 18", {}) == [None]
    assert values("not age >= 18", {}) == [None]
    assert values("age >= 18 or lvi", {"lvi": 1}) == [True]
    assert values("age >= 18 or lvi", {"lvi": 0}) == [None]
    assert values("age >= 18 and lvi", {"lvi": 0}) == [False]
    assert values("age >= 18 and lvi", {"lvi": 1}) == [None]
    assert values('cT in ["T1"]', {}) == values('cT not in ["T1"]', {}) == [None]
    assert values("if lvi then 1 else 0", {}) == [None]
    assert values("min(age, nodes)", {"age": 2.0}) == [None]
    assert values("age is missing or age < 18", {}) == [True]
    assert values("age is not missing", {}) == [False]


def test_numbers_are_never_infinite_nor_nan() -> None:
    assert values("age / nodes", {"age": 1.0, "nodes": 0}) == [None]
    assert values("age / -nodes", {"age": 0.0, "nodes": 0}) == [None]
    assert values("age * age", {"age": 1e200}) == [None]
    assert values("age * age - age * age", {"age": 1e200}) == [None]
    assert values("0 * (age * age)", {"age": 1e200}) == [None]


def test_quotients_are_rounded_once() -> None:
    patients = [{"age": 49.0, "dx": dt.date(2000, 1, 6)}] * 3
    assert values("age / 49 >= 1", *patients) == [True] * 3
    assert values("age / (7 * 7)", *patients) == [1.0] * 3
    assert values('months("2020-01-31", dx)', *patients) == [-7330 / 30.4375] * 3


def test_arithmetic_binds_as_in_school() -> None:
    assert values("2 + 3 * 4 - 10 / 5 / 2", {}) == [13]
    assert values("-2 * -(3 - 1)", {}) == [4]
    assert values("1 - 2 - 3", {}) == [-4]
    assert values("not lvi == 1 and boost", {"lvi": 0, "boost": 1}) == [True]
    assert values("lvi or boost and not lvi", {"lvi": 1, "boost": 0}) == [True]
    assert values("nodes / 2", {"nodes": 3}) == [1.5]


def test_the_kind_of_a_rule() -> None:
    assert parse_rule("lvi").kind(KNOWN) == "flag"
    assert parse_rule("if age > 2 then 1 else 0").kind(KNOWN) == "flag"
    assert parse_rule("if age > 2 then lvi else missing").kind(KNOWN) == "flag"
    assert parse_rule("if age > 2 then 1 else 2").kind(KNOWN) == "number"
    assert parse_rule("lvi + boost").kind(KNOWN) == "number"
    assert parse_rule("max(dx, death)").kind(KNOWN) == "date"
    assert parse_rule("cT").kind(KNOWN) == "category"
    assert parse_rule("age").columns == {"age"}


def test_names_with_spaces_stand_in_backticks() -> None:
    known = {"Ki-67 (%)": Column(kind="number"), "年龄": Column(kind="number"), "er.pct": Column(kind="number")}
    rule = parse_rule("`Ki-67 (%)` > 1 and 年龄 > 1 and er.pct > 1")
    assert rule.columns == set(known)
    assert check_rule(rule.text, known) == []


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("agee >= 18", "there is no column `agee` (position 1); did you mean `age`?"),
        ("cT == T3", 'there is no column `T3` (position 7); write "T3" in quotation marks if the code is meant'),
        ("age == 'old'", 'it compares `age` (a number) with the text "old"'),
        ("cT == 3", 'the codes of a category are texts: "3"'),
        ("nodes in ['1']", "a column whose numbers are codes must be declared as a category"),
        ('cT == "t3"', '`cT` has no code "t3" (position 7); did you mean "T3"? Its codes are "T1", "T2", "T3"'),
        ('cT == "cT2"', 'did you mean "T2"?'),
        ('"T9" == cT', '`cT` has no code "T9"'),
        ('cT in ["T1", "T9"]', '`cT` has no code "T9"'),
        ('cT > "T1"', "`>` compares numbers or dates"),
        ("lvi == 2", "a flag is 0 or 1"),
        ("lvi == 'yes'", "a flag is compared with 0 or 1"),
        ("age == true", "it compares a flag with `age` (a number)"),
        ('dx >= "2014-13-01"', '"2014-13-01" is not a date'),
        ("dx > 2014", "it compares `dx` (a date) with the number 2014"),
        ("dx > site", "a date is compared with a date or a day"),
        ("death - dx > 30", "write days(earlier, later)"),
        ("age + site", "`+` needs numbers, not `site` (a text)"),
        ("-cT", "`-` needs numbers"),
        ("age and lvi", "`and` needs a condition, and `age` (a number) is none"),
        ("not site", "`not` needs a condition"),
        ("if age then 1 else 2", "`if` needs a condition"),
        ("if lvi then 1 else 'b'", 'the branches of `if` must agree: the text "b" beside a number'),
        ("if lvi then dx else '2020-01-01'", "must agree"),
        ("death == missing", "nothing equals missing (position 10); write `is missing`"),
        ("missing", "it is always missing"),
        ("days(dx, age)", "`days` needs dates, not `age` (a number)"),
        ("floor(site)", "`floor` needs numbers"),
        ("log(dx)", "`log` needs numbers"),
        ("max(dx, age)", "`max` needs dates"),
    ],
)
def test_a_rule_that_means_nothing_is_told(rule: str, what: str) -> None:
    assert what in "\n".join(map(str, check_rule(rule, KNOWN)))
    with pytest.raises(RuleError):
        parse_rule(rule).expression(KNOWN)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("", "it must not be empty"),
        ("age = 18", "`=` is not part of the language (position 5); compare with `==`"),
        ("age <> 18", "write `!=`"),
        ("age && lvi", "write `and`"),
        ("cT == “T3”", "use straight quotation marks"),
        ('cT == "T3', "not closed"),
        ("18 <= age <= 75", "a comparison has two sides, but `<=` was found (position 11); join two comparisons by"),
        ("age > 18 AND lvi", "write `and` in lower case"),
        ("age >", "a value is expected here, but the rule ends (position 6)"),
        ("(age > 18", "`)` is expected here, but the rule ends"),
        ("age in []", "a value is expected here, but `]` was found"),
        ("cT in [T3]", 'write "T3" if the value is meant'),
        ("cT in T3", "`[` is expected here"),
        ("if lvi then 1", "say what holds otherwise"),
        ("age is 3", "`missing` is expected here"),
        ('__import__("os")', "there is no function `__import__`"),
        ("day(dx, death)", "did you mean `days`? the functions are date, days, floor, log, max, min, months, years"),
        ("days(dx)", "`days` takes 2 arguments, not 1"),
        ('date("2020-02-30")', 'for example date("2020-01-31")'),
        ("date(dx)", "`date` takes a day as text"),
        ("1e999 > 1", "`1e999` is too large"),
        ("3rd == 1", "`3rd` is neither a number nor a name"),
        ("age ** 2", "powers are not part of the language"),
        ("not", "a value is expected here"),
        ("age > then", "put a column of that name in backticks"),
        ("(" * 60 + "1" + ")" * 60, "it nests deeper than 40 levels"),
        ("not " * 60 + "lvi", "it nests deeper than 40 levels"),
        ("-" * 60 + "1", "it nests deeper than 40 levels"),
        ("+".join("1" * 400), "it is too long"),
        ("1/(" * 30 + "1" + ")" * 30, "it is too long"),
    ],
)
def test_text_that_is_no_rule_is_told(rule: str, what: str) -> None:
    assert [what in str(problem) for problem in check_rule(rule, KNOWN)] == [True]
    with pytest.raises(InputError):
        parse_rule(rule)


def test_all_unknown_columns_are_told_at_once() -> None:
    assert len(check_rule("agee > 1 and lvii == 1 and cTT == 'T1'", KNOWN)) == 3


def test_codes_that_only_the_data_suggest_are_not_binding() -> None:
    known = {"grade": InferredColumn(kind="flag"), "site": InferredColumn(kind="category", levels={"a": "a"})}
    assert check_rule('grade >= 2 or site == "b"', known) == []


def test_the_longest_rules_compile() -> None:
    chain = " + ".join(["age"] * 100)
    assert values(chain, {"age": 1.0}) == [100]
    branches = " else ".join(f"if nodes == {i} then {i + 100}" for i in range(120)) + " else 0"
    assert values(branches, {"nodes": 119}, {"nodes": 500}, {}) == [219, 0, None]
    either = " or ".join(f"nodes == {i}" for i in range(300))
    assert values(either, {"nodes": 299}, {"nodes": -1}) == [True, False]


def test_rules_without_columns_hold_for_every_row() -> None:
    assert values("true", {}, {}) == [True, True]
    assert values("1 + 1", {}, {}) == [2, 2]
