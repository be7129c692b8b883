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
# What R itself has to fewer digits; the reason stands beside each test.
LOOSE = {
    "printed table": 1e-4,  # km.ci prints five digits
    "statistic": 1e-7,  # cox.zph of a fit that stops early
    "total distance": 1e-7,  # MatchIt's score is a glm with its default stop
    "robust covariance": 1e-6,  # the package sandwich takes glm's last but one step for its bread
    "ATM": 1e-7,  # WeightIt's glm
    "truncated": 1e-7,  # WeightIt's glm
    "over-identified, ATE": 1e-6,  # R's optimize
    "over-identified, ATT": 1e-6,
    "over-identified, ATC": 1e-6,
    "over-identified, probability": 1e-3,  # CBPS: a BFGS that stops where its criterion is above ours
    "weights, of WeightIt": 1e-6,  # BFGS
    "coefficients of nnet": 1e-4,  # BFGS; the same fit by Newton's method in R agrees to 1e-12
    "standard error of nnet": 1e-6,
    "first weights": 1e-5,  # WeightIt on nnet
    "last weights": 1e-5,
    "largest weight": 1e-6,
    "effective sizes": 1e-6,
    "sum": 1e-6,
    "sum of squares": 1e-6,
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
    assert loose <= set(LOOSE), loose - set(LOOSE)
    beyond = [q for q, _, _, difference, _ in rows if q in LOOSE and float(difference) > LOOSE[q]]
    assert beyond == []
    assert sum(int(count) for _, count, _, _, _ in rows) > 50_000


def test_each_method_has_its_section() -> None:
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    for name in SECTIONS.replace("\n", " ").split(";"):
        assert any(name.strip().lower() in title.lower() for title in titles), name
