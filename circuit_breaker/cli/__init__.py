"""The command line, ``circuit-breaker``. Nothing of it is loaded until :func:`main` is called."""

from __future__ import annotations

from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """Runs the command that was typed, and ends the process with its exit code."""
    import_module("circuit_breaker.cli.program").program.main(prog_name="circuit-breaker")
