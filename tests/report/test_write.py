import os
import shutil
from pathlib import Path

import pytest

from counterpoise.errors import InputError
from counterpoise.report.write import require_replaceable, write_folder

REPORT = {"manifest.json": b"{}", "report.html": b"new", "figures/km.svg": b"<svg/>"}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_holds_exactly_the_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "deep" / "report", REPORT)
    assert _files(tmp_path) == {f"deep/report/{name}": content for name, content in REPORT.items()}


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    write_folder(tmp_path / "report", REPORT)
    assert _files(tmp_path / "report") == REPORT


def test_an_earlier_report_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "report"
    write_folder(target, {**REPORT, "figures/stale.svg": b"old", "report.docx": b"old"})
    write_folder(target, REPORT)
    assert _files(tmp_path) == {f"report/{name}": content for name, content in REPORT.items()}


def test_what_the_owner_added_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "report"
    write_folder(target, REPORT)
    (target / "my notes.txt").write_text("mine")
    (target / "letters").mkdir()
    (target / "letters" / "editor.txt").write_text("dear")
    write_folder(target, REPORT)
    assert _files(target) == {**REPORT, "my notes.txt": b"mine", "letters/editor.txt": b"dear"}


def test_a_folder_that_is_no_report_is_refused_and_untouched(tmp_path: Path) -> None:
    target = tmp_path / "thesis"
    target.mkdir()
    (target / "chapter.docx").write_bytes(b"years of work")
    with pytest.raises(InputError, match=r"must be new, empty or an earlier report; .* no manifest.json"):
        write_folder(target, REPORT)
    assert _files(tmp_path) == {"thesis/chapter.docx": b"years of work"}


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("x")
    with pytest.raises(InputError, match="must be a folder; it is a file"):
        write_folder(tmp_path / "report", REPORT)


def test_a_folder_within_a_file_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes.txt` is no folder"):
        require_replaceable(tmp_path / "notes.txt" / "report")


def test_a_folder_that_may_not_be_changed_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="may not be changed"):
        require_replaceable(tmp_path / "deep" / "report")


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", "", "c:\\x", "a\\b"])
def test_paths_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="path inside its folder"):
        write_folder(tmp_path / "report", {**REPORT, name: b""})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report"
    write_folder(target, {"manifest.json": b"old"})
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "km.svg":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"No space left on device. Nothing was changed"):
        write_folder(target, REPORT)
    assert _files(tmp_path) == {"report/manifest.json": b"old"}
    with pytest.raises(InputError, match="No space left"):
        write_folder(tmp_path / "other", REPORT)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), KeyboardInterrupt()])
def test_a_move_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    target = tmp_path / "report"
    write_folder(target, {"manifest.json": b"old"})
    rename = Path.rename

    def refuse(path: Path, to: Path) -> Path:
        if path.suffix == ".partial":
            raise error
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(InputError if isinstance(error, OSError) else KeyboardInterrupt):
        write_folder(target, REPORT)
    assert _files(tmp_path) == {"report/manifest.json": b"old"}


def test_a_link_to_a_report_stays_a_link(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", {"manifest.json": b"old"})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_folder(tmp_path / "link", REPORT)
    assert (tmp_path / "link").is_symlink()
    assert _files(tmp_path / "real") == REPORT


def test_nothing_is_left_beside_the_report(tmp_path: Path) -> None:
    for _ in range(3):
        write_folder(tmp_path / "report", REPORT)
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    shutil.rmtree(tmp_path / "report")
