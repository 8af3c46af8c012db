"""The base of assistants and agents: a model with tools at work, as an executor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, ClassVar

import attrs

from circuit_breaker.errors import (
    ActionError,
    CircuitBreakerError,
    DataInvalid,
    DefinitionError,
    Fault,
    LLMError,
    ParameterInvalid,
)
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.models.building import ModelBuilding
from circuit_breaker.executors.models.progress import LoopProgress
from circuit_breaker.executors.models.sampling import form_of, sampling_faults
from circuit_breaker.executors.models.settings import LOCAL_OLLAMA, UnknownProvider
from circuit_breaker.executors.models.tools import gathered_tools, tool_faults
from circuit_breaker.executors.models.window import Window
from circuit_breaker.llm.loop.approvals import Decisions, checked_decisions, said_of
from circuit_breaker.llm.loop.events import LoopEvent
from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.loop.loop import Loop
from circuit_breaker.llm.loop.model import answering
from circuit_breaker.llm.loop.options import LoopOptions
from circuit_breaker.llm.loop.outcome import LoopOutcome
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings, Tell
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.provider import Provider
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.tools.context import ToolContext

__all__ = ["ModelExecutor"]

_BUDGET = ("tokens", "dollars", "seconds", "repeats", "repairs", "unpriced")


@parameter("model", default="gpt-4", description="Which model answers: its name, provider/name, or a virtual model")
@parameter("model_provider", default=None, description="Who serves it; found out by the name of the model if left out")
@parameter("ollama_base_url", default=LOCAL_OLLAMA, description="Where Ollama is, if it is to answer")
@parameter("system_prompt", default=None, description="What the model is told to be and to do")
@parameter("tools", default=[], description="What it may call: tools, sets of tools, and names of tools")
@parameter("parameters", default={}, description="How it answers: temperature, top_p, top_k, max_tokens and others")
@parameter("max_iterations", default=10, minimum=1, description="How often the model is asked at most")
@parameter("budget", default={}, description="What it may take: tokens, dollars, seconds")
@parameter("output_schema", default=None, description="JSON Schema that the answer must fit; it is then 'parsed'")
@parameter("stop_after", default=[], description="Names of tools after which the work is over")
@parameter("approve", default=[], description="Names of tools of which a person must approve each call")
@parameter("memory_tokens", default=4000, minimum=1, description="Most tokens of the conversation that it is shown")
@parameter("memory_size", default=None, minimum=1, description="Most messages of the conversation that it is shown")
@parameter("memory_enabled", default=True, description="Whether it remembers what was said, from call to call")
@parameter("resume", default=None, description="Where to go on: the document of an outcome that needed approval")
@parameter("approvals", default=None, description="What was decided: the digest of the calls, false, or both by call")
class ModelExecutor(ModelBuilding, abstract=True):
    """A model with tools at work.

    Who may answer is the operator's to say: ``.under(providers=[...])`` or ``.under(router=...)``.
    """

    model: str | None
    model_provider: str | None
    ollama_base_url: str
    system_prompt: str | None
    tools: list[Any]
    parameters: dict[str, Any]
    max_iterations: int
    budget: dict[str, Any]
    output_schema: dict[str, Any] | None
    stop_after: list[str]
    approve: list[str]
    memory_tokens: int
    memory_size: int | None
    memory_enabled: bool
    resume: dict[str, Any] | None
    approvals: str | bool | dict[str, bool] | None

    # Checks

    @validate
    def model_is_known(self, context: dict[str, Any]) -> None:
        """A model is named, and who serves it is found out where nobody says so."""
        if not context["model"]:
            fault = Fault("parameter 'model'", "missing required parameter: model", "name one, such as 'gpt-4'")
            raise ParameterInvalid(faults=[fault])
        if self.settings.router is not None:
            return
        if context["model_provider"] is None:
            context["model_provider"], context["model"] = self.settings.detected(context["model"])
        try:
            self._provider(context)
        except UnknownProvider as error:
            hint = f"let the operator give one: {type(self).__name__}.under(providers=[...]) or .under(router=...)"
            raise ParameterInvalid(faults=[Fault("parameter 'model_provider'", str(error), hint)]) from None

    @validate
    def work_is_well_described(self, context: dict[str, Any]) -> None:
        """Parameters, tools, limits and forms are right."""
        if faults := list(self._faults(context)):
            raise ParameterInvalid(faults=faults)

    def _faults(self, context: Mapping[str, Any]) -> Iterator[Fault]:
        faults = list(tool_faults(context["tools"], self.settings.tools, context["approve"]))
        yield from faults
        tools = () if faults else gathered_tools(context["tools"], self.settings.tools).definitions()
        yield from sampling_faults(context["parameters"], tools)
        yield from _budget_faults(context)
        try:
            form_of(context["output_schema"])
        except CircuitBreakerError as error:
            yield Fault("parameter 'output_schema'", error.message, error.remedy)
        readings: dict[str, Callable[[Mapping[str, Any]], object]] = {"resume": self._resumed, "approvals": _decided}
        for name, read in readings.items():
            try:
                read(context)
            except CircuitBreakerError as error:
                yield Fault(f"parameter '{name}'", error.message, error.remedy)
        if context["resume"] is None and not self.said(context):
            yield Fault(
                f"parameter '{self.asks}'", f"missing required parameter: {self.asks}", "say what is to be done"
            )

    # The work

    asks: ClassVar[str] = "input"
    """The parameter that says what is to be done."""

    def said(self, context: Mapping[str, Any]) -> str:
        """What is to be done, as the model is told."""
        return context[self.asks] or ""

    def planned(self, context: Mapping[str, Any]) -> bool:
        """Whether a plan is to be made first."""
        del context
        return False

    def told(self, outcome: LoopOutcome, progress: LoopProgress) -> dict[str, Any]:
        """The outcome of the execution."""
        del progress
        return outcome.document()

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """Has the model work until it answers or has to stop."""
        limits = self._limits(context)
        progress = LoopProgress(self.execution, limits.iterations)
        try:
            await self.memory.condense()
            outcome = await self._worked(context, limits, self._telling(progress))
        except LLMError as error:
            raise ActionError(f"{error.message}{_where(error)}", code=error.code, remedy=error.remedy) from error
        return self._sealed(self.told(outcome, progress), context)

    def _sealed(self, told: dict[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
        """The outcome, whose document to go on from only we can have made."""
        approval = told.get("approval")
        if approval is None:
            return told
        sealed = self.settings.sealing.on(approval["document"], after=context["resume"])
        return {**told, "approval": {**approval, "document": sealed}}

    async def _worked(self, context: Mapping[str, Any], limits: LoopLimits, tell: Tell) -> LoopOutcome:
        begun, window = self._begun(context)
        options = LoopOptions(
            limits=limits,
            plan=self.planned(context),
            stop_when=tuple(map(_called, context["stop_after"])),
            streamed=self._watcher is not None,
            retries=self.settings.retries,
            view=window.view,
        )
        toolset = gathered_tools(context["tools"], self.settings.tools, context["approve"])
        roles: Any = self.settings.roles
        async with self._source(context) as model:
            loop = Loop(
                answering(model, tenant=self.settings.tenant),
                self._request(context),
                toolset,
                options=options,
                context=ToolContext(roles=roles, work=self.execution.idempotency_key),
            )
            self._use(context, begun)
            around = Surroundings(tell=tell, keep=self.execution.step)
            outcome = await loop.run(begun, decisions=_decided(context), around=around)
        window.remember(outcome)
        return outcome

    def _telling(self, progress: LoopProgress) -> Tell:
        watcher = self._watcher

        def tell(event: LoopEvent) -> None:
            progress.tell(event)
            if watcher is not None:
                watcher(event)

        return tell

    def _source(self, context: Mapping[str, Any]) -> AbstractAsyncContextManager[Any]:
        """Who answers, open for the block."""
        router = self.settings.router
        return nullcontext(router) if router is not None else self._provider(context)

    def _provider(self, context: Mapping[str, Any]) -> Provider:
        return self.settings.provider(context["model_provider"], ollama=context["ollama_base_url"])

    def _request(self, context: Mapping[str, Any]) -> ChatCompletionRequest:
        named = self.settings.router is not None and context["model_provider"]
        model = f"{context['model_provider']}/{context['model']}" if named else context["model"]
        form = form_of(context["output_schema"])
        return ChatCompletionRequest(model=model, messages=(), response_format=form, **context["parameters"])

    def _begun(self, context: Mapping[str, Any]) -> tuple[LoopState, Window]:
        """Where the loop begins, and what of it the model is shown."""
        memory = self.memory
        if context["system_prompt"] is not None:
            memory.system_prompt = context["system_prompt"]
        resumed = self._resumed(context)
        if resumed is not None:
            return resumed, Window(memory, resumed=True, kept=context["memory_enabled"])
        history = memory.history if context["memory_enabled"] else ()
        messages = (*history, user(self.said(context)))
        return LoopState(messages=messages), Window(memory, begun=len(history), kept=context["memory_enabled"])

    def _resumed(self, context: Mapping[str, Any]) -> LoopState | None:
        document = context["resume"]
        if document is None:
            return None
        opened = self.settings.sealing.opened(document, self.execution.results)
        return LoopState.from_document(opened)

    def _use(self, context: Mapping[str, Any], begun: LoopState) -> None:
        """Notes what was decided on the calls that wait, so that it is carried out once.

        Raises:
            ParameterInvalid: It was, by other work.
        """
        decided = [f"{begun.iteration} {digest}" for digest in said_of(_decided(context), begun.pending)]
        try:
            if decided:
                work = self.execution.idempotency_key
                self.settings.sealing.use(context["resume"], self.execution.results, decided, work=work)
        except DataInvalid as error:
            raise ParameterInvalid(faults=[Fault("parameter 'resume'", error.message, error.remedy)]) from None

    def _limits(self, context: Mapping[str, Any]) -> LoopLimits:
        limits = LoopLimits(iterations=context["max_iterations"], **context["budget"])
        return self.settings.limited(limits)


def _decided(context: Mapping[str, Any]) -> Decisions:
    return checked_decisions(context["approvals"])


def _called(name: str) -> Any:
    """Whether the tool of that name was called in the last round."""

    def stop(state: LoopState) -> bool:
        return any(call.call.name == name for call in state.calls if call.iteration == state.iteration)

    return stop


def _budget_faults(context: Mapping[str, Any]) -> Iterator[Fault]:
    unknown = [name for name in context["budget"] if name not in _BUDGET]
    for name in unknown:
        yield Fault(f"parameter 'budget.{name}'", "is not known", f"known: {', '.join(_BUDGET)}")
    try:
        LoopLimits(**{name: value for name, value in context["budget"].items() if name in _BUDGET})
    except DefinitionError as error:
        yield from (attrs.evolve(fault, place=f"parameter 'budget.{fault.place}'") for fault in error.faults)


def _where(error: LLMError) -> str:
    """Who was asked, and how often, where the message does not say so already."""
    told = {"provider": error.provider, "model": error.model}
    missing = ", ".join(f"{name} {value}" for name, value in told.items() if value and value not in error.message)
    tried = f", attempt {error.attempt}" if error.attempt > 1 else ""
    return f" ({missing}{tried})" if missing else ""
