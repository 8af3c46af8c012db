"""Markdown documents as programs: every fenced block is run, in order, in a directory of its own.

``python`` blocks of a document share one namespace and one event loop, and may ``await`` at the top. ``pycon`` blocks
say what is printed. ``console`` blocks run their ``$ circuit-breaker`` and ``$ python`` lines; output that is shown
must match, with ``...`` for what varies. A comment on the line above a block changes what happens to it:

``<!-- file: NAME -->`` writes the block to a file, ``<!-- exit: N -->`` expects that exit code of its commands,
``<!-- skip: REASON -->`` leaves it out.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import attrs

__all__ = ["Block", "Document", "blocks"]

FENCE = re.compile(
    r"^(?:<!-- (?P<order>skip|file|exit): (?P<detail>.+?) -->\n)?"
    r"(?P<indent> *)(?P<fence>```+)(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LIMIT = 120


@attrs.frozen
class Block:
    """A fenced block; ``line`` is that of its first line of text, counted from 1."""

    language: str
    text: str
    line: int
    order: str | None = None
    detail: str = ""

    @property
    def skipped(self) -> bool:
        return self.order == "skip"


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a document that name their language."""
    for found in FENCE.finditer(text):
        indent = len(found["indent"])
        body = "".join(line[indent:] for line in found["text"].splitlines(keepends=True))
        line = text.count("\n", 0, found.start("text")) + 1
        unrun = "no-run" in found["info"].split()
        yield Block(
            found["language"], body, line, "skip" if unrun else found["order"], found["detail"] or found["info"]
        )


class Document:
    """One document while it runs, with the names and the event loop that its blocks share."""

    def __init__(self, path: Path, directory: Path) -> None:
        self.path = path
        self.directory = directory
        # attrs and cattrs look types up in the module that a class says it is from.
        self.module = ModuleType(f"document_{re.sub(r'[^a-z]', '_', path.stem.lower())}")

    def run(self) -> None:
        """Runs every block that is not left out."""
        sys.modules[self.module.__name__] = self.module
        try:
            with asyncio.Runner() as runner:
                for block in blocks(self.path.read_text()):
                    if not block.skipped:
                        self._run(block, runner)
        finally:
            del sys.modules[self.module.__name__]

    def _run(self, block: Block, runner: asyncio.Runner) -> None:
        if block.order == "file":
            target = self.directory / block.detail
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.language == "python":
            self._run_python(block, runner)
        elif block.language == "pycon":
            self._run_session(block)
        elif block.language == "console":
            self._run_commands(block)

    def _run_python(self, block: Block, runner: asyncio.Runner) -> None:
        source = "\n" * (block.line - 1) + block.text
        code = compile(source, str(self.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        result = FunctionType(code, self.module.__dict__)()
        if inspect.iscoroutine(result):
            runner.run(result)

    def _run_session(self, block: Block) -> None:
        names = self.module.__dict__
        test = doctest.DocTestParser().get_doctest(block.text, names, self.path.name, str(self.path), block.line - 1)
        test.globs = names
        doctest.DebugRunner(optionflags=FLAGS).run(test, clear_globs=False)

    def _run_commands(self, block: Block) -> None:
        for command, shown in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n?)*)", block.text, re.MULTILINE):
            name, *arguments = shlex.split(command)
            if name not in {"circuit-breaker", "python"}:
                continue
            program = [sys.executable] if name == "python" else [str(Path(sys.executable).with_name(name))]
            done = subprocess.run(
                [*program, *arguments], cwd=self.directory, capture_output=True, text=True, timeout=LIMIT, check=False
            )
            place = f"{self.path.name}:{block.line}: $ {command}"
            expected = int(block.detail) if block.order == "exit" else 0
            said = done.stdout + done.stderr
            assert expected == done.returncode, f"{place}\n{said}"
            if shown.strip():
                assert doctest.OutputChecker().check_output(shown, said, FLAGS), f"{place}\n{said}"
