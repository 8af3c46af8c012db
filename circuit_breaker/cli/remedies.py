"""Remedies: what an error tells a programmer to call, as the command that somebody at a keyboard types."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Final

from circuit_breaker.cli.onward import Onward
from circuit_breaker.errors import CircuitBreakerError

__all__ = ["deciding", "in_commands", "remedy_of"]

# A call, as it stands in remedies, and the command: CASE is the case that it is about, SIGNAL the signal.
CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "engine.cases()": ("cases",),
    "engine.explain(case)": ("explain", "CASE"),
    "engine.resolve(...)": ("resolve", "CASE"),
    "engine.signal(...)": ("signal", "CASE", "SIGNAL"),
    "engine.work()": ("work",),
    "await engine.history(case)": ("history", "CASE"),
    "case.tokens": ("show", "CASE"),
}
WORDS: Final[Mapping[str, str]] = {
    "give the engine that version as well, or move the case with engine.migrate(...)": (
        "name that version with --workflow module:attribute"
    ),
    "give one of outcome=..., failed='why' and again=True": "say one of --outcome JSON, --failed REASON and --again",
    "say which by key=... or token=...": "say which by --key KEY or --token ID",
    "give it await engine.get(id)": "name a case",
    "cancel without compensate": "cancel without --compensate",
    "give it with actions={...}": "name its module with --import",
    "give it with executors={...}": "name its module with --import",
    "give it with data=": "name its module with --import",
    "give it to the engine with executors={...}": "name its module with --import",
    "use .on_signal(name)": "its definition waits for no signal",
    "give a dict with text keys": """give a JSON object, such as '{"title": "Plan"}'""",
}
_SETTING: Final = re.compile(r"(?:with |use |as )?\w*\.under\((\w+)=([^()]*)\)(, or (?=\1=))?")
_CALL: Final = re.compile("|".join(f"`?{re.escape(call)}`?" for call in CALLS))
_DECIDING: Final = re.compile(r"`agents\.approve\('([^']+)', \.\.\.\)`")
_SIGNAL: Final = re.compile(r"the signal '([^']+)'")


def remedy_of(error: CircuitBreakerError, onward: Onward, *, case: str = "", setting: str = "") -> str:
    """What to do about an error, in the words of the command line.

    Args:
        error: The error.
        onward: What the recommended command has to name.
        case: The case that the command was about.
        setting: With what an option begins that sets something of an executor; empty where the command has none.
    """
    signal = _SIGNAL.search(error.message)
    known = {"CASE": case or "CASE", "SIGNAL": signal[1] if signal else "NAME"}

    def command(found: re.Match[str]) -> str:
        name, *words = CALLS[found[0].strip("`")]
        return f"`{onward.command(name, *(known[word] for word in words))}`"

    return _CALL.sub(command, in_commands(error.remedy, setting=setting))


def in_commands(text: str, *, setting: str = "") -> str:
    """The text with options of the command line instead of arguments in Python.

    Args:
        text: What is to be done, in the words of Python.
        setting: With what an option begins that sets something of an executor, such as ``--set``.
    """
    for phrase, words in WORDS.items():
        text = text.replace(phrase, words)
    return _SETTING.sub(lambda found: _setting(found, setting), text) if setting else text


def deciding(text: str, onward: Onward) -> str:
    """The text with the command by which a person decides, in place of the call that does."""
    return _DECIDING.sub(lambda found: f"`{onward.command('agents approve', found[1])}`", text)


def _setting(found: re.Match[str], option: str) -> str:
    """The option that decides what ``under(name=value)`` does."""
    name, value, other = found.groups()
    item = value.strip("[]'\"")
    shown = "VALUE" if item in ("", "...") else shlex.quote(item)
    return f"give {option}{name}={shown}" + (f", or {option}" if other else "")
