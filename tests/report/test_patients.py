import io

from openpyxl import load_workbook

from counterpoise.report.patients import ledger_records
from counterpoise.report.xlsx import render_xlsx
from counterpoise.study import Study
from tests.report import sample


def test_every_included_patient_has_an_entry_for_every_endpoint(bundled: Study) -> None:
    records = ledger_records(bundled)
    pairs = [row[:2] for row in records.rows]
    shorts = [endpoint.short for endpoint in bundled.endpoints]
    assert pairs == [(patient, short) for patient in sorted(bundled.design.ids) for short in shorts]
    events = {short: sum(row[1] == short and row[5] == "event" for row in records.rows) for short in shorts}
    assert events == {endpoint.short: int(endpoint.event.sum()) for endpoint in bundled.endpoints}


def test_the_ledger_is_a_sheet_of_the_workbook(bundled: Study) -> None:
    records = ledger_records(bundled)
    book = load_workbook(io.BytesIO(render_xlsx(sample.document(), sample.results(), [records])))
    assert book.sheetnames[-2:] == ["Ledger", "All numbers"]
    cells = [[cell.value for cell in row] for row in book["Ledger"].iter_rows()]
    assert list(records.columns) in cells
    first = cells[cells.index(list(records.columns)) + 1]
    assert first[-1] == (
        "SYN0001, OS: from diagnosis 17 May 2014 to death from breast cancer 10 March 2023, 3,219 days (105.8 months), "
        "event. Distant metastasis on 16 September 2017 came before and does not count."
    )
