"""Drawing in more than one process.

A worker is a fresh interpreter that is told what to do through its standard input: it needs no `__main__` guard
in the program that calls, and no fork of a process whose libraries run threads.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import cast

from counterpoise.report.figures.records import FigureRecord
from counterpoise.report.figures.write import Format, figure_files

Task = tuple[str, FigureRecord]
Files = dict[str, bytes]

# The statistics that `counterpoise.report` imports take longer to load than the figures take to draw, and a
# worker only draws: it gets an empty package of that name, in which to find this one.
_WORKER = """
import pickle, sys, types
sys.path[:], folder = pickle.load(sys.stdin.buffer)
report = sys.modules["counterpoise.report"] = types.ModuleType("counterpoise.report")
report.__path__ = [folder]
from counterpoise.report.figures.workers import serve
serve()
"""
_READY = "ready"


def serve() -> None:
    """Draw what arrives on standard input until it ends; answer each figure with its files, None on failure."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # whatever a library prints must not mix with the answers

    def answer(value: object) -> None:
        pickle.dump(value, answers)
        answers.flush()

    answer(_READY)
    while True:
        try:
            name, record, formats = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer(figure_files(name, record, formats))
        except Exception:  # the caller draws it again and meets the error itself
            answer(None)


class _Worker:
    """A second interpreter, and the thread that hands it one figure at a time."""

    def __init__(self, tasks: deque[Task], done: SimpleQueue[tuple[str, Files]], formats: Sequence[Format]) -> None:
        self._tasks, self._done, self._formats = tasks, done, tuple(formats)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._is_ready = False
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _send(self, value: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(pickle.dumps(value))
        self._process.stdin.flush()

    def _receive(self) -> object:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def _run(self) -> None:
        try:
            self._send((sys.path, str(Path(__file__).parents[1])))
            self._is_ready = self._receive() == _READY
            while self._is_ready and (task := _take(self._tasks)):
                self._send((*task, self._formats))
                files = cast("Files | None", self._receive())
                if files is None:
                    return
                self._done.put((task[0], files))
        except Exception:  # whatever ails a worker: what it does not deliver is drawn by the caller
            return

    def finish(self, *, at_once: bool) -> None:
        """Wait for the figure in hand, unless the worker has none yet or must stop at once."""
        if at_once or not self._is_ready:
            self._process.kill()
        self._thread.join()
        self._process.kill()
        self._process.communicate()


def _can_start() -> bool:
    """Return whether `sys.executable` is an interpreter: it is not in a frozen or embedding program."""
    name = Path(sys.executable or "").name.lower()
    return name.startswith(("python", "pypy")) and not getattr(sys, "frozen", False)


def _take(tasks: deque[Task]) -> Task | None:
    try:
        return tasks.popleft()
    except IndexError:
        return None


def draw_all(
    figures: Sequence[Task],
    formats: Sequence[Format],
    processes: int,
    progress: Callable[[str], None],
) -> dict[str, Files]:
    """Draw every figure here and in `processes - 1` workers, whoever is free taking the next.

    `progress` is called in the calling thread with the name of each figure that is done. A worker that does
    not start, fails or is late costs nothing but time: what it did not deliver is drawn here.
    """
    tasks = deque(figures)
    done: SimpleQueue[tuple[str, Files]] = SimpleQueue()
    found: dict[str, Files] = {}
    workers: list[_Worker] = []

    def collect() -> None:
        while not done.empty():
            name, files = done.get()
            found[name] = files
            progress(name)

    finished = False
    try:
        with suppress(OSError):
            for _ in range(processes - 1 if _can_start() else 0):
                workers.append(_Worker(tasks, done, formats))
        while task := _take(tasks):
            done.put((task[0], figure_files(*task, formats)))
            collect()
        finished = True
    finally:
        for worker in workers:
            worker.finish(at_once=not finished)
    for name, record in figures:
        collect()
        if name not in found:
            done.put((name, figure_files(name, record, formats)))
    collect()
    return found
