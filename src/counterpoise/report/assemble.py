"""The whole report as a neutral document, section by section."""

from collections.abc import Callable, Iterable

from counterpoise.report.content.adjusted import adjusted_section
from counterpoise.report.content.alternatives import alternatives_section
from counterpoise.report.content.balance import balance_section
from counterpoise.report.content.cohort import events_section, patients_section
from counterpoise.report.content.curves import curves_section
from counterpoise.report.content.front import findings_section, summary_section
from counterpoise.report.content.group_weighting import weighted_groups_section
from counterpoise.report.content.hazards import cox_section
from counterpoise.report.content.matching_groups import matched_groups_section
from counterpoise.report.content.methods import methods_section
from counterpoise.report.content.published import published_section
from counterpoise.report.content.quality import quality_section
from counterpoise.report.content.redefined import redefined_section
from counterpoise.report.content.subgroups import subgroups_section
from counterpoise.report.content.time_zero import time_zero_section
from counterpoise.report.content.toxicity import toxicity_section
from counterpoise.report.document import Block, Document
from counterpoise.report.numbers import Numbers
from counterpoise.report.provenance import versions
from counterpoise.study import Study

Section = Callable[[Study, Numbers], Iterable[Block]]

SECTIONS: tuple[Section, ...] = (
    summary_section,
    findings_section,
    patients_section,
    quality_section,
    events_section,
    curves_section,
    cox_section,
    balance_section,
    adjusted_section,
    alternatives_section,
    time_zero_section,
    matched_groups_section,
    weighted_groups_section,
    redefined_section,
    subgroups_section,
    toxicity_section,
    published_section,
    methods_section,
)


def assemble(study: Study, numbers: Numbers) -> Document:
    """Build the document of a study; every number in it is printed from `numbers`."""
    return Document(
        title=study.plan.study.title,
        subtitle=study.plan.study.setting,
        blocks=tuple(block for section in SECTIONS for block in section(study, numbers)),
        banner=study.plan.study.banner,
        meta={
            "Data": study.screened.source.name,
            "Checksum of the data": study.screened.source.sha256,
            "Made with": f"Counterpoise {versions()['counterpoise']}",
        },
    )
