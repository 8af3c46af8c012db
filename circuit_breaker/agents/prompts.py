"""Prompts: what an agent is told, as templates with named variables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import AgentInvalid, DataInvalid, Fault, RuleInvalid, nearest
from circuit_breaker.rules.template import Template

__all__ = ["VARIABLES", "AgentPrompts", "Prompt", "as_prompt"]

VARIABLES: Final = (
    "input_data", "token_id", "current_place", "token_metadata", "workflow_id", "history_count", "custom_context",
)  # fmt: skip
"""The variables that every template may use, beside the inputs of the agent."""


Insert = Callable[[str, str], str]


def as_it_is(_: str, text: str) -> str:
    """The text itself."""
    return text


@attrs.frozen
class Prompt:
    """A text with variables such as ``{document}`` or ``{language|English}``; ``{{`` and ``}}`` stand for braces.

    It is filled in one pass: what a value says is never read as part of the template.

    Attributes:
        text: As it was written.
        template: What was read of it.

    Raises:
        AgentInvalid: Braces are not balanced, or a variable has no name; all such faults together.
    """

    text: str = ""
    template: Template = attrs.field(init=False, eq=False, repr=False)

    @template.default
    def _read(self) -> Template:
        try:
            return Template(self.text)
        except RuleInvalid as error:
            raise AgentInvalid("the prompt cannot be read", faults=error.faults or [Fault("", error.message)]) from None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that it uses, each once, in order."""
        return tuple(dict.fromkeys(_name(slot.path) for slot in self.template.slots))

    def unknown(self, known: Mapping[str, Any] | tuple[str, ...], place: str) -> Iterator[Fault]:
        """A fault for each variable that is not among the known ones; a step into one (``input.title``) is fine."""
        names = tuple(known)
        for variable in self.variables:
            if variable not in names and variable.split(".")[0] not in names:
                hint = nearest(variable, names)
                yield Fault(
                    place,
                    f"the variable {{{variable}}} is not known",
                    f"{hint}; declare an input of that name under inputs",
                )

    def render(self, values: Mapping[str, Any], insert: Insert = as_it_is) -> str:
        """The text with these values in it; what is no text is written as JSON.

        Args:
            values: The values of the variables.
            insert: Gives what is put in for a variable, by its name and the text of its value.

        Raises:
            DataInvalid: A variable has no value and no default; it is named (ZB6).
        """
        pieces = []
        for piece in self.template.pieces:
            if isinstance(piece, str):
                pieces.append(piece)
                continue
            name = _name(piece.path)
            value = _found(values, name)
            if value is None:
                if piece.default is None and not _has(values, name):
                    raise DataInvalid(
                        f"the prompt needs '{name}', which is missing",
                        remedy=f"give it, or write a default such as {{{name}|none}}",
                    )
                value = piece.default
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            pieces.append(insert(name, text))
        return "".join(pieces)


_ABSENT: Final = object()


def _name(path: str) -> str:
    """The variable as it was written: a path without the namespace that is meant unless one is given."""
    return path.removeprefix("data.")


def _lookup(values: Mapping[str, Any], name: str) -> Any:
    if name in values:
        return values[name]
    found: Any = values
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return _ABSENT
        found = found[step]
    return found


def _found(values: Mapping[str, Any], name: str) -> Any:
    found = _lookup(values, name)
    return None if found is _ABSENT else found


def _has(values: Mapping[str, Any], name: str) -> bool:
    return _lookup(values, name) is not _ABSENT


def as_prompt(value: Prompt | str | None) -> Prompt:
    """The prompt, of a text as well; an empty one for None."""
    return value if isinstance(value, Prompt) else Prompt(value or "")


_PLAIN: Final = Prompt("{input_data}")


@attrs.frozen(kw_only=True)
class AgentPrompts:
    """What an agent is told.

    Attributes:
        system: What it is and how it works; the model's system prompt.
        user_template: What it is asked in each execution; unless given, the whole input as JSON, and an input that is
            nothing but a ``message`` as it is.
        context_instructions: What it is told about its surroundings, after the system prompt.
    """

    system: Prompt = attrs.field(default=Prompt(), converter=as_prompt)
    user_template: Prompt = attrs.field(default=_PLAIN, converter=as_prompt)
    context_instructions: Prompt = attrs.field(default=Prompt(), converter=as_prompt)

    @property
    def is_plain(self) -> bool:
        """Whether it is asked what it is given, in no words of its own."""
        return self.user_template == _PLAIN

    def unknown(self, known: tuple[str, ...]) -> Iterator[Fault]:
        """A fault for each variable that nobody gives."""
        for name in ("system", "user_template", "context_instructions"):
            prompt: Prompt = getattr(self, name)
            yield from prompt.unknown(known, f"prompts.{name}")
