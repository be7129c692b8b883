"""The sheet of the workbook that goes patient by patient."""

from counterpoise.cohort import ledger
from counterpoise.report.xlsx import Records
from counterpoise.study import Study


def ledger_records(study: Study) -> Records:
    """Return the ledger of times and events: every included patient and endpoint, in the order of identifiers."""
    entries = sorted(ledger(study.design.ids, study.endpoints), key=lambda entry: entry.patient)
    return Records(
        "Ledger",
        "What the time and the event of each patient are made of; curves and hazard ratios censor competing events",
        ("patient", "endpoint", "days", "months", "entered on day", "outcome", "ended by", "in words"),
        tuple((e.patient, e.endpoint, e.days, e.months, e.entered, e.outcome, e.ended, e.words) for e in entries),
    )
