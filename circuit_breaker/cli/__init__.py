"""The command line, ``circuit-breaker``. Nothing of it is loaded until :func:`main` is called."""

from __future__ import annotations

import io
import sys
from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """Runs the command that was typed, and ends the process with its exit code.

    Characters that the encoding of the terminal does not have are written out, and what is closed is not written to;
    nothing fails for them.
    """
    sys.stdout = sys.stdout or io.StringIO()
    sys.stderr = sys.stderr or io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    import_module("circuit_breaker.cli.program").program.main(prog_name="circuit-breaker")
