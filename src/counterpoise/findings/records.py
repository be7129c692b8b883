"""Queries about the records of included patients that nobody has answered."""

from collections.abc import Collection, Iterable

from counterpoise.findings.finding import Finding
from counterpoise.oncology.answers import QueryList


def open_queries(found: QueryList, included: Collection[str]) -> Iterable[Finding]:
    """Open errors and queries about included patients bear on every number; errors are contradictions."""
    concerned = [query for query in found.open if query.patient in included]
    if not concerned:
        return
    errors = sum(query.severity == "error" for query in concerned)
    yield Finding(
        name="open_queries",
        severity="serious" if errors else "note",
        title="Records of included patients wait for an answer",
        text="{queries:count} open queries concern {patients:count} included patients; {errors:count} of them are "
        "contradictions that no record can hold in truth.",
        advice="Work through the list of queries (queries.xlsx beside this report), mend the table, and name the "
        "answered list in the plan.",
        values={
            "queries": float(len(concerned)),
            "patients": float(len({query.patient for query in concerned})),
            "errors": float(errors),
        },
        importance=3,
    )
