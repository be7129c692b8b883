"""The head of the report: the answer in a paragraph, and what a careful reviewer would say of it."""

from collections.abc import Iterable

from counterpoise.design import Endpoint
from counterpoise.oncology.definition import phrase
from counterpoise.report import document
from counterpoise.report.content.matching import where_matched
from counterpoise.report.content.tables import CONFIDENCE, horizon, known
from counterpoise.report.document import Block, Heading, Paragraph
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study

COMPARISONS = {
    "unadjusted": "Unadjusted",
    "weighted": "Weighted by the propensity score",
    "matched": "In the matched patients",
}


def summary_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Give the question, the cohort and the main result."""
    yield Heading(1, "Summary", "summary")
    if study.plan.study.question:
        yield Paragraph((study.plan.study.question,), "lead")
    endpoint = study.design.endpoints[0]
    control, treated = study.design.treatment.labels
    median = "a median follow-up of {follow_up.reverse:number1} months"
    text = (
        f"{{flow.included:count}} patients were analysed, {{flow.treated:count}} in the arm “{treated}” and "
        f"{{flow.control:count}} in the arm “{control}”, over "
        f"{median if known(numbers, 'follow_up.reverse') else 'a median follow-up that was not reached'}; "
        f"{{{endpoint.name}.all.events:count}} events bear on {phrase(endpoint.label)}. "
    )
    yield Paragraph(numbers.parts(text + "".join(_results(study, numbers, endpoint))))


def _results(study: Study, numbers: Numbers, endpoint: Endpoint) -> Iterable[str]:
    """Yield a sentence for each comparison that was made."""
    for adjustment, words in COMPARISONS.items():
        if not study.analyses.was_compared(adjustment):
            continue
        if adjustment == "matched" and study.analyses.adjustments is not None:
            words = where_matched(study.analyses.adjustments.matching)
        place = f"{endpoint.name}.{adjustment}"
        treated, control = (
            f"{{{place}.{arm}.rate:percent}}" if known(numbers, f"{place}.{arm}.rate") else "not known"
            for arm in ("treated", "control")
        )
        beyond = " (observation ended before)" if "not known" in (treated, control) else ""
        rates = f"{treated} against {control}" if treated != control else treated
        yield (
            f"{words[:1].upper()}{words[1:]}, {horizon(study)} {phrase(endpoint.label)} was {rates}{beyond}; hazard "
            f"ratio {_hazard_ratio(numbers, f'{place}.hazard_ratio')}. "
        )


def _hazard_ratio(numbers: Numbers, key: str) -> str:
    if not known(numbers, key):
        return "not estimable"
    return f"{{{key}:ratio}} ({CONFIDENCE} {{{key}:ratio_interval}}, {{{key}:p_value_equation}})"


def findings_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Print the findings, gravest first."""
    yield Heading(1, "What a careful reviewer would say", "findings")
    yield document.Findings(
        tuple(
            document.Finding(
                item.name,
                item.severity,
                item.title,
                numbers.parts(item.text, f"findings.{item.name}."),
                numbers.text(item.advice, f"findings.{item.name}."),
            )
            for item in study.findings
        )
    )
