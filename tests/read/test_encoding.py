import pytest

from counterpoise.errors import DataError
from counterpoise.read.encoding import decode

CHINESE = "患者编号,姓名,局部复发\n1,张三,否\n2,李四,是\n"
GERMAN = "id,name,town\n1,Müller,Köln\n2,Groß,Zürich\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"])
@pytest.mark.parametrize("text", [CHINESE, "id,age\n1,2\n"])
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "t.csv")[0] == text


def test_a_mark_written_for_utf16_big_endian_is_obeyed() -> None:
    assert decode(b"\xfe\xff" + CHINESE.encode("utf-16-be"), "t.csv")[0] == CHINESE


def test_rare_ideographs_and_four_byte_characters_are_read() -> None:
    text = CHINESE + "3,镕㐂𠀀,是\n"
    assert decode(text.encode("gb18030"), "t.csv")[:2] == (text, "gb18030")


@pytest.mark.parametrize(("text", "encoding"), [(GERMAN, "cp1252"), ("имя,город\nИван,Москва\n" * 3, "cp1251")])
def test_western_and_cyrillic_pages_are_not_taken_for_chinese(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "t.csv")[:2] == (text, encoding)


def test_a_guess_is_noted_and_certainty_is_not() -> None:
    (note,) = decode(CHINESE.encode("gb18030"), "t.csv")[2]
    assert str(note) == "t.csv: its encoding was taken to be gb18030; if names look wrong, save it as UTF-8"
    assert decode(CHINESE.encode(), "t.csv")[2] == ()


def test_a_declared_encoding_is_used() -> None:
    assert decode(GERMAN.encode("cp1250"), "t.csv", "cp1250") == (GERMAN, "cp1250", ())
    with pytest.raises(DataError, match="it is not ascii text"):
        decode(CHINESE.encode(), "t.csv", "ascii")
    with pytest.raises(DataError, match="there is no encoding `utf8000`"):
        decode(b"a", "t.csv", "utf8000")


def test_an_old_end_of_file_mark_is_dropped() -> None:
    assert decode(b"id\n1\n\x1a", "t.csv")[0] == "id\n1\n"
