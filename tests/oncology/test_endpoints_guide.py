"""The guide prints the matrix as the rule file holds it; run this file to print it anew."""

from pathlib import Path

from counterpoise.oncology.endpoints import ENDPOINT_RULES
from counterpoise.oncology.occurrences import OCCURRENCES

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "endpoints.md"
OPENS, CLOSES = "<!-- matrix -->\n", "<!-- end of matrix -->"
LETTERS = {"event": "E", "competing": "C", "censor": "S", "ignored": "–"}
HEADS = (
    *("local", "regional", "distant", "contralateral", "in situ, same", "in situ, other", "second primary"),
    *("death: breast", "other cancer", "not cancer", "treatment", "unknown"),
)


def printed() -> str:
    lines = [f"| rule | short | edition | {' | '.join(HEADS)} |", "|---" * (len(HEADS) + 3) + "|"]
    for name, rule in ENDPOINT_RULES.items():
        cells = [LETTERS[rule.matrix[key]] + ("*" if key in rule.unverified else "") for key in OCCURRENCES]
        lines.append(f"| `{name}` | {rule.short} | {rule.edition} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_the_guide_prints_the_matrix() -> None:
    assert GUIDE.read_text(encoding="utf-8").partition(OPENS)[2].partition(CLOSES)[0] == printed()


if __name__ == "__main__":
    before, _, rest = GUIDE.read_text(encoding="utf-8").partition(OPENS)
    GUIDE.write_text(f"{before}{OPENS}{printed()}{CLOSES}{rest.partition(CLOSES)[2]}", encoding="utf-8")
