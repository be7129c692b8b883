"""One cell of text becomes one value, or says why it cannot."""

import datetime as dt
import math
import re
from collections.abc import Mapping

from counterpoise.read.codebook import DateOrder
from counterpoise.read.names import nearest_of

MISSING_WORDS = frozenset({"na", "n/a", ".", "null"})
"""What stands for missing beside the empty cell, in any case, wherever a column is not plain text."""

_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
_POINT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?(?:[0-9]+,[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:([,.'  \u202f])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?")
_TIME = r"(?P<time>[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([-/.])([0-9]{{1,2}})\2([0-9]{{1,2}}){_TIME}")
_COMPACT = re.compile(rf"([0-9]{{4}})()([0-9]{{2}})([0-9]{{2}}){_TIME}")
_CHINESE = re.compile(r"([0-9]{4})(年)([0-9]{1,2})月([0-9]{1,2})日")
_YEAR_LAST = re.compile(rf"([0-9]{{1,2}})([-/. ])([0-9]{{1,2}})\2([0-9]{{4}}){_TIME}")
_SERIAL = re.compile(r"[0-9]{1,6}(?:\.[0-9]+)?")
_FLAGS = {"0": 0, "1": 1, "no": 0, "yes": 1, "n": 0, "y": 1, "false": 0, "true": 1, "f": 0, "t": 1}
_INT64 = range(-(2**63), 2**63)
_YEARS = range(1800, 2200)
_EXCEL_EPOCH = dt.date(1899, 12, 30)
_EXCEL_LEAP_BUG = 60


class CellError(ValueError):
    """A cell that cannot be read: `what` is wrong with it, and the `remedy`."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(what)


def integer(text: str) -> int:
    """Return a whole number; 3.0 is one, 3.5 is not.

    >>> integer("-12"), integer("3.0")
    (-12, 3)
    """
    match = _WHOLE.fullmatch(text)
    if match is None:
        if _POINT.fullmatch(text):
            raise CellError(f"`{text}` is not a whole number", 'declare the kind "number" if it may be broken')
        raise CellError(f"`{text}` is not a whole number", _number_remedy(text))
    value = int(match.group(1))
    if value not in _INT64:
        raise CellError(f"`{text}` is too large", 'declare the kind "id" if it is a name')
    return value


def number(text: str, decimal: str = ".") -> float:
    """Return a finite number written with the decimal sign `decimal`; separators of thousands are refused.

    >>> number("1.5"), number("1,5", ","), number("2e-3")
    (1.5, 1.5, 0.002)
    """
    plain = text.replace(",", ".") if decimal == "," and _COMMA.fullmatch(text) else text
    if not _POINT.fullmatch(plain):
        raise CellError(f"`{text}` is not a number", _number_remedy(text, decimal))
    if decimal == "," and "." in text:
        raise CellError(f"`{text}` has a decimal point in a column of decimal commas", "write all in one way")
    value = float(plain)
    if not math.isfinite(value):
        raise CellError(f"`{text}` is too large")
    return value


def has_decimal_comma(text: str) -> bool:
    """Say whether `text` is a number if its comma is a decimal sign.

    >>> has_decimal_comma("50,4"), has_decimal_comma("50.4")
    (True, False)
    """
    return _COMMA.fullmatch(text) is not None


def _number_remedy(text: str, decimal: str = ".") -> str:
    if text.strip("+-").casefold() in ("nan", "inf", "infinity", "none"):
        return f'leave the cell empty if it is not known, or declare missing = ["{text}"]'
    if _THOUSANDS.fullmatch(text) and text.count(",") + text.count(".") != 1:
        return "write it without separators of thousands"
    if _COMMA.fullmatch(text) and decimal == ".":
        if _THOUSANDS.fullmatch(text):
            return "write it without separators of thousands, or declare decimal_comma = true"
        return "write a decimal point, or declare decimal_comma = true"
    if text.endswith("%") or re.fullmatch(r"[<>≤≥~]=?.*", text):
        return "write the number alone"
    return ""


def flag(text: str) -> int:
    """Return 0 or 1 for no, yes, false, true (or their first letters) in any case, or the digits.

    >>> flag("Yes"), flag("0"), flag("1.0")
    (1, 0, 1)
    """
    word = text.casefold()
    value = _FLAGS.get(word[:1] if word in ("0.0", "1.0") else word)
    if value is None:
        raise CellError(f"`{text}` is not 0 or 1", 'a column of other codes is of the kind "category"')
    return value


def category(text: str, levels: Mapping[str, str]) -> str:
    """Return the code among `levels` that `text` is; the number 3.0 is the code 3. Without levels any text is one.

    >>> category("3.0", {"3": "Grade 3"})
    '3'
    """
    if not levels or text in levels:
        return text
    whole = _WHOLE.fullmatch(text)
    if whole and whole.group(1) in levels:
        return whole.group(1)
    meant = next((code for code, label in levels.items() if label == text), None)
    near = meant or nearest_of(text, levels)
    remedy = f"did you mean `{near}`?" if near else f"the codes are {', '.join(levels)}"
    raise CellError(f"`{text}` is not among the levels", remedy)


def date(text: str, order: DateOrder = "iso") -> dt.date:
    """Return the day that `text` writes; a time of day after it is dropped.

    Year first is read whatever the order: it is never ambiguous. With `excel`, digits alone are a day number of the
    1900 calendar, in which 60 is a day that never was. Years must have four digits, between 1800 and 2199.

    >>> date("2020-1-31"), date("31/01/2020", "dmy"), date("43861", "excel")
    (datetime.date(2020, 1, 31), datetime.date(2020, 1, 31), datetime.date(2020, 1, 31))
    """
    if order == "excel" and _SERIAL.fullmatch(text):
        return _from_serial(text)
    match = _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text) or _CHINESE.fullmatch(text)
    if match is not None:
        return _day(text, match[1], match[3], match[4])
    match = _YEAR_LAST.fullmatch(text) if order in ("dmy", "mdy") else None
    if match is None:
        raise CellError(f"`{text}` is not a date", _date_remedy(text, order))
    return _day(text, match[4], *((match[3], match[1]) if order == "dmy" else (match[1], match[3])))


def has_time(text: str) -> bool:
    """Say whether a date carries a time of day other than midnight.

    >>> has_time("2020-01-31 12:30"), has_time("2020-01-31 00:00:00")
    (True, False)
    """
    match = _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text) or _YEAR_LAST.fullmatch(text)
    return match is not None and bool((match["time"] or "").strip("T :.0"))


def _day(text: str, year: str, month: str, day: str) -> dt.date:
    if int(year) not in _YEARS:
        raise CellError(f"`{text}` has the year {year}", "a year lies between 1800 and 2199")
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        remedy = "day and month may be swapped" if int(month) > 12 and int(day) <= 12 else ""
        raise CellError(f"`{text}` is no day of the calendar", remedy) from None


def _from_serial(text: str) -> dt.date:
    days = int(float(text))
    if days == _EXCEL_LEAP_BUG or not 1 <= days <= (dt.date(2199, 12, 31) - _EXCEL_EPOCH).days:
        raise CellError(f"`{text}` is not a day number of Excel")
    return _EXCEL_EPOCH + dt.timedelta(days=days + (days < _EXCEL_LEAP_BUG))


def _date_remedy(text: str, order: DateOrder) -> str:
    last = _YEAR_LAST.fullmatch(text)
    if last is not None:
        order = "dmy" if int(last[1]) > 12 else "mdy"
        sure = int(last[1]) > 12 or int(last[3]) > 12
        return f'declare date_order = "{order}"' if sure else 'declare date_order = "dmy" or "mdy"'
    if re.fullmatch(r"[0-9]{4}(?:[-/.][0-9]{1,2})?", text):
        return "it lacks the day" if len(text) > 4 else "it lacks month and day"
    if re.fullmatch(r"[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ][0-9]{2}", text):
        return "write the year with four digits"
    if re.fullmatch(r"[0-9]{5}(?:\.[0-9]+)?", text):
        return 'declare date_order = "excel" if it is a day number of Excel'
    return "write it as 2020-01-31" if order in ("iso", "excel") else f"write it in the order {order}"
