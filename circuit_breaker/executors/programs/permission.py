"""What an operator permits programs: which may be run, where, and with how much.

Nothing is permitted unless the operator says so. Whoever writes a workflow may be a stranger, and its parameters may
come from the data of a case; so what may run on this machine is decided neither by the one nor by the other.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.executors.programs.process import SEARCH_PATH
from circuit_breaker.executors.programs.resources import UNBOUNDED, Resources
from circuit_breaker.executors.secrets import is_secret
from circuit_breaker.executors.settings import Settings

__all__ = [
    "EVERYTHING",
    "ProcessSettings",
    "ProgramSettings",
    "located",
    "names",
    "permitted_directory",
    "permitted_program",
    "variable_faults",
]

EVERYTHING: Final = "*"

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_STEERING: Final = re.compile(
    r"LD_|DYLD_|GLIBC_|MALLOC_|GCONV_|PYTHON|PERL|RUBY|GEM_|BUNDLE_|NODE_|NPM_|JAVA|_JAVA|JDK_|JRE_|PHP|LUA_"
    r"|TCL|R_|JULIA_|CARGO|RUSTC|RUSTUP|GIT_|SSH_|BASH|CIRCUIT_BREAKER_|XDG_|OPENSSL_|SSL_|CURL_|RSYNC_"
    r"|.*(PATH|OPTIONS|OPTS|FLAGS|EDITOR|PAGER|BROWSER|SHELL|HOME|INIT|_OPT|_RC)\Z"
    r"|(ENV|IFS|TMPDIR|VISUAL|PS4|PROMPT_COMMAND|TERMINFO|ZDOTDIR|WGETRC|INPUTRC|MAKEFILES|LESSOPEN|LESSCLOSE|GOROOT"
    r"|GOENV|GOTOOLCHAIN)\Z",
    re.IGNORECASE,
)
_WILD: Final = re.compile(r"[*?\[]")


def names(value: Any) -> frozenset[str]:
    """The names in a setting: one text, or several.

    Raises:
        TypeError: Something else is among them.
    """
    found = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(name, str) and name for name in found):
        raise TypeError(f"{value!r} is no list of names; give such as ['git', '/usr/bin/ffmpeg'], or '*' for all")
    return frozenset(found)


def _folders(value: Any) -> tuple[Path, ...]:
    folders = [value] if isinstance(value, (str, Path)) else list(value)
    return tuple(Path(folder).resolve() for folder in folders)


def _seconds(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not (isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0):
        raise ValueError(f"{field.name}={value!r} is no number of seconds above 0, nor None")


@attrs.frozen(kw_only=True)
class ProcessSettings(Settings):
    """What an operator permits processes.

    Attributes:
        scratch: Where the directories are made that processes get for themselves, or None for the system's place.
        variables: The variables that a definition may set, such as ``["LANG", "REPORT_*"]``. A name with ``*`` means
            none that may decide which code a program runs, as ``LD_PRELOAD`` does; such a one is named in full.
        most: What they may use at most, and do use where a definition sets no limit.
        longest: Seconds that they may take at most, or None.
    """

    scratch: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    most: Resources = UNBOUNDED
    longest: float | None = attrs.field(default=None, validator=_seconds)
    variables: frozenset[str] = attrs.field(default=frozenset({"*"}), converter=names)

    def may_set(self, name: str) -> bool:
        """Whether a definition may set this variable."""
        tame = not _STEERING.match(name)
        return any(name == one or (tame and _WILD.search(one) and fnmatchcase(name, one)) for one in self.variables)

    def duration(self, wanted: float | None) -> float | None:
        """How many seconds a process gets of those that it wants; None for as many as it takes."""
        return min((limit for limit in (wanted, self.longest) if limit is not None), default=None)


@attrs.frozen(kw_only=True)
class ProgramSettings(ProcessSettings):
    """What an operator permits programs.

    Attributes:
        programs: The programs that may be run: names that are looked up in ``search_path``, and paths; ``"*"`` for all.
            A program may do whatever its arguments make it do.
        roots: Directories in and below which programs may work.
        search_path: Where programs are looked for; their ``PATH``.
        variables: As for all processes; where only some programs may be run, none unless it says so, for each program
            has its own that make it run something else.
    """

    variables: frozenset[str] = attrs.field(default=frozenset(), converter=names)
    programs: frozenset[str] = attrs.field(default=frozenset(), converter=names)
    roots: tuple[Path, ...] = attrs.field(default=(), converter=_folders)
    search_path: str = SEARCH_PATH

    @property
    def everything(self) -> bool:
        """Whether all programs may be run."""
        return EVERYTHING in self.programs

    def may_set(self, name: str) -> bool:
        """Whether a definition may set this variable."""
        return self.everything or super().may_set(name)


def located(name: str, search_path: str, directory: Path | None = None) -> Path | None:
    """Where a program is; a relative path begins at the directory. None if there is none that can be run."""
    if "/" in name and directory is None and not name.startswith("/"):
        return None
    path = str(directory / name) if directory is not None and "/" in name else name
    found = shutil.which(path, path=search_path)
    return _placed(Path(found)) if found else None


def _placed(path: Path) -> Path:
    """The path with the links of its directories followed; the program itself may be one of many under one link."""
    return path.parent.resolve() / path.name


def permitted_program(executor: str, name: str, settings: ProgramSettings, directory: Path | None) -> Path | Fault:
    """Where the program is, or why it must not or cannot be run."""
    place = "parameter 'command'"
    if not settings.programs:
        return Fault(
            place,
            f"'{name}' may not be run: the operator permits no program",
            f"use {executor}.under(programs=['{name}']), or programs='*' where every author is trusted",
        )
    path = located(name, settings.search_path, directory)
    if not settings.everything and path not in _permitted(settings):
        known = ", ".join(sorted(settings.programs))
        return Fault(place, f"'{name}' may not be run", f"the operator permits {known}")
    if path is None:
        where = f"in {directory or 'its fresh directory'}" if "/" in name else f"on the path {settings.search_path}"
        return Fault(
            place, f"there is no program '{name}' {where} that can be run", "install it, or give its whole path"
        )
    return path


def _permitted(settings: ProgramSettings) -> Collection[Path | None]:
    return {located(name, settings.search_path) for name in settings.programs} - {None}


def permitted_directory(given: str | None, settings: ProgramSettings) -> Path | Fault | None:
    """The directory, with its links followed, or None if none was given, or why it cannot be used."""
    if given is None:
        return None
    place = "parameter 'working_dir'"
    directory = Path(given).resolve()
    if not any(directory.is_relative_to(root) for root in settings.roots):
        roots = ", ".join(map(str, settings.roots)) or "none"
        return Fault(place, f"'{given}' is not in a directory that the operator permits", f"permitted: {roots}")
    if not directory.is_dir():
        return Fault(place, f"'{given}' is no directory", "make it first, or leave it out for a fresh one")
    return directory


def variable_faults(environment: Mapping[str, Any], may_set: Callable[[str], bool]) -> Iterator[Fault]:
    """What is wrong with variables, by name, of which a definition may set some."""
    for name, value in environment.items():
        place = f"environment['{name}']"
        if not _NAME.match(name):
            yield Fault(place, "is no name of a variable", "use letters, digits and _")
        elif not may_set(name):
            why = "may decide which code a program runs" if _STEERING.match(name) else "may not be set"
            yield Fault(place, why, f"only an operator may permit this: .under(variables=['{name}'])")
        if not isinstance(value, str) and not is_secret(value):
            yield Fault(place, "is neither a text nor a secret", "give a text, or secret('NAME')")
        elif "\0" in str(value):
            yield Fault(place, "has a null character", "give a text without it")
