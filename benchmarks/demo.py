"""How long the whole demonstration takes, and where the time goes.

    .venv/bin/python benchmarks/demo.py

The process is started afresh, as a user starts it: imports, 1,000 bootstrap replicates of the refitted score for
four endpoints, all figures in three formats, HTML, Word, PDF and Excel. Its steps are timed as it tells them.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

LONGEST_SECONDS = 10


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "-m", "counterpoise", "demo", "--out", str(Path(folder) / "report")]
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            steps = [("Starting Python, importing the command line", start)]
            for line in process.stdout:
                if line.startswith("Report:"):
                    break
                steps.append((line.strip(), time.perf_counter()))
            process.stdout.read()
        end = time.perf_counter()
    if process.returncode:
        sys.exit(f"The demonstration failed with exit status {process.returncode}.")
    for (name, begun), (_, done) in zip(steps, [*steps[1:], ("", end)], strict=True):
        print(f"{done - begun:6.2f} s  {name}")
    print(f"{end - start:6.2f} s  in all; at most {LONGEST_SECONDS} s is the aim on 2 cores")


if __name__ == "__main__":
    main()
