"""Chains: which function runs after another, with what, and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import attrs

from circuit_breaker.errors import FunctionInvalid
from circuit_breaker.functions.mapping import FULL_DATA, InputMapping
from circuit_breaker.functions.status import ExecutionStatus
from circuit_breaker.functions.subject import as_condition
from circuit_breaker.rules import Rule, Verdict
from circuit_breaker.workflow.timing import Duration, seconds
from circuit_breaker.workflow.token import Token

__all__ = ["ALWAYS", "ON_FAILURE", "ON_SUCCESS", "ChainCondition", "FunctionChain", "ring"]

Kind = Literal["Always", "OnSuccess", "OnFailure", "Custom"]
FAILURES: Final = frozenset({ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT})


@attrs.frozen
class ChainCondition:
    """When a link of a chain is followed.

    Attributes:
        kind: ``Always`` (however the function ended), ``OnSuccess``, ``OnFailure`` (a timeout is one), or ``Custom``.
        rule: What must hold for ``Custom``; None for the others.
    """

    kind: Kind
    rule: Rule | None = None

    @classmethod
    def custom(cls, condition: Any) -> ChainCondition:
        """When a rule holds: a Rule, the name of one, or CEL text.

        ``data`` is the output of the function before, ``state`` its status, and ``metadata.error`` what went wrong.
        """
        return cls("Custom", as_condition(condition))

    @classmethod
    def of(cls, value: Any) -> ChainCondition:
        """The condition that is meant: one already, its name in whatever spelling, or ``{"Custom": ...}``.

        Raises:
            FunctionInvalid: It is none.
        """
        if isinstance(value, ChainCondition):
            return value
        if isinstance(value, Mapping) and len(value) == 1 and _plain(next(iter(value))) == "custom":
            return cls.custom(next(iter(value.values())))
        found = _NAMED.get(_plain(value)) if isinstance(value, str) else None
        if found is None:
            remedy = "one of: Always, OnSuccess, OnFailure, {'Custom': 'data.total > 100'}"
            raise FunctionInvalid(f"{value!r:.60} is no condition of a chain", remedy=remedy)
        return found

    def judge(self, status: ExecutionStatus, token: Token, rule: Rule | None = None) -> Verdict:
        """Whether the link is followed after an execution that ended like this.

        Args:
            status: How it ended.
            token: What it gave.
            rule: The rule of ``Custom`` with the names in it looked up.
        """
        if self.rule is not None:
            return (self.rule if rule is None else rule).judge(token)
        wanted = _WANTED[self.kind]
        passed = not wanted or status in wanted
        return Verdict(passed, f"the function before ended in {' or '.join(sorted(wanted)) or 'any way'}", seen=status)

    def to_document(self) -> Any:
        """The condition as JSON."""
        return self.kind if self.rule is None else {"Custom": self.rule.to_document()}


def _plain(name: object) -> str:
    return str(name).replace("_", "").lower()


ALWAYS: Final = ChainCondition("Always")
ON_SUCCESS: Final = ChainCondition("OnSuccess")
ON_FAILURE: Final = ChainCondition("OnFailure")
_NAMED: Final = {_plain(condition.kind): condition for condition in (ALWAYS, ON_SUCCESS, ON_FAILURE)}
_WANTED: Final[Mapping[str, frozenset[ExecutionStatus]]] = {
    "Always": frozenset(),
    "OnSuccess": frozenset({ExecutionStatus.SUCCESS}),
    "OnFailure": FAILURES,
}


def _chain_condition(value: Any) -> ChainCondition:
    return ChainCondition.of(value)


def _delay(value: Duration | None) -> float:
    return 0.0 if value is None else seconds(value, what="delay")


def _mapping(value: Any) -> InputMapping:
    if not isinstance(value, InputMapping):
        raise FunctionInvalid(f"{value!r:.60} is no input mapping", remedy="give FullData(), FieldMapping({...}), ...")
    return value


@attrs.frozen
class FunctionChain:
    """A link to a function that runs next.

    Attributes:
        target_function: Its id.
        condition: When it is followed; always, when left out.
        input_mapping: How the input is made of the output of the function before.
        delay: Seconds to wait before it runs, also given as a timedelta or a text such as ``"5s"``.
    """

    target_function: str
    condition: ChainCondition = attrs.field(default=ALWAYS, converter=_chain_condition)
    input_mapping: InputMapping = attrs.field(default=FULL_DATA, converter=_mapping)
    delay: float = attrs.field(default=0.0, converter=_delay)

    def to_document(self) -> dict[str, Any]:
        """The link as JSON."""
        said: dict[str, Any] = {
            "target_function": self.target_function,
            "condition": self.condition.to_document(),
            "input_mapping": self.input_mapping.to_document(),
        }
        return said | ({"delay": self.delay} if self.delay else {})


def ring(links: Mapping[str, Collection[str]], start: str) -> tuple[str, ...]:
    """The functions that would run for ever, from one on and back to it; none where nothing leads back.

    Args:
        links: For each function those that it leads to.
        start: The function.
    """
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    waiting = deque([start])
    while waiting:
        function = waiting.popleft()
        for target in links.get(function, ()):
            if target == start:
                return (*ways[function], start)
            if target not in ways:
                ways[target] = (*ways[function], target)
                waiting.append(target)
    return ()
