"""Writing a report folder, all of it or none of it."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from counterpoise.errors import InputError

MANIFEST = "manifest.json"
_REPORT_NAMES = frozenset(
    {MANIFEST, "results.json", "report.html", "report.docx", "report.pdf", "tables.xlsx", "figures"}
)


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` (path inside the folder -> contents) as the folder `target`, or leave all as it was.

    The files are written to a hidden folder beside `target`, which is then renamed: a reader sees the old
    report or the new one, never a mixture. An existing folder is replaced only if it is empty or holds a
    report (a manifest.json); whatever else its owner has put at its top level is carried over, and nothing else
    of the old report remains. Raises `InputError` if `target` is something else, or if the disk refuses.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "report"
    >>> write_folder(folder, {"manifest.json": b"{}", "figures/flow.svg": b"<svg/>"})
    >>> sorted(path.name for path in folder.rglob("*.*"))
    ['flow.svg', 'manifest.json']
    """
    _require_paths(files)
    target = Path(target).resolve()
    require_replaceable(target)
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_all(fresh, files)
        _carry_over(target, fresh, files)
        _swap(fresh, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"Can't write the report to `{target}`: {reason}. Nothing was changed; close its files if they "
            "are open, and check that the folder may be written and the disk has room."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _require_paths(files: Mapping[str, bytes]) -> None:
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or ":" in name:
            raise InputError(f"A file of a report must have a path inside its folder; {name!r} has not.")


def require_replaceable(target: Path) -> None:
    """Raise `InputError` unless a report may be written to `target`: new, empty, or an earlier report.

    >>> import tempfile
    >>> require_replaceable(Path(tempfile.mkdtemp()))
    """
    above = next((folder for folder in target.parents if folder.exists()), target)
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"`{target}` can't be written: `{above}` is no folder, or may not be changed. Choose another.")
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"`{target}` must be a folder; it is a file. Choose another name.")
    if any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise InputError(
            f"`{target}` must be new, empty or an earlier report; it holds other files and no {MANIFEST}. "
            "Choose another folder, so that nothing of yours is overwritten."
        )


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _carry_over(old: Path, fresh: Path, files: Mapping[str, bytes]) -> None:
    """Copy what the owner has added to the old report's folder."""
    if not old.is_dir():
        return
    written = _REPORT_NAMES | {PurePosixPath(name).parts[0] for name in files}
    for entry in old.iterdir():
        if entry.name in written:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, fresh / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, fresh / entry.name, follow_symlinks=False)


def _swap(fresh: Path, target: Path) -> None:
    """Put `fresh` where `target` is; if that fails, put `target` back."""
    if not target.exists():
        fresh.rename(target)
        return
    aside = fresh.with_suffix(".replaced")
    target.rename(aside)
    try:
        fresh.rename(target)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
