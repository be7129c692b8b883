"""Records become tables, figures and sentences, and those become HTML, Word, PDF and Excel."""

from counterpoise.report.assemble import assemble
from counterpoise.report.build import (
    FORMATS,
    characters_without_font,
    findings_as_text,
    report_files,
    write_report,
)
from counterpoise.report.numbers import Number, Numbers, collect_numbers

__all__ = [
    "FORMATS",
    "Number",
    "Numbers",
    "assemble",
    "characters_without_font",
    "collect_numbers",
    "findings_as_text",
    "report_files",
    "write_report",
]
