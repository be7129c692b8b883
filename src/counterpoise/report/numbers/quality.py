"""The numbers of the checks of the records: what was run, what was found, what is still open."""

from collections.abc import Iterable

from counterpoise.report.numbers.registry import Number
from counterpoise.study import Study


def quality_numbers(study: Study) -> Iterable[Number]:
    """Yield the counts of checks and queries, in all and for each check that raised any."""
    if study.queries is None:
        return
    found = study.queries
    yield Number("quality.run", len(found.quality.run), "checks")
    yield Number("quality.not_run", len(found.quality.not_run), "checks")
    yield Number("quality.errors", sum(query.severity == "error" for query in found.quality.queries), "queries")
    yield Number("quality.queries", len(found.asked), "queries")
    yield Number("quality.open", len(found.open), "queries")
    yield Number("quality.patients", len({query.patient for query in found.quality.queries}), "patients")
    for check in dict.fromkeys(query.check for query in found.quality.queries):
        raised = found.quality.of_check(check)
        waiting = sum(query.check == check for query in found.open)
        yield Number(f"quality.{check}.raised", len(raised), "queries")
        yield Number(f"quality.{check}.open", waiting, "queries")
        yield Number(f"quality.{check}.closed", len(raised) - waiting, "queries")
        yield Number(f"quality.{check}.patients", len({query.patient for query in raised}), "patients")
