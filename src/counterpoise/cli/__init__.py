"""The command line: words in, files out, and no statistics."""

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from counterpoise.errors import CounterpoiseError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit status.

    0: done. 2: something that the user can mend, said in one line each. 1: a fault of the program, in one
    sentence; with COUNTERPOISE_DEBUG set, its traceback. 130: stopped by Ctrl-C.
    """
    # One thread of linear algebra, whatever the environment asks for: the same bytes on any number of cores, and
    # matrices this small gain nothing by two.
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "MKL", "OMP")})

    # A screen or a pipe that cannot show a letter shows a question mark; the report has the letter.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    from counterpoise.cli import screen
    from counterpoise.cli.commands import app

    try:
        app(args=arguments, prog_name="counterpoise")
    except CounterpoiseError as error:
        screen.show_error(error)
        sys.exit(error.exit_status)
    except OSError as error:
        screen.show_refusal(error)
        sys.exit(CounterpoiseError.exit_status)
    except Exception as error:
        if os.environ.get("COUNTERPOISE_DEBUG"):
            raise
        screen.show_fault(error)
        sys.exit(1)
    sys.exit(0)
