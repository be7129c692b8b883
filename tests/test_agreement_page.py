"""The page of agreement with R names values that exist, and quotes the code that made them."""

import json
import re
from pathlib import Path

from tests.golden.write_agreement import shorten

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "methods" / "agreement.md").read_text()
CALLS = {
    (key, shorten(entry["call"]))
    for file in (ROOT / "tests" / "golden" / "values").glob("*.json")
    for key, entry in json.loads(file.read_text()).items()
}
SECTIONS = """
Kaplan-Meier; Nelson-Aalen; Bands; Log-rank; Trend; MaxCombo; Cox regression; Exact ties; Firth; Ridge; Concordance;
Residuals; Baseline hazard; Predicted survival; Standardised survival; Proportional hazards; Cumulative incidence; Gray;
Fine-Gray; Cause-specific; Restricted mean; Pseudo-observations
"""


def test_every_call_is_that_of_its_key() -> None:
    quoted = re.findall(r"^- `(\w[^`]*)`: `(.*)`$", PAGE, re.MULTILINE)
    assert len(quoted) > 300
    for key, call in quoted:
        assert (key, call) in CALLS, key


def test_no_quantity_is_further_from_r_than_its_test_allows() -> None:
    rows = re.findall(r"^\| (.+) \| (\d+) \| (.+) \| ([\d.e+-]+) \| `(.+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) > 400
    loose = {quantity for quantity, _, _, difference, _ in rows if float(difference) > 1e-8}
    assert len(loose) <= 3, loose
    assert sum(int(count) for _, count, _, _, _ in rows) > 50_000


def test_each_method_has_its_section() -> None:
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    for name in SECTIONS.replace("\n", " ").split(";"):
        assert any(name.strip().lower() in title.lower() for title in titles), name
