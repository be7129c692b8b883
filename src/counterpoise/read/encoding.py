"""Which encoding a text file has: marks first, then strict decoding, then a guess that is told."""

from counterpoise.errors import DataError, Problem

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_GUESSED = ("cp1252", "cp1251", "big5", "cp932", "euc_kr")
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\x0b\x0c\r")
_BINARY = (
    (b"PK\x03\x04", "an Excel workbook (or a zip archive)", ".xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", ".xls"),
    (b"$FL2", "an SPSS file", ".sav"),
    (b"$FL3", "a compressed SPSS file", ".zsav"),
    (b"<stata_dta>", "a Stata file", ".dta"),
    (b"\x1f\x8b", "a gzip archive", ""),
    (b"%PDF", "a PDF document", ""),
)


def decode(data: bytes, name: str, encoding: str | None = None) -> tuple[str, str, tuple[Problem, ...]]:
    """Return the text of a file, the encoding that it has, and a note where that is a guess.

    Tried in order: byte order marks, UTF-16 without a mark, UTF-8, GB18030 where the bytes look Chinese, and then
    what `charset-normalizer` holds likely. A file that is no text is a `DataError`.

    >>> decode("姓名,年龄".encode("gb18030"), "x.csv")[:2]
    ('姓名,年龄', 'gb18030')
    """
    _refuse_binary(data, name)
    if encoding is not None:
        return _declared(data, name, encoding), encoding, ()
    marked = next((codec for mark, codec in _MARKS if data.startswith(mark)), None) or _unmarked_utf16(data)
    if marked is None and b"\x00" in data:
        raise _no_text(name)
    certain = marked or "utf-8"
    text = _strict(data, certain)
    if text is None and marked is not None:
        raise DataError([Problem(name, f"it begins as {marked} text, and is not", "save it again as UTF-8")])
    if text is not None:
        return _plain(text, name), certain, ()
    guessed = "gb18030" if looks_chinese(data) else _likely(data)
    text = None if guessed is None else _strict(data, guessed)
    if guessed is None or text is None:
        raise DataError([Problem(name, "its encoding cannot be told", "save it again as UTF-8")])
    note = Problem(name, f"its encoding was taken to be {guessed}", "if names look wrong, save it as UTF-8")
    return _plain(text, name), guessed, (note,)


def looks_chinese(data: bytes) -> bool:
    """Say whether bytes are GB18030 text: most characters are common ideographs or full-width signs.

    The common ideographs of GB2312 have first bytes B0 to D7 and second bytes from A1; signs have A1 to A9. Text
    in Western or Cyrillic code pages decodes to rare ideographs, if at all.

    >>> looks_chinese("局部复发".encode("gb18030")), looks_chinese("Müller, résumé".encode("cp1252"))
    (True, False)
    """
    text = _strict(data, "gb18030")
    if text is None:
        return False
    encoded = [character.encode("gb18030") for character in text if ord(character) > 127]
    common = sum(
        len(pair) == 2 and pair[1] >= 0xA1 and (pair[0] <= 0xA9 or 0xB0 <= pair[0] <= 0xD7) for pair in encoded
    )
    return bool(encoded) and common >= 0.6 * len(encoded)


def _declared(data: bytes, name: str, encoding: str) -> str:
    try:
        return _plain(data.decode(encoding), name)
    except LookupError as error:
        raise DataError([Problem(name, f"there is no encoding `{encoding}`", "try utf-8 or gb18030")]) from error
    except UnicodeDecodeError as error:
        what = f"it is not {encoding} text (byte {error.start})"
        raise DataError([Problem(name, what, "leave the encoding out to have it found")]) from error


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _unmarked_utf16(data: bytes) -> str | None:
    """Recognise UTF-16 by its separators, one byte of which is zero, and always the same."""
    if len(data) % 2 or b"\x00" not in data:
        return None
    likely = "utf-16-be" if data[::2].count(0) > data[1::2].count(0) else "utf-16-le"
    text = _strict(data, likely)
    return likely if text and "\x00" not in text and any(end in text for end in "\n\r,;\t") else None


def _likely(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=list(_GUESSED)).best()
    return None if best is None else best.encoding


def _refuse_binary(data: bytes, name: str) -> None:
    for start, what, extension in _BINARY:
        if data.startswith(start):
            remedy = f"give it the ending {extension}" if extension else "a table is needed"
            raise DataError([Problem(name, f"it is {what}, not a text table", remedy)])


def _plain(text: str, name: str) -> str:
    """Return text that holds no more control characters than text does."""
    text = text.removesuffix("\x1a").removeprefix("\ufeff")
    control = sum(text.count(chr(code)) for code in _CONTROL)
    if "\x00" in text or control > 0.001 * len(text):
        raise _no_text(name)
    return text


def _no_text(name: str) -> DataError:
    return DataError([Problem(name, "it is not a text table", "it may be of another format than its name says")])
