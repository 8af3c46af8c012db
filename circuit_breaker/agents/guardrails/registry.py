"""Guardrails by the names under which definitions of agents ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.guardrails.bounds import Bounds
from circuit_breaker.agents.guardrails.checks import Check
from circuit_breaker.agents.guardrails.permissions import Permissions
from circuit_breaker.agents.guardrails.personal import PersonalData
from circuit_breaker.agents.guardrails.privacy import Privacy
from circuit_breaker.agents.guardrails.untrusted import Untrusted
from circuit_breaker.agents.guardrails.watch import Watch
from circuit_breaker.errors import AgentInvalid, Fault, nearest
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.rules.rule import Rule

__all__ = ["BUILT_IN", "Guardrail", "Guardrails"]

Guardrail = Bounds | Check | PersonalData | Permissions | Untrusted
"""What can be given under a name; a rule, a CEL text and a function are a :class:`Check` of the output."""

BUILT_IN: Final[Mapping[str, Guardrail]] = MappingProxyType(
    {
        "personal_data": PersonalData(),
        "untrusted": Untrusted(),
        "untrusted_tools": Untrusted(inputs=False),
    }
)
"""What is there unless the operator gives something else under the same name."""


class Guardrails(Mapping[str, Guardrail]):
    """The guardrails of an operator, and those that are built in. Called, it gives the watch over an execution.

    Args:
        given: Guardrails by name.

    Raises:
        AgentInvalid: Something is no guardrail; every fault is named.
    """

    def __init__(self, given: Mapping[str, Guardrail | Rule | str | Callable[..., Any]] | None = None) -> None:
        faults: list[Fault] = []
        self._named = {**BUILT_IN, **{name: _read(name, one, faults) for name, one in (given or {}).items()}}
        if faults:
            raise AgentInvalid("the guardrails are not valid", faults=faults)

    def __getitem__(self, name: str) -> Guardrail:
        return self._named[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    def faults(self, definition: AgentDefinition) -> Iterator[Fault]:
        """A fault for each guardrail that an agent names and nobody has given."""
        for name in definition.guardrails:
            if name not in self:
                yield Fault("guardrails", f"there is no guardrail '{name:.80}'", nearest(name, tuple(self)))

    def __call__(self, definition: AgentDefinition, execution: AgentExecution) -> Watch | None:
        """The watch over an execution of that agent; None where it names no guardrail.

        Raises:
            AgentInvalid: It names one that is not there any more.
        """
        if not definition.guardrails:
            return None
        named = self._of(definition)
        found = list(named.values())
        return Watch(
            definition=definition,
            execution=execution,
            checks={name: one for name, one in named.items() if isinstance(one, Check)},
            privacies=self._privacies(definition, execution.conversation_id or execution.id),
            fences=[one.fence(execution.id) for one in found if isinstance(one, Untrusted)],
            bounds={name: one for name, one in named.items() if isinstance(one, Bounds)},
            permissions=[one for one in found if isinstance(one, Permissions)],
        )

    def _of(self, definition: AgentDefinition) -> dict[str, Guardrail]:
        if faults := list(self.faults(definition)):
            raise AgentInvalid(f"agent '{definition.id}' cannot be watched over", faults=faults)
        return {name: self[name] for name in definition.guardrails}

    def _privacies(self, definition: AgentDefinition, owner: str) -> list[Privacy]:
        named = self._of(definition).values()
        return [Privacy(one, owner) for one in named if isinstance(one, PersonalData)]

    def concealed(self, definition: AgentDefinition, owner: str, value: Any) -> Any:
        """What is kept of a message, or another JSON value, that belongs to a conversation with that agent.

        Raises:
            AgentInvalid: The agent names a guardrail that is not there any more.
        """
        for privacy in self._privacies(definition, owner):
            value = privacy.message(value) if isinstance(value, ChatMessage) else privacy.around(value)
        return value


def _read(name: str, given: Any, faults: list[Fault]) -> Guardrail:
    if isinstance(given, Guardrail):
        return given
    try:
        return Check(given)
    except AgentInvalid as error:
        faults += [Fault(name, fault.message, fault.remedy) for fault in error.faults]
        return BUILT_IN["untrusted"]
