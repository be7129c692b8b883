"""The head of the report: the answer in a paragraph, and what a careful reviewer would say of it."""

from collections.abc import Iterable

from counterpoise.report import document
from counterpoise.report.content.tables import CONFIDENCE, horizon
from counterpoise.report.document import Block, Heading, Paragraph
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study


def summary_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Give the question, the cohort and the main result."""
    yield Heading(1, "Summary", "summary")
    if study.plan.study.question:
        yield Paragraph((study.plan.study.question,), "lead")
    endpoint = study.design.endpoints[0]
    control, treated = study.design.treatment.labels
    text = (
        f"{{flow.included:count}} patients were analysed, {{flow.treated:count}} in the arm “{treated}” and "
        f"{{flow.control:count}} in the arm “{control}”, over a median follow-up of {{follow_up.reverse:median}} "
        f"months; {{{endpoint.name}.all.events:count}} events bear on {endpoint.label.lower()}. "
    )
    text += _result(study, endpoint.name, "unadjusted", "Unadjusted")
    if study.analyses.adjustments:
        text += _result(study, endpoint.name, "weighted", "Weighted by the propensity score")
        text += _result(study, endpoint.name, "matched", "In matched pairs")
    yield Paragraph(numbers.parts(text))


def _result(study: Study, endpoint: str, adjustment: str, words: str) -> str:
    place = f"{endpoint}.{adjustment}"
    return (
        f"{words}, {horizon(study)} {study.design.endpoints[0].label.lower()} was {{{place}.treated.rate:percent}} "
        f"against {{{place}.control.rate:percent}} (hazard ratio {{{place}.hazard_ratio:ratio}}, {CONFIDENCE} "
        f"{{{place}.hazard_ratio:ratio_interval}}, {{{place}.hazard_ratio:p_value_equation}}). "
    )


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
