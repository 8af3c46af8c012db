"""The watch over one execution: all the guardrails that its agent names."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from circuit_breaker.agents.context import PARTS
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.guardrails.bounds import Bounds
from circuit_breaker.agents.guardrails.checks import Check, Finding
from circuit_breaker.agents.guardrails.permissions import Permissions
from circuit_breaker.agents.guardrails.privacy import Privacy, PrivateModel
from circuit_breaker.agents.guardrails.private_tools import private_tools
from circuit_breaker.agents.guardrails.untrusted import Fence, FencedModel
from circuit_breaker.data import thaw
from circuit_breaker.errors import GuardrailViolated
from circuit_breaker.llm.loop.events import AnswerDelta, LoopEvent, ModelAnswered, ToolReported
from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.loop.outcome import COMPLETED, LoopOutcome
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.messages import ChatMessage, assistant, user
from circuit_breaker.llm.parts import Text
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.rules.schema import misfits

__all__ = ["Watch"]

_AGAIN: Final = "That cannot be given out: {why}. Give the whole answer again, without that fault."

_TEXT: Final = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

GoOn = Callable[[LoopState], Awaitable[LoopOutcome]]


@attrs.define(eq=False, kw_only=True)
class Watch:
    """What an execution passes through.

    Attributes:
        definition: Of the agent.
        execution: As it was when the watch began.
        checks: What is judged, by name, in order.
        privacies: What is hidden.
        fences: What is marked as data.
        permissions: What is allowed.
        bounds: What it may take, by name.
    """

    definition: AgentDefinition
    execution: AgentExecution
    checks: Mapping[str, Check] = attrs.field(factory=dict)
    privacies: Sequence[Privacy] = ()
    fences: Sequence[Fence] = ()
    permissions: Sequence[Permissions] = ()
    bounds: Mapping[str, Bounds] = attrs.field(factory=dict)
    _judging: bool = attrs.field(init=False)
    _releasing: bool = False

    @_judging.default
    def _judges_the_output(self) -> bool:
        return any(check.on == "output" for check in self.checks.values())

    # What is kept

    def admitted(self, execution: AgentExecution) -> AgentExecution:
        """The execution as it is kept: its input and its context without personal data; ids stay."""
        for privacy in self.privacies:
            parts = {part: privacy.around(thaw(getattr(execution.context, part))) for part in PARTS}
            context = attrs.evolve(execution.context, **parts)
            execution = attrs.evolve(execution, input=privacy.hider.value(thaw(execution.input)), context=context)
        self.execution = execution
        return execution

    def text(self, text: str) -> str:
        """A text as it is kept."""
        for privacy in self.privacies:
            text = privacy.hider.text(text)
        return text

    def _value(self, value: Any) -> Any:
        """A JSON value as it is kept."""
        for privacy in self.privacies:
            value = privacy.hider.value(thaw(value))
        return value

    def conceal(self, document: Any) -> Any:
        """What is kept of a JSON value: all of it, because it was hidden on its way."""
        return document

    # What goes to the model and its tools

    def inserted(self, name: str, text: str) -> str:
        """What stands in a prompt for a variable."""
        for fence in self.fences:
            text = fence.inserted(name, text)
        return text

    def model(self, model: Answering) -> Answering:
        """Who answers, seen through the watch."""
        for privacy in self.privacies:
            model = PrivateModel(model, privacy)
        for fence in self.fences:
            model = FencedModel(model, fence)
        return model

    def tools(self, tools: Toolset) -> Toolset:
        """The tools that are left."""
        for privacy in self.privacies:
            tools = private_tools(tools, privacy)
        for permission in self.permissions:
            tools = permission.narrowed(tools, self.execution.context)
        return tools

    def limits(self, limits: LoopLimits) -> LoopLimits:
        """What the execution may take."""
        for bound in self.bounds.values():
            limits = bound.narrowed(limits)
        return limits

    # What is told

    def telling(self, event: LoopEvent) -> Iterable[LoopEvent]:
        """What is told in place of an event: an answer that will be judged is told when it has passed."""
        if isinstance(event, ToolReported):
            told = attrs.evolve(event.progress, message=self.text(event.progress.message))
            return (attrs.evolve(event, progress=told),)
        if self._judging and not self._releasing and isinstance(event, AnswerDelta | ModelAnswered):
            return ()
        return (event,)

    # What is judged

    def _on(self, side: str) -> dict[str, Check]:
        return {name: check for name, check in self.checks.items() if check.on == side}

    async def before(self, around: Surroundings) -> None:
        """Judges what goes in.

        Raises:
            GuardrailViolated: It is refused.
        """
        for name, bound in self.bounds.items():
            if why := bound.exceeded(self.execution.depth):
                raise self._violated("input", name, why)
        for name, check in self._on("input").items():
            found = await self._found(name, check, around, {"output": None})
            if found.why:
                raise self._violated("input", name, found.why)

    async def concluded(self, outcome: LoopOutcome, around: Surroundings, go_on: GoOn) -> LoopOutcome:
        """The outcome that counts: judged, in another form, or that of another answer.

        Args:
            outcome: What the loop came to.
            around: Who is told, and who keeps what was judged.
            go_on: Goes on with the loop.

        Raises:
            GuardrailViolated: It is refused.
        """
        tried: dict[str, int] = {}
        while self._judging and (outcome.status == COMPLETED or outcome.reason == "stop_condition"):
            outcome, again = await self._judged(outcome, around, tried)
            if not again:
                self._release(outcome, around)
                break
            outcome = await go_on(outcome.state.plus(user(again)))
        return outcome

    async def _judged(
        self, outcome: LoopOutcome, around: Surroundings, tried: dict[str, int]
    ) -> tuple[LoopOutcome, str]:
        """The outcome as it counts, and what the model is told to answer again, or an empty text."""
        structured = self.definition.output_schema is not None
        before = output = outcome.parsed if structured else {"text": outcome.output}
        for name, check in self._on("output").items():
            found = await self._found(f"{outcome.state.iteration}/{name}", check, around, {"output": output})
            if found.changed:
                output = found.masked
            elif found.why and check.action == "mask":
                output = check.masked(output)
            elif found.why and check.action == "retry" and tried.get(name, 0) < check.retries:
                tried[name] = tried.get(name, 0) + 1
                return outcome, _AGAIN.format(why=found.why)
            elif found.why:
                raise self._violated("output", name, found.why)
        return (outcome if output is before else self._changed(outcome, before, output)), ""

    def _changed(self, outcome: LoopOutcome, before: Any, output: Any) -> LoopOutcome:
        """The outcome with another output; where a placeholder did not fit before, nothing must.

        Raises:
            GuardrailViolated: That does not fit the output schema.
        """
        schema = self.definition.output_schema
        fitting = schema if schema is not None else _TEXT
        hidden = {place for place, _ in misfits(fitting, thaw(before))} if self.privacies else set()
        if faults := [f"{place}: {what}" for place, what in misfits(fitting, thaw(output)) if place not in hidden]:
            raise self._violated("output", "", f"what took its place does not fit: {'; '.join(faults)}")
        said = json.dumps(thaw(output), ensure_ascii=False) if schema is not None else output["text"]
        messages = (*outcome.state.messages[:-1], assistant(said))
        parsed = output if schema is not None else outcome.parsed
        return attrs.evolve(outcome, parsed=parsed, state=attrs.evolve(outcome.state, messages=messages))

    def remembered(self, said: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
        """What a conversation keeps: where answers are judged, what was refused or never judged is left out."""
        if not self._judging:
            return said
        answer = max((at for at, one in enumerate(said) if one.role == "assistant" and one.content), default=0)
        return [
            one if at in (0, answer) or one.role == "tool" else _without_text(one)
            for at, one in enumerate(said)
            if at in (0, answer) or one.role == "tool" or one.tool_calls
        ]

    async def _found(self, name: str, check: Check, around: Surroundings, more: Mapping[str, Any]) -> Finding:
        data = {
            "input": thaw(self.execution.input),
            "context": self.execution.context.to_document(),
            "agent": self.definition.id,
            **more,
        }
        if check.is_pure:
            return await check.found(data)

        async def judged() -> Any:
            found = await check.found(data)
            return attrs.asdict(attrs.evolve(found, why=self.text(found.why), masked=self._value(found.masked)))

        return Finding(**await around.keep(f"guardrail/{name}", judged))

    def _violated(self, side: str, name: str, why: str) -> GuardrailViolated:
        by = f" by guardrail '{name.rpartition('/')[2]}'" if name else ""
        return GuardrailViolated(
            f"the {side} of agent '{self.definition.id}' was refused{by}: {self.text(why)}",
            remedy="give another input" if side == "input" else "ask in another way, or change the guardrail",
        )

    def _release(self, outcome: LoopOutcome, around: Surroundings) -> None:
        if not outcome.output:
            return
        self._releasing = True
        try:
            around.tell(AnswerDelta(iteration=outcome.state.iteration, text=outcome.output))
        finally:
            self._releasing = False


def _without_text(message: ChatMessage) -> ChatMessage:
    return attrs.evolve(message, parts=tuple(part for part in message.parts if not isinstance(part, Text)))
