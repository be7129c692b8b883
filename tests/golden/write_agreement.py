"""Write the page of agreement with R from the comparisons of a test run: `make agreement`."""

import json
import math
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = """# Agreement with R

Each quantity is held against R's own value by a test. This page is written by `make agreement` from the comparisons
that the tests make; the values of R, with the code that made them, are in `tests/golden`. A difference is relative to
R's value or, for values that are sums of cancelling terms (residuals, covariances), to the largest of R's values; it is
rounded up. "0" is equality to the last digit. Where a tolerance is looser than 1e-10 (closed forms) or 1e-8 (iterated
fits), the test says why beside it.
"""


@dataclass
class Row:
    """All comparisons of one quantity."""

    count: int = 0
    difference: float = 0.0
    worst: str = ""


def main(folder: Path, page: Path) -> None:
    """Read the lines that the tests left in `folder`, and write `page`."""
    lines = [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    if not lines:
        raise SystemExit(f"{folder} holds no comparison; run the tests with COUNTERPOISE_AGREEMENT set to it.")
    page.write_text(render(lines))


def render(lines: Iterable[dict[str, Any]]) -> str:
    """Return the page: a section for each method, in it a row for each quantity and the calls of R."""
    rows: dict[str, dict[str, Row]] = defaultdict(lambda: defaultdict(Row))
    calls: dict[str, dict[str, str]] = defaultdict(dict)
    data: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in lines:
        section, _, quantity = line["quantity"].partition(": ")
        row = rows[section][quantity]
        row.count += line["count"]
        if line["difference"] >= row.difference:
            row.difference, row.worst = line["difference"], line["key"]
        data[section, quantity].add(data_set(line["dataset"]))
        calls[section][line["key"]] = shorten(line["call"])
    parts = [HEAD]
    for section in sorted(rows):
        parts.append(
            f"\n## {section}\n\n| quantity | values | data sets | largest difference | where |\n|---|--:|---|--:|---|\n"
        )
        for quantity, row in sorted(rows[section].items()):
            names = ", ".join(sorted(data[section, quantity]))
            parts.append(f"| {quantity} | {row.count} | {names} | {rounded_up(row.difference)} | `{row.worst}` |\n")
        parts.append("\nR calls:\n\n")
        parts += [f"- `{key}`: `{call}`\n" for key, call in sorted(calls[section].items())]
    return "".join(parts)


def data_set(described: str) -> str:
    """Return the name of a data set from the description in a file of values.

    >>> data_set("survival::lung, sex"), data_set("rotterdam_d + cw"), data_set("../data/Melanoma.csv")
    ('lung', 'rotterdam', 'Melanoma')
    """
    name = re.sub(r"^.*::|^.*/", "", described.split(",")[0].split(" ")[0])
    name = re.sub(r"(_d|_np|_trt4|_coxphf|\.csv)$", "", name.strip("();:"))
    return "rotterdam" if name == "rott" else name


def shorten(call: str, width: int = 150) -> str:
    """Return the source of a call in one line."""
    line = re.sub(r"\s+", " ", call).replace("`", "").replace("|", "\\|")
    return line if len(line) <= width else line[: width - 4] + " ..."


def rounded_up(difference: float) -> str:
    """Return a difference with one digit, rounded up.

    >>> rounded_up(2.13e-14), rounded_up(9.7e-9), rounded_up(0.0)
    ('3e-14', '1e-08', '0')
    """
    if difference == 0:
        return "0"
    power = 10.0 ** math.floor(math.log10(difference))
    return f"{math.ceil(difference / power - 1e-9) * power:.0e}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
