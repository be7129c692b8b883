"""Time every figure in every format, and all figures of a report in one and in two processes.

PYTHONPATH=. python benchmarks/figures.py
"""

import subprocess
import sys
import tempfile
from time import perf_counter

from tests.report.figures import samples

from counterpoise.report.figures import FigureRecord, Format, draw, figure_files, write_figures


def report_figures() -> dict[str, FigureRecord]:
    """Return the nine figures of the shipped study's report, as far as their size goes."""
    return {
        "figure-1-flow": samples.flow_figure(),
        "figure-2-survival-by-group": samples.survival_figure(2, samples.FOUR),
        "figure-3-survival-by-boost": samples.survival_figure(4, samples.TWO),
        "figure-4-matched": samples.survival_figure(2, samples.TWO),
        "figure-5-weighted": samples.survival_figure(2, samples.TWO),
        "figure-6-love": samples.love_figure(),
        "figure-7-overlap": samples.overlap_figure(),
        "figure-8-forest": samples.forest_figure(),
        "figure-9-toxicity": samples.toxicity_figure(),
    }


def whole_report(processes: int) -> float:
    """Return the seconds that a fresh interpreter spends on all figures, imports of drawing included."""
    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write_figures(report_figures(), folder, processes=processes)
    return perf_counter() - start


def each_figure() -> None:
    formats: tuple[Format, ...] = ("svg", "pdf", "png")
    print(f"{'figure':30}{'draw':>8}" + "".join(f"{kind:>8}" for kind in formats))
    for name, record in report_figures().items():
        figure_files(name, record)
        start = perf_counter()
        draw(record)
        drawn = perf_counter() - start
        times: list[float] = []
        for kind in formats:
            start = perf_counter()
            figure_files(name, record, (kind,))
            times.append(perf_counter() - start - drawn)
        print(f"{name:30}{drawn:8.3f}" + "".join(f"{seconds:8.3f}" for seconds in times))


def main() -> None:
    if len(sys.argv) > 1:
        print(f"{whole_report(int(sys.argv[1])):.2f}")
        return
    each_figure()
    for processes in (1, 2):
        runs = [subprocess.check_output([sys.executable, __file__, str(processes)], text=True) for _ in range(3)]
        print(f"all nine in three formats, {processes} process(es): {min(float(run) for run in runs):.2f} s")


if __name__ == "__main__":
    main()
