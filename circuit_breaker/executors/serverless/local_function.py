"""Functions that are folders: where one is, in which version, and the command that runs it.

``folder/thumbnail/`` is the function ``thumbnail``, and ``folder/thumbnail@2/`` its version ``2``. In it lies
``handler.py``, ``handler.mjs``, ``handler.js``, ``handler.rb`` or ``handler.sh``, and optionally ``function.json``::

    {
        "runtime": "python",
        "entry": "handler:handler",
        "command": ["./resize", "--fast"],
        "timeout": 20,
        "limits": {"memory": 268435456},
        "aliases": {"live": "2", "default": "2"},
    }

Only the ``function.json`` of the folder without a version has aliases; ``default`` is what a call without a version
means. A ``command`` is any program that reads the call as JSON from standard input and prints the answer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import attrs
import msgspec

from circuit_breaker.errors import Fault, FunctionInvalid, FunctionNotFound, nearest
from circuit_breaker.executors.programs import python_worker
from circuit_breaker.executors.programs.command import split_command
from circuit_breaker.executors.programs.permission import located
from circuit_breaker.executors.programs.resources import ResourceLimits, Resources

__all__ = ["LocalFunction", "local_function"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_HANDLERS: Final = {
    "handler.py": "python",
    "handler.mjs": "node",
    "handler.js": "node",
    "handler.rb": "ruby",
    "handler.sh": "bash",
}
_WORKERS: Final = Path(__file__).parent
DESCRIPTION: Final = "function.json"


@attrs.frozen(kw_only=True)
class _Description:
    """What ``function.json`` says."""

    runtime: str | None = None
    entry: str = "handler"
    command: str | list[str] | None = None
    timeout: float | None = None
    limits: ResourceLimits = attrs.field(factory=dict)
    aliases: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class LocalFunction:
    """A function that was found.

    Attributes:
        name: What it is called.
        version: Which version of it, or None for the one without a number.
        folder: Where it is.
        runtime: What it is written in; ``"command"`` for a program of its own.
        command: What runs it.
        timeout: Seconds that it may take, or None.
        resources: What it may use.
    """

    name: str
    version: str | None
    folder: Path
    runtime: str
    command: tuple[str, ...]
    timeout: float | None
    resources: Resources


def local_function(
    functions: Path, name: str, *, search_path: str, version: str | None = None, runtime: str | None = None
) -> LocalFunction:
    """The function of that name.

    Args:
        functions: The folder of all functions.
        name: Its name.
        search_path: Where the programs of the runtimes are looked for.
        version: A version or an alias, or None.
        runtime: What it is to be written in, or None.

    Raises:
        FunctionNotFound: There is none of that name or version.
        FunctionInvalid: It cannot be run; every fault is named.
    """
    base = _folder(functions, name)
    known = _described(base).aliases if base.is_dir() else {}
    exact = known.get(version or "default", version)
    folder = base if exact is None else _folder(functions, f"{name}@{exact}", name, exact)
    if not folder.is_dir():
        raise _missing(functions, name, version)
    description = _described(folder)
    written_in, command = _command(folder, description, runtime, search_path)
    return LocalFunction(
        name=name,
        version=exact,
        folder=folder,
        runtime=written_in,
        command=command,
        timeout=description.timeout,
        resources=Resources(**description.limits),
    )


def _folder(functions: Path, folder: str, *parts: str) -> Path:
    """The folder of that name; the names in it cannot lead elsewhere, and neither may a link."""
    for part in parts or (folder,):
        if not _NAME.match(part):
            raise FunctionNotFound(
                f"there is no function '{folder:.80}'", remedy="use letters, digits and . _ - for names and versions"
            )
    root = functions.resolve()
    found = (root / folder).resolve()
    if found.parent != root:
        raise FunctionNotFound(f"there is no function '{folder}' in {functions}", remedy="it leads out of that folder")
    return found


def _missing(functions: Path, name: str, version: str | None) -> FunctionNotFound:
    names = sorted(folder.name for folder in functions.glob("*") if folder.is_dir())
    versions = [other.removeprefix(f"{name}@") for other in names if other.startswith(f"{name}@")]
    if version is not None and versions:
        return FunctionNotFound(f"function '{name}' has no version '{version}'", remedy=nearest(version, versions))
    plain = [other for other in names if "@" not in other]
    return FunctionNotFound(f"there is no function '{name}' in {functions}", remedy=nearest(name, plain))


def _described(folder: Path) -> _Description:
    file = folder / DESCRIPTION
    if not file.is_file():
        return _Description()
    try:
        document = msgspec.json.decode(file.read_bytes())
        description = msgspec.convert(document, _Description)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        remedy = f"it has {', '.join(field.name for field in attrs.fields(_Description))}"
        raise _invalid(folder, [Fault(DESCRIPTION, str(error), remedy)]) from error
    known = [field.name for field in attrs.fields(_Description)]
    unknown = [Fault(DESCRIPTION, f"has an unknown key '{k}'", nearest(k, known)) for k in document if k not in known]
    if unknown:
        raise _invalid(folder, unknown)
    return description


def _command(
    folder: Path, description: _Description, wanted: str | None, search_path: str
) -> tuple[str, tuple[str, ...]]:
    runtime, file = _runtime(folder, description, wanted)
    try:
        words = split_command(_COMMANDS[runtime](file, description))
    except ValueError as error:
        raise _invalid(
            folder, [Fault("command", str(error), "give a list: the program, then its arguments")]
        ) from error
    program = located(words[0], search_path, folder)
    if program is None:
        raise _invalid(folder, [Fault(f"runtime '{runtime}'", f"there is no program '{words[0]}'", "install it")])
    return runtime, (str(program), *words[1:])


def _runtime(folder: Path, description: _Description, wanted: str | None) -> tuple[str, Path]:
    """What the function is written in, and its file."""
    if description.command is not None:
        return "command", folder
    files = {file: kind for file, kind in _HANDLERS.items() if (folder / file).is_file()}
    asked = wanted or description.runtime
    for file, kind in files.items():
        if kind == (asked or kind):
            return kind, folder / file
    said = f"has no handler for '{asked}'" if asked and files else "has no handler"
    raise _invalid(folder, [Fault("the folder", said, f"add one of {', '.join(_HANDLERS)}, or a command")])


def _python(file: Path, description: _Description) -> list[str]:
    module, _, name = description.entry.rpartition(":")
    target = f"{module or file.stem}:{name}"
    return [sys.executable, "-I", "-S", python_worker.__file__, target, str(file.parent)]


def _node(file: Path, description: _Description) -> list[str]:
    return ["node", str(_WORKERS / "node_worker.mjs"), str(file), description.entry]


def _ruby(file: Path, description: _Description) -> list[str]:
    return ["ruby", str(_WORKERS / "ruby_worker.rb"), str(file), description.entry]


def _bash(file: Path, _: _Description) -> list[str]:
    return ["bash", "--noprofile", "--norc", str(file)]


def _own(_: Path, description: _Description) -> str | list[str]:
    return description.command or []


_COMMANDS: Final[Mapping[str, Callable[[Path, _Description], str | list[str]]]] = {
    "python": _python,
    "node": _node,
    "ruby": _ruby,
    "bash": _bash,
    "command": _own,
}


def _invalid(folder: Path, faults: list[Fault]) -> FunctionInvalid:
    return FunctionInvalid(f"The function in {folder} cannot be run", faults=faults)
