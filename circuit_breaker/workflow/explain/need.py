"""Needs: the single changes that a transition may lack, each with its words and with what the case would be after it.

::

    Need
    ├── BringToken      a token comes into a state                          } in token_need
    ├── EmptyState      tokens leave a state that must be empty             }
    ├── AwaitAction     an action in progress ends                          }
    ├── ResolveDoubt    somebody says that an action in doubt was not done  }
    ├── SetValue        a value on the tokens is another
    ├── SendSignal      a signal comes
    ├── WaitUntil       the time of a timer comes
    ├── HaveRole        whoever fires it has a role
    └── FireAgain       somebody fires by hand what was refused or failed
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import attrs
import msgspec

from circuit_breaker.data import freeze_mapping, thaw
from circuit_breaker.rules.path import steps_of
from circuit_breaker.rules.remedy import PLACEHOLDER
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import SignalReceived
from circuit_breaker.workflow.explain.situation import Situation, on_the_second
from circuit_breaker.workflow.timing import in_words
from circuit_breaker.workflow.token import Token

__all__ = ["FireAgain", "HaveRole", "Need", "SendSignal", "SetValue", "WaitUntil", "carrying", "told"]


@attrs.frozen
class Need(abc.ABC):
    """One change."""

    kind: ClassVar[str]

    @property
    def weight(self) -> int:
        """How many changes it counts for."""
        return 1

    @property
    def plain(self) -> bool:
        """Whether it says no more than what is said to be missing."""
        return True

    @property
    @abc.abstractmethod
    def text(self) -> str:
        """The change in words."""

    @abc.abstractmethod
    def supposed(self, situation: Situation) -> Situation:
        """The situation after the change."""

    def to_document(self) -> dict[str, Any]:
        """The change as plain JSON."""
        said = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        return {"kind": self.kind, "text": self.text} | {name: _plain(value) for name, value in said.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else thaw(value)


def told(path: str, value: Any, *, other: bool) -> str:
    """A change of a value in words.

    Args:
        path: Its dotted path.
        value: The new value, or what stands for any.
        other: Whether there is a value already.
    """
    anything = "any other value" if other else "any value"
    return f"{path} = {anything if value == PLACEHOLDER else repr(thaw(value))}"


@attrs.frozen
class SetValue(Need):
    """A value on the tokens is another.

    Attributes:
        path: Its dotted path with its namespace, such as ``"data.author.name"``; a key with a dot is in backticks.
        value: The new value; ``"<any value>"`` where any will do.
        whole: The value of the top-level key with it, which is what somebody who fires has to give.
        tokens: The ids of the tokens that carry it.
        other: Whether there is a value already, that will not do.
    """

    kind = "value"
    path: str
    value: Any
    whole: Any
    tokens: tuple[str, ...]
    other: bool = False

    @property
    def key(self) -> str:
        """The top-level key in its namespace."""
        return steps_of(self.path)[1]

    @property
    def plain(self) -> bool:
        return False

    @property
    def text(self) -> str:
        return told(self.path, self.value, other=self.other) + (
            "" if self.path.startswith("data.") else " (set by an action)"
        )

    def supposed(self, situation: Situation) -> Situation:
        case = situation.case
        sequence = case.sequence + 1
        for token in [token for token in case.marking if token.id in self.tokens]:
            case = _replaced(case, token, self._set_on(token, sequence))
        return attrs.evolve(situation, case=msgspec.structs.replace(case, sequence=sequence))

    def _set_on(self, token: Token, sequence: int) -> Token:
        part = steps_of(self.path)[0]
        changed = freeze_mapping({**getattr(token, part), self.key: self.whole})
        return msgspec.structs.replace(token, sequence=sequence, **{part: changed})


@attrs.frozen
class SendSignal(Need):
    """A signal comes.

    Attributes:
        name: Its name.
        data: What it has to carry.
        paths: The dotted paths of the values in its data that matter; each counts as a change.
    """

    kind = "signal"
    name: str
    data: Mapping[str, Any] = attrs.field(factory=dict)
    paths: tuple[str, ...] = ()

    @property
    def weight(self) -> int:
        return 1 + len(self.paths)

    @property
    def plain(self) -> bool:
        return not self.data

    @property
    def text(self) -> str:
        return carrying(f"the signal '{self.name}'", self.data)

    def supposed(self, situation: Situation) -> Situation:
        case = situation.case
        sequence = case.sequence + 1
        came = SignalReceived(case.id, sequence, situation.moment, "", self.name, freeze_mapping(self.data))
        return situation.with_case(signals=(*case.signals, came), sequence=sequence)


@attrs.frozen
class WaitUntil(Need):
    """The time of a timer comes.

    Attributes:
        due: When, in UTC; None where its token is not there yet.
        delay: Seconds after the token enters its state, where that is still to come.
    """

    kind = "time"
    due: datetime | None = None
    delay: float = 0.0

    @property
    def text(self) -> str:
        return f"the time {on_the_second(self.due)}" if self.due else f"{in_words(self.delay)} of waiting"

    def supposed(self, situation: Situation) -> Situation:
        return attrs.evolve(situation, at=self.due or situation.moment + timedelta(seconds=self.delay))


@attrs.frozen
class HaveRole(Need):
    """Whoever fires it has one of these roles."""

    kind = "role"
    roles: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"the role {' or '.join(self.roles)}"

    def supposed(self, situation: Situation) -> Situation:
        return attrs.evolve(situation, roles=(situation.roles or frozenset()) | {self.roles[0]})


@attrs.frozen
class FireAgain(Need):
    """Somebody fires by hand what was refused or failed, and is not tried again by itself with these tokens."""

    kind = "again"
    transition: str

    @property
    def plain(self) -> bool:
        return False

    @property
    def text(self) -> str:
        return "somebody who fires it again"

    def supposed(self, situation: Situation) -> Situation:
        others = tuple(block for block in situation.case.blocked if block.transition != self.transition)
        return situation.with_case(blocked=others)


def carrying(what: str, data: Mapping[str, Any]) -> str:
    """What comes, in words, with what it has to carry."""
    carried = ", ".join(f"{key} = {thaw(value)!r}" for key, value in data.items())
    return f"{what} ({carried})" if carried else what


def _replaced(case: Case, token: Token, new: Token) -> Case:
    """The case with a token in the place of another, which keeps its turn among those of its state."""
    places = {place: tuple(new if held is token else held for held in tokens) for place, tokens in case.marking.items()}
    return msgspec.structs.replace(case, marking=type(case.marking)(places))
