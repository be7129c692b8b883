import hashlib
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterpoise.errors import InputError
from counterpoise.report.figures import (
    FigureRecord,
    FlowBox,
    FlowFigure,
    Format,
    draw,
    figure_files,
    render_figures,
    unprintable_characters,
    workers,
    write_figures,
)
from tests.report.figures import samples

RECORDS: dict[str, FigureRecord] = {
    "flow": samples.flow_figure(),
    "survival": samples.survival_figure(1, samples.TWO),
    "forest": samples.forest_figure(),
    "love": samples.love_figure(),
    "overlap": samples.overlap_figure(),
    "jitter": samples.jitter_figure(),
    "distance": samples.distance_figure(),
    "toxicity": samples.toxicity_figure(),
}
SMALL: dict[str, FigureRecord] = {
    name: FlowFigure(FlowBox(name, 9), (), FlowBox("Included", 9), ()) for name in ("a", "b", "c", "d")
}


@pytest.mark.parametrize("name", RECORDS)
def test_the_same_record_gives_the_same_bytes(name: str) -> None:
    first, second = (figure_files(name, RECORDS[name]) for _ in range(2))
    assert first == second
    assert list(first) == [f"{name}.svg", f"{name}.pdf", f"{name}.png"]


def test_bytes_do_not_depend_on_the_process_its_hash_seed_or_time_zone() -> None:
    code = textwrap.dedent("""
        import hashlib
        from counterpoise.report.figures import figure_files
        from tests.report.figures import samples
        files = figure_files("flow", samples.flow_figure())
        print(*(hashlib.sha256(content).hexdigest() for content in files.values()))
    """)
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai", "SOURCE_DATE_EPOCH": "86400"}
    root = str(Path(__file__).parents[3])
    there = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=root, env=environment).split()
    here = [hashlib.sha256(content).hexdigest() for content in figure_files("flow", RECORDS["flow"]).values()]
    assert there == here


def test_nothing_of_the_clock_or_the_machine_is_inside() -> None:
    files = figure_files("flow", RECORDS["flow"])
    assert b"CreationDate" not in files["flow.pdf"]
    assert b"<dc:date>" not in files["flow.svg"]
    assert all(str(Path.home()).encode() not in content for content in files.values())


def test_pdf_is_of_the_size_of_the_drawing_and_holds_no_picture() -> None:
    content = figure_files("flow", RECORDS["flow"], ("pdf",))["flow.pdf"]
    box = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert box is not None
    width, height = (float(side) / 72 for side in box.groups())
    figure = draw(RECORDS["flow"])
    assert (width, height) == pytest.approx((figure.get_figwidth(), figure.get_figheight()), abs=0.02)
    assert b"/Subtype/Image" not in content.replace(b" ", b"")


def test_pdf_is_the_same_whichever_other_formats_are_made() -> None:
    alone = figure_files("flow", RECORDS["flow"], ("pdf",))
    assert alone["flow.pdf"] == figure_files("flow", RECORDS["flow"], ("svg", "pdf"))["flow.pdf"]


def test_png_has_300_dots_an_inch() -> None:
    content = figure_files("survival", RECORDS["survival"], ("png",))["survival.png"]
    assert abs(int.from_bytes(content[16:20], "big") - 85 / 25.4 * 300) < 1
    assert content[37:41] == b"pHYs"
    assert int.from_bytes(content[41:45], "big") == round(300 / 0.0254)


def test_svg_text_is_paths_unless_no_font_knows_it() -> None:
    record = RECORDS["flow"]
    assert isinstance(record, FlowFigure)
    assert b"<text" not in figure_files("flow", record, ("svg",))["flow.svg"]
    strange = replace(record, included=FlowBox("\U0010fffd included", 9))
    assert unprintable_characters(strange) == "\U0010fffd"
    assert "\U0010fffd included" in figure_files("flow", strange, ("svg",))["flow.svg"].decode()


def test_formats_and_records_are_checked() -> None:
    formats: Any = ("jpg",)
    with pytest.raises(InputError, match="`formats` must be among svg, pdf, png; 'jpg' is not"):
        figure_files("flow", RECORDS["flow"], formats)
    nothing: Any = "flow"
    with pytest.raises(InputError, match="`record` must be a figure record; it is a str"):
        draw(nothing)


def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    seen: list[str] = []
    formats: tuple[Format, ...] = ("svg", "png")
    paths = write_figures(SMALL, tmp_path / "figures", formats, processes=2, progress=seen.append)
    assert list(paths) == list(SMALL)
    assert sorted(seen) == sorted(SMALL)
    for name, files in render_figures(SMALL, formats, processes=1).items():
        assert [path.name for path in paths[name]] == list(files)
        assert [path.read_bytes() for path in paths[name]] == list(files.values())


def test_a_worker_really_draws() -> None:
    done: list[str] = []
    queue = workers.deque(SMALL.items())
    answers: workers.SimpleQueue[tuple[str, dict[str, bytes]]] = workers.SimpleQueue()
    worker = workers._Worker(queue, answers, ("svg",))
    try:
        while len(done) < len(SMALL):
            name, files = answers.get(timeout=120)
            assert files == figure_files(name, SMALL[name], ("svg",))
            done.append(name)
    finally:
        worker.finish(at_once=len(done) < len(SMALL))
    assert sorted(done) == sorted(SMALL)


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import time; time.sleep(60)", "print('not an answer')"])
def test_a_worker_that_fails_leaves_its_work_to_this_process(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WORKER", code)
    assert list(render_figures(SMALL, ("svg",))) == list(SMALL)


def test_where_no_process_can_start_all_is_drawn_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert list(render_figures(SMALL, ("svg",))) == list(SMALL)
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    assert not workers._can_start()


def test_an_error_of_drawing_reaches_the_caller() -> None:
    broken: Any = {**SMALL, "e": "no record"}
    with pytest.raises(InputError, match="must be a figure record"):
        render_figures(broken, ("svg",))


def test_a_program_without_a_main_guard_may_call(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
            from counterpoise.report.figures import FlowBox, FlowFigure, write_figures
            figure = FlowFigure(FlowBox("Screened", 9), (), FlowBox("Included", 9), ())
            write_figures({name: figure for name in "abcd"}, "out", ("svg",))
            print("once")
        """)
    )
    answer = subprocess.run([sys.executable, program.name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (answer.stdout, answer.stderr) == ("once\n", "")
    assert len(list((tmp_path / "out").iterdir())) == 4
