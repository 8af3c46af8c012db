"""Needs about tokens: that one comes, leaves, or is let go by the action that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

from circuit_breaker.data import Data
from circuit_breaker.workflow.events import ActionFailed
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.explain.need import Need, carrying
from circuit_breaker.workflow.explain.situation import Situation
from circuit_breaker.workflow.token import Token

__all__ = ["AwaitAction", "BringToken", "EmptyState", "ResolveDoubt"]


@attrs.frozen
class BringToken(Need):
    """A token comes into a state.

    Attributes:
        state: The state.
        like: The id of the token whose data it carries, since it would come from there; empty for none.
        data: What it carries beside that: the key by which the tokens are joined.
    """

    kind = "token"
    state: str
    like: str = ""
    data: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def plain(self) -> bool:
        return not self.data

    @property
    def text(self) -> str:
        return carrying(f"a token in '{self.state}'", self.data)

    def supposed(self, situation: Situation) -> Situation:
        case = situation.case
        model = next((token for token in case.marking if token.id == self.like), Token("", ""))
        token = msgspec.structs.replace(
            model, id=f"{case.id}.{case.minted + 1}", state=self.state, data=Data({**model.data, **self.data}),
            entered=situation.moment, sequence=case.sequence + 1,
        )  # fmt: skip
        marking = case.marking.change((), [(self.state, token)])
        return situation.with_case(marking=marking, minted=case.minted + 1, sequence=case.sequence + 1)


@attrs.frozen
class EmptyState(Need):
    """A token leaves a state, where none may be, or not so many.

    Attributes:
        state: The state.
        token: The id of the token that leaves it.
    """

    kind = "empty"
    state: str
    token: str

    @property
    def text(self) -> str:
        return f"no token '{self.token}' in '{self.state}'"

    def supposed(self, situation: Situation) -> Situation:
        case = situation.case
        gone = [(self.state, token) for token in case.marking.at(self.state) if token.id == self.token]
        return situation.with_case(marking=case.marking.change(gone, ()))


@attrs.frozen
class AwaitAction(Need):
    """An action in progress ends and leaves its tokens where they are, since it was refused or failed.

    Attributes:
        key: The idempotency key of the action.
        transition: The id of its transition.
    """

    kind = "action"
    key: str
    transition: str

    @property
    def text(self) -> str:
        return f"the end of the action of '{self.transition}', if its tokens stay"

    def supposed(self, situation: Situation) -> Situation:
        case = situation.case
        consumed = next((pending.consumed for pending in case.pending if pending.key == self.key), ())
        ended = ActionFailed(
            case.id, case.sequence + 1, situation.moment, "", self.transition, consumed, key=self.key
        )  # fmt: skip
        return attrs.evolve(situation, case=evolve(case, ended))


@attrs.frozen
class ResolveDoubt(AwaitAction):
    """Somebody says that an action in doubt was not done."""

    kind = "doubt"

    @property
    def text(self) -> str:
        return f"a word that the action of '{self.transition}', which is in doubt, was not done"
