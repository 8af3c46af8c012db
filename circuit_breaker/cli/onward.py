"""Onward: commands to type next, complete with what the command before was given, and quoted for a shell."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

import attrs

from circuit_breaker.cli.references import homes_of
from circuit_breaker.cli.visible import visible

__all__ = ["DEFAULT_STORAGE", "Onward", "quoted"]

DEFAULT_STORAGE = "sqlite:///circuit_breaker.db"
DEFINED = ("agents chat", "cancel", "explain", "fire", "resolve", "signal", "work")
"""The commands that need the definition of a case."""
IMPORTING = ("agents approve", "agents resume")
"""The commands that need the modules, also those of definitions, and no definition."""


def quoted(word: str) -> str:
    r"""The word as a shell reads it; with characters that nobody sees, as ``$'a\x1b'``, which bash and zsh know."""
    if visible(word) == word:
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{visible(escaped)}'"


@attrs.frozen
class Onward:
    """What a command that is recommended has to name, to be about the same things as the one before.

    Attributes:
        storage: The URL of the journal; empty where none is used.
        workflows: The definitions, as they were typed.
        modules: The modules whose names definitions use, as they were typed.
        machine: The agent with whom the case that they are about is a conversation; empty for any other case.
    """

    storage: str = ""
    workflows: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    machine: str = ""

    def going_on(self, case: str) -> str:
        """The command by which a case goes on that was interrupted."""
        if self.machine:
            return self.command("agents chat", self.machine, options=f"--conversation {quoted(case)}")
        return self.command("work")

    def command(self, name: str, *words: str, options: str = "") -> str:
        """The command, complete.

        Args:
            name: The command, such as ``fire``.
            words: Its arguments, unquoted.
            options: What else it is given, quoted already.
        """
        given = [quoted(word) for word in words]
        named = [*([options] if options else []), *self._storage(), *self._named(name)]
        dashed = any(word.startswith("-") for word in words)
        parts = [*named, "--", *given] if dashed else [*given, *named]
        return " ".join(["circuit-breaker", name, *parts])

    def _storage(self) -> Iterator[str]:
        usual = os.environ.get("CIRCUIT_BREAKER_STORAGE", DEFAULT_STORAGE)
        if self.storage not in ("", usual):
            yield f"--storage {quoted(self.storage)}"

    def _named(self, name: str) -> Iterator[str]:
        if name in DEFINED:
            yield from (f"-w {quoted(workflow)}" for workflow in self.workflows)
            yield from (f"--import {quoted(module)}" for module in self.modules)
        if name in IMPORTING:
            homes = homes_of(self.workflows)
            yield from (f"--import {quoted(module)}" for module in dict.fromkeys((*self.modules, *homes)))

    def undefined(self) -> Onward:
        """The same for a case whose definition the journal keeps: nothing but the journal is named."""
        return attrs.evolve(self, workflows=(), modules=())
