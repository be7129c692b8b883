"""The order of the rows in the spreadsheet changes nothing: `results.json` is the same to the byte."""

import json
import random
from importlib.resources import files
from pathlib import Path

import pytest

from counterpoise.plan import load_plan
from counterpoise.report import collect_numbers
from counterpoise.study import run

EXAMPLE = Path(str(files("counterpoise"))) / "examples" / "imn"


def results(folder: Path) -> str:
    return json.dumps([entry.as_json() for entry in collect_numbers(run(folder / "study.toml")).values()])


def copy_study(folder: Path, seed: int | None) -> Path:
    folder.mkdir()
    header, *rows = (EXAMPLE / "imn_screened.csv").read_text().splitlines()
    if seed is not None:
        random.Random(seed).shuffle(rows)
    (folder / "imn_screened.csv").write_text("\n".join([header, *rows]) + "\n")
    plan = (EXAMPLE / "study.toml").read_text().replace("replicates = 1000", "replicates = 50")
    (folder / "study.toml").write_text(plan)
    (folder / "published.toml").write_text((EXAMPLE / "published.toml").read_text())
    return folder


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shuffled_rows_give_the_same_results_byte_for_byte(tmp_path: Path, seed: int) -> None:
    in_order = results(copy_study(tmp_path / "in_order", None))
    shuffled = results(copy_study(tmp_path / "shuffled", seed))
    assert in_order == shuffled


def test_another_seed_changes_the_bootstrap_only(tmp_path: Path) -> None:
    folder = copy_study(tmp_path / "study", None)
    first = {entry["id"]: entry for entry in json.loads(results(folder))}
    text = (folder / "study.toml").read_text().replace("seed = 20250531", "seed = 7")
    (folder / "study.toml").write_text(text)
    second = {entry["id"]: entry for entry in json.loads(results(folder))}
    changed = {key for key in first if first[key] != second[key]}
    assert changed
    assert all("bootstrap" in key or "percentile" in key for key in changed)
    assert load_plan(folder / "study.toml").bootstrap.seed == 7
