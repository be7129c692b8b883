"""Answers to queries, read back from the list that a study nurse has worked through."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from counterpoise.errors import DataError, Problem
from counterpoise.oncology.quality import Quality
from counterpoise.oncology.quality_check import Query, query_id
from counterpoise.read.codebook import Options
from counterpoise.read.files import read_raw
from counterpoise.read.names import nearest
from counterpoise.read.table import FILE_ROW

Status = Literal["open", "resolved", "confirmed"]
STATUSES: tuple[Status, ...] = get_args(Status)
SHEET = "Queries"
COLUMNS = {
    "id": "Query",
    "patient": "Patient",
    "row": "Row",
    "severity": "Severity",
    "check": "Check",
    "what": "What was found",
    "shown": "Values in the file",
    "ask": "Question",
    "meanwhile": "Until answered",
    "status": "Status",
    "reason": "Reason",
    "by": "Answered by",
    "day": "Date",
}
"""The columns of the list of queries: the name of the field, and the heading."""
_NEEDED = ("id", "patient", "shown", "status", "reason")


class QualityOptions(Options):
    """What is known of the queries: `answers` is the list that was worked through, `as_of` the day of the table."""

    answers: str | None = Field(default=None, description="The list of queries with its answers, an Excel file.")
    as_of: date | None = Field(default=None, description="The day on which the table was made; later is the future.")


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of an answered list; every field as text, and `at` its row there."""

    at: int
    id: str
    patient: str
    shown: str
    status: Status
    reason: str
    by: str
    day: str
    texts: Mapping[str, str]

    @property
    def is_closed(self) -> bool:
        """Whether the answer has a status and a reason."""
        return self.status != "open" and bool(self.reason)


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """An answered list: its name, its rows, and a sentence for each row that cannot be understood."""

    name: str
    answers: tuple[Answer, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with what has been answered so far; `resolved` and `confirmed` have a reason, and are closed."""

    query: Query
    status: Status = "open"
    reason: str = ""
    by: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True)
class QueryList:
    """Every query with its answer.

    `past` are closed answers to queries that are no longer raised, because the entry was mended. `remarks` say which
    answers could not be used, and why.
    """

    quality: Quality
    asked: tuple[Asked, ...]
    past: tuple[Answer, ...] = ()
    remarks: tuple[Problem, ...] = ()

    @property
    def open(self) -> tuple[Query, ...]:
        """The queries that wait for an answer."""
        return tuple(item.query for item in self.asked if item.status == "open")


def read_answers(path: Path) -> AnswerFile:
    """Return the rows of an answered list, and a sentence for each that cannot be understood.

    Raises `DataError` where the file is not there or is no list of queries.
    """
    try:
        raw = read_raw(path, sheet=SHEET if path.suffix.lower() in (".xlsx", ".xlsm", ".xls") else None)
    except DataError as error:
        if any("has a header and no rows" in problem.what for problem in error.problems):
            return AnswerFile(path.name, ())
        raise
    absent = [COLUMNS[name] for name in _NEEDED if COLUMNS[name] not in raw.names]
    if absent:
        what = f"it has no column `{absent[0]}`, so it is no list of queries"
        raise DataError([Problem(path.name, what, "write one with `counterpoise queries`")])
    answers: list[Answer] = []
    problems: list[Problem] = []
    for cells in raw.frame.iter_rows(named=True):
        texts = {name: str(cells.get(heading, "")).strip() for name, heading in COLUMNS.items()}
        where = f"{path.name}, row {cells[FILE_ROW]}"
        status: Status | None = next((word for word in STATUSES if word == texts["status"].casefold()), None)
        if status is None and texts["status"]:
            what = f"`{texts['status']}` is no status, and the query stays open"
            remedy = nearest(texts["status"].casefold(), list(STATUSES)) or f"write {', '.join(STATUSES)}"
            problems.append(Problem(where, what, remedy))
        answers.append(_answer(int(cells[FILE_ROW]), texts, status or "open"))
    return AnswerFile(path.name, tuple(answers), tuple(problems))


def answered(quality: Quality, files: Sequence[AnswerFile] = ()) -> QueryList:
    """Return the queries with their answers; an answer that cannot be used leaves its query open, and is told.

    An answer closes a query if it has a status and a reason. It belongs to the query of the same check, patient and
    values: where a value has changed since, the query is another one. A query that is no longer raised was mended.
    Where several files answer a query, the first that closes it is used.
    """
    remarks = [problem for file in files for problem in file.problems]
    used: dict[str, tuple[str, Answer]] = {}
    for file in files:
        remarks += _take(file, used)
    asked: list[Asked] = []
    for query in quality.queries:
        where, answer = used.pop(query.id, ("", None))
        item = _asked(query, answer)
        if answer and answer.status != item.status:
            what = f"query {query.id} of patient {query.patient} is {answer.status} without a reason, and stays open"
            remarks.append(Problem(where, what, "give the reason"))
        asked.append(item)
    closed = {where: answer for where, answer in used.values() if answer.is_closed}
    remarks += _changed(closed, quality.queries)
    return QueryList(quality, tuple(asked), tuple(closed.values()), tuple(remarks))


def _take(file: AnswerFile, used: dict[str, tuple[str, Answer]]) -> list[Problem]:
    """Add the answers of a file to those known, and return what is wrong with it."""
    remarks: list[Problem] = []
    seen: dict[str, int] = {}
    for answer in file.answers:
        where = f"{file.name}, row {answer.at}"
        if query_id(_check_of(answer.id), answer.patient, answer.shown) != answer.id:
            what = f"`{answer.id}` is no query about these values of patient {answer.patient or 'nobody'}"
            remedy = "leave the columns before the status as they are, or write the list again"
            remarks.append(Problem(where, what, remedy))
        elif answer.id in seen:
            what = f"query {answer.id} was answered in row {seen[answer.id]} already, and that answer is used"
            remarks.append(Problem(where, what))
        else:
            seen[answer.id] = answer.at
            if answer.id not in used or not used[answer.id][1].is_closed:
                used[answer.id] = (where, answer)
    return remarks


def _answer(at: int, texts: Mapping[str, str], status: Status) -> Answer:
    return Answer(
        at=at,
        id=texts["id"],
        patient=texts["patient"],
        shown=texts["shown"],
        status=status,
        reason=texts["reason"],
        by=texts["by"],
        day=texts["day"],
        texts=texts,
    )


def _asked(query: Query, answer: Answer | None) -> Asked:
    if answer is None:
        return Asked(query)
    return Asked(query, answer.status if answer.reason else "open", answer.reason, answer.by, answer.day)


def _changed(closed: Mapping[str, Answer], queries: Iterable[Query]) -> list[Problem]:
    """Tell answers to a query that is still raised, with other values."""
    present = {(query.check, query.patient, query.columns): query for query in queries}
    remarks: list[Problem] = []
    for where, answer in closed.items():
        columns = tuple(part.partition(" = ")[0] for part in answer.shown.split("; "))
        query = present.get((_check_of(answer.id), answer.patient, columns))
        if query:
            what = (
                f"the values of query {answer.id} of patient {answer.patient} have changed since it was answered "
                f"({answer.shown}; now {query.shown}), and query {query.id} is open"
            )
            remarks.append(Problem(where, what, "answer it anew"))
    return remarks


def _check_of(identifier: str) -> str:
    return identifier.rpartition("-")[0]
