import hashlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.errors import InputError, PlanError
from counterpoise.oncology.definition import Derivation
from counterpoise.oncology.rule_sets import RULE_SETS, SHIPPED, RuleSets, chosen, load_rule_sets
from counterpoise.read.codebook import Column

KNOWN = {"er": Column(kind="number"), "pr": Column(kind="number"), "ihc": Column(kind="text")}
OWN_SCORE = """
[her2_status.arguments.ihc]
meaning = "HER2 score of the laboratory"
kinds = ["text"]
codes = { low = ["low"], equivocal = ["unclear"], positive = ["high"] }
"""


def with_file(folder: Path, text: str, rule_set: str = "receptors") -> RuleSets:
    (folder / "own.toml").write_text(text, encoding="utf-8")
    return load_rule_sets({rule_set: "own.toml"}, folder)


def faults(folder: Path, text: str, rule_set: str = "receptors") -> list[str]:
    with pytest.raises(PlanError) as raised:
        with_file(folder, text, rule_set)
    return [str(problem) for problem in raised.value.problems]


def values(rule: Derivation, columns: dict[str, Any], arguments: dict[str, str]) -> list[str | None]:
    assert rule.faults(arguments, KNOWN) == []
    return pl.DataFrame(columns).select(x=rule.compile(arguments, KNOWN))["x"].to_list()


def test_an_edition_may_be_left_out_where_there_is_one() -> None:
    assert SHIPPED.endpoint("overall_survival") is SHIPPED.endpoint("overall_survival", "STEEP 2.0")
    assert SHIPPED.scale("RTOG/EORTC").highest == 5
    assert SHIPPED.derivation("age").edition == "Gregorian calendar"
    assert SHIPPED.files == ()


def test_an_edition_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    shared = 'label = "Two"\nshort = "T"\nsource = "S"\n'
    matrix = "".join(f'{name} = "event"\n' for name in SHIPPED.endpoint("overall_survival").matrix)
    text = f'[two]\n{shared}[two.matrix]\n{matrix}[two.editions."1st"]\n[two.editions."2nd"]\nshort = "T2"\n'
    rules = with_file(tmp_path, text, "endpoints")
    assert rules.endpoint("two", "2nd").short == "T2"
    assert rules.endpoint("two", "1st").short == "T"
    with pytest.raises(InputError, match=r'^rule `two` has several editions; name one by `edition`: "1st", "2nd"$'):
        rules.endpoint("two")


@pytest.mark.parametrize(
    ("rule", "edition", "message"),
    [
        ("overal_survival", None, "there is no rule `overal_survival`; did you mean `overall_survival`?"),
        ("overall_survival", "steep 2.0", "rule `overall_survival` has no edition `steep 2.0`; did you mean"),
        ("overall_survival", "x", "rule `overall_survival` has no edition `x`; it is one of STEEP 2.0"),
    ],
)
def test_what_is_not_there_is_one_sentence(rule: str, edition: str | None, message: str) -> None:
    with pytest.raises(InputError) as raised:
        chosen(SHIPPED.endpoints, rule, edition)
    assert str(raised.value).startswith(message)


def test_a_cut_off_is_changed_and_all_else_stays(tmp_path: Path) -> None:
    text = '[hormone_receptor_status]\nlike = "hormone_receptor_status"\ncutoffs = { positive_from = 10 }\n'
    rules = with_file(tmp_path, text)
    arguments = {"er": "er", "pr": "pr"}
    columns = {"er": [0.0, 5.0, 10.0, None], "pr": [0.0, 0.0, 0.0, 50.0]}
    own, shipped = rules.derivation("hormone_receptor_status"), SHIPPED.derivation("hormone_receptor_status")
    assert values(own, columns, arguments) == ["negative", "negative", "positive", "positive"]
    assert values(shipped, columns, arguments) == ["negative", "positive", "positive", "positive"]
    assert "10 % or more" in own.sentence(arguments, KNOWN)
    assert own.verified == ""
    assert rules.derivation("clinical_subtype") == SHIPPED.derivation("clinical_subtype")
    assert rules.endpoints is SHIPPED.endpoints


def test_a_file_is_described(tmp_path: Path) -> None:
    text = '[her2_status]\nlike = "her2_status"\n[her2_here]\nlike = "her2_status"\ncomputed_as = "her2_status"\n'
    rules = with_file(tmp_path, text)
    (file,) = rules.files
    assert (file.rule_set, file.file) == ("receptors", "own.toml")
    assert (file.replaced, file.added) == (("her2_status",), ("her2_here",))
    assert file.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert rules.file_of("receptors", "her2_here") == "own.toml"
    assert rules.file_of("receptors", "clinical_subtype") == ""
    assert rules.set_of("her2_here") == "receptors"


def test_own_spellings_reach_the_rules_that_share_the_argument(tmp_path: Path) -> None:
    rules = with_file(tmp_path, '[her2_status]\nlike = "her2_status"\n' + OWN_SCORE)
    columns = {"er": [90.0, 0.0, 0.0], "pr": [0.0, 0.0, 0.0], "ihc": ["low", "high", "unclear"]}
    status, subtype = rules.derivation("her2_status"), rules.derivation("clinical_subtype")
    assert values(status, columns, {"ihc": "ihc"}) == ["negative", "positive", None]
    found = values(subtype, columns, {"er": "er", "pr": "pr", "ihc": "ihc"})
    assert found == ["HR+/HER2-", "HR-/HER2+", None]


def test_a_new_rule_is_computed_as_another(tmp_path: Path) -> None:
    text = '[her2_here]\nlike = "her2_status"\ncomputed_as = "her2_status"\nlabel = "HER2 here"\n'
    rules = with_file(tmp_path, text + OWN_SCORE.replace("her2_status", "her2_here"))
    assert values(rules.derivation("her2_here"), {"ihc": ["high"]}, {"ihc": "ihc"}) == ["positive"]
    assert rules.derivation("her2_status").refusals({"ihc": "ihc"}, KNOWN)


def test_a_new_scale_needs_no_code(tmp_path: Path) -> None:
    text = '["Own scale"]\nhighest = 3\nlate_after_days = 120\nedition = "2020"\nsource = "the clinic"\n'
    rules = with_file(tmp_path, text, "toxicity")
    assert rules.scale("Own scale", "2020").highest == 3
    assert rules.scale("RTOG/EORTC") == SHIPPED.scale("RTOG/EORTC")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = ", "own.toml: is not valid TOML: "),
        ("", "own.toml: holds no table; see `counterpoise rules receptors` for the form"),
        ("her2_status = 3", "own.toml: her2_status: must be a table of keys; write [her2_status] above its keys"),
        ("[her2]\nlike = 'her2_statu'", "own.toml: her2: like: there is no shipped rule `her2_statu`; did you mean"),
        ("[x]\nlike = 'her2_status'", "own.toml: x: nothing in `receptors` is computed as `x`; name by `computed_as`"),
        ("[her2_status]\nlike='her2_status'\nedition = 8", "own.toml: her2_status: `edition` is missing, or no text"),
        ("[her2_status]\nlike='her2_status'\nlabel = 8", "own.toml: her2_status: label: must be text in quotation"),
        ("[her2_status]\nlike='her2_status'\nlable = 'x'", "own.toml: her2_status: unknown key `lable`; did you mean"),
        ("[her2_status]\nlike='her2_status'\nlevels = {no='N'}", "own.toml: her2_status: `levels` must be those that"),
        ("[her2_status]\nlike='her2_status'\nkind = 'flag'", "own.toml: her2_status: `kind` must be category; it is"),
        ("[her2_status]\nlike='her2_status'\ncutoffs={x=1}", "own.toml: her2_status: `x` is no argument or cut-off"),
        ("[her2_status]\nlike='her2_status'\ndefinition='{er}'", "own.toml: her2_status: `definition` has a placeh"),
        ("[her2_status]\nlike='her2_status'\ndefinition='{'", "own.toml: her2_status: `definition` has a placeholder"),
        ("[her2_status]\nlike='her2_status'\narguments_of=['x']", "own.toml: her2_status: arguments_of: there is no"),
        (
            "[her2_status]\nlike='her2_status'\narguments.ihc.codes.weak=['x']",
            "own.toml: her2_status: argument `ihc` has `weak` in `codes`, which nothing uses;",
        ),
        (
            "[her2_status]\nlike='her2_status'\narguments.ihc.codes.zero=['3']",
            "own.toml: her2_status: argument `ihc` has the spelling `3` twice",
        ),
        (
            "[her2_status]\nlike='her2_status'\narguments.ihc.codes.zero=['None']",
            "own.toml: her2_status: argument `ihc` has the spelling `None`, which must be in lower case",
        ),
        (
            "[her2_status]\nlike='her2_status'\narguments.ihc.prefix='('",
            "own.toml: her2_status: argument `ihc` has a `prefix` that is no pattern",
        ),
        (
            "[her2_status]\nlike='her2_status'\narguments.ihc.required=false",
            "own.toml: her2_status: argument `ihc` must stay required, or have a `default`",
        ),
        (
            "[her2_status]\nlike='her2_status'\narguments.ihc.kinds=['date']",
            "own.toml: her2_status: argument `ihc` has `date` in `kinds`, which nothing uses",
        ),
        (
            "[her2_status]\nlike='her2_status'\narguments.ihc.takes='number'",
            "own.toml: her2_status: argument `ihc` must take a column",
        ),
        (
            "[hormone_receptor_status]\nlike='hormone_receptor_status'\narguments.er={meaning='e',minimum=9,maximum=1}",
            "own.toml: hormone_receptor_status: argument `er` has a `minimum` above its `maximum`",
        ),
    ],
)
def test_a_fault_of_a_file_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    assert [fault for fault in faults(tmp_path, text) if fault.startswith(message)], faults(tmp_path, text)


def test_what_the_arithmetic_needs_may_not_be_left_out(tmp_path: Path) -> None:
    text = (
        '[hormone_receptor_status]\nlabel = "x"\nkind = "category"\nedition = "x"\nsource = "x"\ndefinition = "x"\n'
        'levels = { negative = "N", positive = "P" }\narguments.er = { meaning = "ER", kinds = ["number"] }\n'
    )
    assert faults(tmp_path, text) == [
        "own.toml: hormone_receptor_status: `arguments` lacks `pr`, which is needed to compute it",
        "own.toml: hormone_receptor_status: `cutoffs` lacks `positive_from`, which is needed to compute it",
    ]


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert faults(tmp_path, '["Own"]\nhighest = 9\nedition = "1"\n', "toxicity") == [
        "own.toml: Own: highest: must be less than or equal to 5; found 9",
        "own.toml: Own: `late_after_days` is missing; add it",
        "own.toml: Own: `source` is missing; add it",
    ]


def test_all_faults_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("x = 3\n[her2_status]\nlike = 'y'\n", encoding="utf-8")
    (tmp_path / "two.toml").write_bytes(b"\xff")
    with pytest.raises(PlanError) as raised:
        load_rule_sets(
            {"receptors": "one.toml", "toxicity": "two.toml", "endpoint": "e.toml", "response": "r"}, tmp_path
        )
    assert [str(problem) for problem in raised.value.problems] == [
        "one.toml: x: must be a table of keys; write [x] above its keys",
        "one.toml: her2_status: like: there is no shipped rule `y`; valid: "
        + ", ".join(sorted(SHIPPED.sets["receptors"])),
        "two.toml: cannot be read as UTF-8 text; a rule file is a TOML file",
        "plan: rules: there is no rule set `endpoint`; did you mean `endpoints`?",
        "plan: rules.response: there is no file `r`; its path starts at the folder of the plan",
    ]


def test_a_new_rule_may_not_have_the_name_of_another_set(tmp_path: Path) -> None:
    text = '[age]\nlike = "her2_status"\ncomputed_as = "her2_status"\n'
    assert faults(tmp_path, text) == ["own.toml: age: `patient` has a rule of that name already; give it another name"]


@pytest.mark.parametrize("name", RULE_SETS)
def test_every_shipped_rule_names_edition_and_source(name: str) -> None:
    for rule, editions in SHIPPED.sets[name].items():
        for edition, text in editions.items():
            assert text.edition == edition, rule
            assert text.source, rule
