"""Writes what the documentation takes from the code: pictures, help texts and tables. Run it after a change of these.

A page says where such a text belongs: between ``<!-- from the code: NAME -->`` and ``<!-- end -->``. The name ``names``
stands for a table of everything that the page describes, ``methods of CLASS`` for one of what a class can do.
"""
# ruff: noqa: INP001

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

import click
import msgspec
from click.testing import CliRunner

from circuit_breaker import COMMON, errors
from circuit_breaker.cli.definitions import Registry, find_workflow
from circuit_breaker.cli.exits import exit_code
from circuit_breaker.cli.program import program
from circuit_breaker.rules.operators import OPERATIONS, RuleOperator
from circuit_breaker.workflow import events
from circuit_breaker.workflow.patterns.catalogue import PATTERNS, Pattern
from circuit_breaker.workflow.verification import KINDS

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
EXAMPLES = ROOT / "examples"
PLACE = re.compile(r"(<!-- from the code: ([\w. ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
DESCRIBED = re.compile(r"^\.\. auto(?:class|function|data|module):: ([\w.]+)", re.MULTILINE)
ROLE = re.compile(r":\w+:`~?(?:\w+\.)*(\w+)`")


def pages() -> Iterator[tuple[Path, str]]:
    """Every file that holds something from the code, with the text that it should have."""
    for picture in sorted(PICTURES.glob("*.svg")):
        yield picture, find_workflow(str(EXAMPLES / f"{picture.stem}.py"), Registry()).draw("svg")
    for shown in PATTERNS:
        yield PICTURES / "patterns" / f"{shown.code.lower()}.svg", shown.workflow().draw("svg")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        if PLACE.search(text):
            yield page, PLACE.sub(lambda found, text=text: f"{found[1]}{_text(found[2], text)}{found[3]}", text)


def _text(name: str, page: str) -> str:
    """What belongs in the place of that name on a page."""
    if name == "names":
        return _table(("name", "what it is"), ((f"`{path}`", _line_of(path)) for path in _described(page)))
    if name.startswith("methods of "):
        path = name.removeprefix("methods of ")
        return _table(("name", "what it does"), _methods(_found(path), left_out=_left_out(page, path)))
    return TEXTS[name]()


def _described(page: str) -> Iterator[str]:
    """The path of everything that a page describes; for a module, of each name in it."""
    for path in DESCRIBED.findall(page):
        thing = _found(path)
        yield from (f"{path}.{name}" for name in thing.__all__) if isinstance(thing, ModuleType) else [path]


def _found(path: str) -> object:
    module, _, name = path.rpartition(".")
    home = import_module(module)
    return getattr(home, name) if hasattr(home, name) else import_module(path)


def _line_of(path: str) -> str:
    thing = _found(path)
    if isinstance(thing, str):
        return f"The text `{thing}`."
    return _first_line(thing if isinstance(thing, (type, FunctionType)) else type(thing))


def _left_out(page: str, path: str) -> set[str]:
    """The members that a page says that it does not describe."""
    options = page.partition(f".. autoclass:: {path}\n")[2].partition("\n\n")[0]
    names = options.partition(":exclude-members:")[2].partition("\n")[0]
    return {name.strip() for name in names.split(",")}


def _methods(kind: object, *, left_out: set[str]) -> Iterator[tuple[str, ...]]:
    members = {name: member for each in reversed(inspect.getmro(kind)) for name, member in vars(each).items()}
    for name, member in members.items():
        told = getattr(member, "__func__", member)
        if name.startswith("_") or name in left_out:
            continue
        if isinstance(told, (FunctionType, property, cached_property)) and told.__doc__:
            yield f"`{name}{'()' if isinstance(told, FunctionType) else ''}`", _first_line(told)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _first_line(thing: object) -> str:
    paragraph = " ".join((thing.__doc__ or "").strip().partition("\n\n")[0].split())
    return ROLE.sub(r"`\1`", paragraph).replace("``", "`")


def _example() -> str:
    program_text = (EXAMPLES / "article.py").read_text(encoding="utf-8")
    return f"<!-- file: article.py -->\n```python\n{program_text}```\n"


def _help() -> str:
    return "\n".join(_help_of(words) for words in _commands(program))


def _commands(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of a command and of all commands below it."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from _commands(command.get_command(context, name), *words, name)


def _help_of(words: tuple[str, ...]) -> str:
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1", "CIRCUIT_BREAKER_STORAGE": None})
    asked = [*words, "--help"]
    text = runner.invoke(program, asked, prog_name="circuit-breaker", catch_exceptions=False, terminal_width=100).output
    return f"## {' '.join(words) or 'circuit-breaker'}\n\n```text\n{text.rstrip()}\n```\n"


def _events() -> str:
    shared = set(events.Event.__struct_fields__)
    kinds = [getattr(events, name) for name in events.__all__]
    facts = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, events.Event)]
    told = [kind for kind in facts if kind not in (events.Event, events.Moved)]
    return _table(("event", "what it says", "fields"), (_event(kind, shared) for kind in told))


def _event(kind: type[msgspec.Struct], shared: set[str]) -> tuple[str, ...]:
    fields = [f"`{name}`" for name in kind.__struct_fields__ if name not in shared]
    return f"`{kind.__name__}`", _first_line(kind), ", ".join(fields)


def _errors() -> str:
    kinds = [getattr(errors, name) for name in errors.__all__]
    tree = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, errors.CircuitBreakerError)]
    head = ("error", "code", "what it says", "exit code")
    return _table(head, ((f"`{kind.__name__}`", f"`{kind.code}`", _first_line(kind), _exit(kind)) for kind in tree))


def _exit(kind: type[errors.CircuitBreakerError]) -> str:
    return str(int(exit_code(kind.__new__(kind))))


def _common_rules() -> str:
    return _table(
        ("rule", "holds where", "category"),
        ((f"`{rule.name}`", f"`{rule.text}`", rule.category) for rule in COMMON.values()),
    )


def _operators() -> str:
    return _table(("operator", "with another field", "as an expression"), map(_operator, RuleOperator))


def _operator(operator: RuleOperator) -> tuple[str, ...]:
    operation = OPERATIONS[operator]
    text = operation.expression
    return (
        f"`{operator}`",
        "yes" if operation.comparing else "",
        f"`{text.format('a', 'b')}`" if isinstance(text, str) and text else "" if not text else "yes",
    )


def _catalogue() -> str:
    rows = ((f"[{shown.code}](#{_anchor(shown)})", shown.name, shown.support, _calls(shown)) for shown in PATTERNS)
    table = _table(("", "pattern", "supported", "written with"), rows)
    return f"{table}\n" + "\n".join(map(_shown, PATTERNS))


def _shown(shown: Pattern) -> str:
    picture = f"![{shown.name}](../pictures/patterns/{shown.code.lower()}.svg)"
    note = f" {shown.note}" if shown.note else ""
    head = f"## {shown.code}: {shown.name}\n\n{shown.means}"
    return f"({_anchor(shown)})=\n{head}\n\n{picture}\n\nWritten with {_calls(shown)}.{note}\n"


def _anchor(shown: Pattern) -> str:
    return shown.code.lower()


def _calls(shown: Pattern) -> str:
    return ", ".join(f"`{call}`" for call in shown.calls)


def _findings() -> str:
    """Every kind of finding of a verification."""
    rows = ((f"`{kind.code}`", kind.severity, kind.meaning) for kind in KINDS.values())
    return _table(("code", "severity", "what it means"), rows)


TEXTS: Mapping[str, Callable[[], str]] = {
    "common rules": _common_rules,
    "errors": _errors,
    "events": _events,
    "example": _example,
    "findings": _findings,
    "help": _help,
    "operators": _operators,
    "pattern catalogue": _catalogue,
}


def main() -> None:
    """Writes every file that is not as it should be."""
    os.environ["NO_COLOR"] = "1"
    for path, text in pages():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
