"""Checks: rules and functions that judge what goes into an agent and what comes out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import attrs

from circuit_breaker.agents.numbers import is_count, is_duration
from circuit_breaker.data import freeze, thaw
from circuit_breaker.errors import AgentInvalid, CircuitBreakerError, Fault, words_of
from circuit_breaker.invocation import threaded
from circuit_breaker.llm.several import texts_of
from circuit_breaker.rules.rule import Rule, cel
from circuit_breaker.rules.verdict import Verdict

__all__ = ["Check", "Finding", "Masked"]

Judge = Callable[[Mapping[str, Any]], Any | Awaitable[Any]]
_ACTIONS: Final = ("fail", "mask", "retry")
_SIDES: Final = ("input", "output")


@attrs.frozen
class Masked:
    """What a function answers that lets an output pass in another form.

    Attributes:
        output: The output that counts.
    """

    output: Any


@attrs.frozen(kw_only=True)
class Finding:
    """What a check has found.

    Attributes:
        why: What is wrong; empty where nothing is.
        masked: The output in another form.
        changed: Whether there is another form.
    """

    why: str = ""
    masked: Any = None
    changed: bool = False


def _judge(value: Any) -> Any:
    return cel(value) if isinstance(value, str) else value


@attrs.frozen
class Check:
    """A condition that what goes in or what comes out must meet.

    ::

        Check(cel("data.output.confidence_score >= 1 && data.output.confidence_score <= 10"), action="retry")
        Check("!data.input.question.contains('password')", on="input", message="passwords are none of its business")

    A rule reads ``data.input``, ``data.output``, ``data.context`` and ``data.agent``; without an output schema the
    output is ``{"text": ...}``. A function, async or plain, is given the same mapping without ``data``: True lets
    pass; False, or a text that says why, does not; :class:`Masked` lets another output pass. One that fails, takes too
    long or answers nothing does not let pass.

    Attributes:
        judge: A rule, a CEL text, or a function.
        on: ``"input"`` or ``"output"``.
        action: What becomes of an output that does not pass: ``"fail"``; ``"mask"``: its texts are replaced; or
            ``"retry"``: the model is told why and answers again. An input that does not pass fails.
        message: What is said of it; the rule in words unless given.
        mask: What stands in the place of texts.
        fields: Dotted paths in the output that are masked; all texts in it unless given, or where none is there.
        retries: How often the model may answer again.
        seconds: How long a function may take.

    Raises:
        AgentInvalid: Something of this is wrong; every fault is named.
    """

    judge: Any = attrs.field(converter=_judge)
    on: Literal["input", "output"] = attrs.field(default="output", kw_only=True)
    action: Literal["fail", "mask", "retry"] = attrs.field(default="fail", kw_only=True)
    message: str = attrs.field(default="", kw_only=True)
    mask: str = attrs.field(default="[withheld]", kw_only=True)
    fields: tuple[str, ...] = attrs.field(default=(), converter=texts_of, kw_only=True)
    retries: int = attrs.field(default=2, kw_only=True)
    seconds: float = attrs.field(default=10.0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        faults = []
        if not callable(self.judge):  # a rule is a function too
            faults.append(Fault("judge", f"{self.judge!r:.60} judges nothing", "give a rule, a CEL text or a function"))
        if self.on not in _SIDES:
            faults.append(Fault("on", f"there is no side {self.on!r:.40}", "give 'input' or 'output'"))
        if self.action not in _ACTIONS or (self.on == "input" and self.action != "fail"):
            faults.append(Fault("action", f"{self.action!r:.40} is not possible here", "an input can only fail"))
        if not is_count(self.retries, least=0):
            faults.append(Fault("retries", f"{self.retries!r:.40} is no number of times", "give a whole number from 0"))
        if not is_duration(self.seconds) and self.seconds != float("inf"):
            faults.append(Fault("seconds", f"{self.seconds!r:.40} is no time", "give seconds, more than 0"))
        if faults:
            raise AgentInvalid("the check is not valid", faults=faults)

    @property
    def is_pure(self) -> bool:
        """Whether it says the same whenever it is asked."""
        return isinstance(self.judge, Rule)

    async def found(self, data: Mapping[str, Any]) -> Finding:
        """What it has to say of ``{"input": ..., "output": ..., "context": ..., "agent": ...}``; it never fails."""
        if isinstance(self.judge, Rule):
            return self._of_verdict(self.judge.judge(_Subject(freeze(data))))
        try:
            async with asyncio.timeout(self.seconds):
                answer = _plain(await threaded(self.judge, thaw(freeze(data))))
        except TimeoutError:
            return Finding(why=f"it took longer than {self.seconds:g} seconds to judge")
        except CircuitBreakerError as error:
            return Finding(why=f"it could not be judged: {error.message}")
        except Exception as error:  # noqa: BLE001 - a function may raise anything, and then nothing passes
            return Finding(why=f"it could not be judged: {type(error).__name__}: {words_of(error)[:500]}")
        return self._of_answer(answer)

    def _of_verdict(self, verdict: Verdict) -> Finding:
        if verdict.passed:
            return Finding()
        reasons = sorted({leaf.reason for leaf in verdict.failures() if leaf.reason})
        told = f" ({'; '.join(reasons)})" if reasons else ""
        return Finding(why=self.message or f"{verdict.text} does not hold{told}")

    def _of_answer(self, answer: Any) -> Finding:
        match answer:
            case True:
                return Finding()
            case Masked():
                return Finding(masked=answer.output, changed=True)
            case Verdict():
                return self._of_verdict(answer)
            case str():
                return Finding(why=answer or self.message or "it was refused")
            case False:
                return Finding(why=self.message or "it was refused")
        given = "nothing" if answer is None else f"a {type(answer).__name__}"
        return Finding(why=f"it could not be judged: the function gave {given}")

    def masked(self, output: Any) -> Any:
        """The output with its texts, or those at the fields, replaced."""
        masked = output
        for path in self.fields:
            masked = _at(masked, path.split("."), self.mask)
        return _masked(output, self.mask) if masked is output else masked


@attrs.frozen
class _Subject:
    """What rules judge, in the form of a token."""

    data: Any
    id: str = ""
    state: str = ""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    results: Mapping[str, Any] = attrs.field(factory=dict)


def _plain(answer: Any) -> Any:
    """The answer; another output in it is JSON.

    Raises:
        DataInvalid: It is none.
    """
    return Masked(thaw(freeze(answer.output))) if isinstance(answer, Masked) else answer


def _masked(value: Any, mask: str) -> Any:
    if isinstance(value, str):
        return mask
    if isinstance(value, Mapping):
        return {name: _masked(inner, mask) for name, inner in value.items()}
    return [_masked(inner, mask) for inner in value] if isinstance(value, (list, tuple)) else value


def _at(value: Any, steps: list[str], mask: str) -> Any:
    if not steps:
        return mask
    if not isinstance(value, Mapping) or steps[0] not in value:
        return value
    return {**value, steps[0]: _at(value[steps[0]], steps[1:], mask)}
