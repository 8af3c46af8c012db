"""A conversation in the terminal: what is said, the answer while it is made, and the file that it is kept in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import click

from circuit_breaker.cli.output import Output
from circuit_breaker.cli.providers import SCRIPTED, router_of
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import visible
from circuit_breaker.errors import CircuitBreakerError, DataInvalid
from circuit_breaker.executors.assistant import AssistantExecutor
from circuit_breaker.llm.loop.events import AnswerDelta, LoopEvent, ModelAnswered, ToolEnded, ToolStarted
from circuit_breaker.llm.loop.outcome import APPROVAL_NEEDED
from circuit_breaker.llm.memory import ConversationMemory
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["Conversation", "Talk", "lines"]


@attrs.frozen
class Talk:
    """How a conversation is led.

    Attributes:
        output: Where answers are shown.
        toolset: What the model may call.
        model: Which one.
        provider: Who is asked, or None for whoever the router chooses.
        system: What the model is told to be and to do.
        approve: Names of tools before whose calls a person is asked.
        conversation: Where it is kept, or None.
        memory_tokens: Most tokens of what is remembered.
        temperature: That of the model, or None.
        budget: US dollars that all conversations of a month may cost, or None.
        storage: Where that is counted.
    """

    output: Output
    toolset: Toolset
    model: str = attrs.field(kw_only=True)
    provider: str | None = attrs.field(kw_only=True, default=None)
    system: str | None = attrs.field(kw_only=True, default=None)
    approve: tuple[str, ...] = attrs.field(kw_only=True, default=())
    conversation: Path | None = attrs.field(kw_only=True, default=None)
    memory_tokens: int = attrs.field(kw_only=True, default=8000)
    temperature: float | None = attrs.field(kw_only=True, default=None)
    budget: Decimal | None = attrs.field(kw_only=True, default=None)
    storage: str = attrs.field(kw_only=True, default="")

    @property
    def interactive(self) -> bool:
        """Whether a person types what is said."""
        return sys.stdin.isatty() and not self.output.json

    def parameters(self) -> dict[str, Any]:
        """Those of the executor."""
        model = f"{SCRIPTED}/demo" if self.provider == SCRIPTED else self.model
        given = {"system_prompt": self.system, "memory_tokens": self.memory_tokens}
        sampling = {} if self.temperature is None else {"temperature": self.temperature}
        return {"model": model, "tools": [self.toolset], "approve": list(self.approve), "parameters": sampling, **given}


class Conversation:
    """What was said, and is remembered from line to line.

    Raises:
        DataInvalid: The file holds no conversation.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._memory = self._kept()
        self._tokens = 0

    def hear(self, line: str) -> None:
        """Does what a line asks; an error is told, and the talk goes on where a person types."""
        match line:
            case "":
                return
            case "/clear":
                self._memory.clear()
                self._keep()
            case "/usage":
                usage = self._memory.usage
                self._talk.output.note(f"{self._tokens} tokens taken; {usage.tokens} of {usage.max_tokens} remembered")
            case _:
                self._heard(line)

    def _heard(self, line: str) -> None:
        try:
            self.say(line)
        except KeyboardInterrupt:
            if not self._talk.interactive:
                raise
            click.echo(err=True)  # behind the ^C
            self._talk.output.note("stopped; what was begun is forgotten")
        except CircuitBreakerError as error:
            if not self._talk.interactive:
                raise
            self._talk.output.fail(error)

    def say(self, text: str) -> None:
        """Says a text to the model, and shows what it answers."""
        outcome = complete(self._answered({"input": text}))
        while outcome["status"] == APPROVAL_NEEDED:
            asked = outcome["approval"]
            decisions = {call["digest"]: self._approved(call) for call in asked["calls"]}
            outcome = complete(self._answered({"resume": asked["document"], "approvals": decisions}))
        self._tokens += outcome["usage"]["total_tokens"]
        if self._talk.output.json:
            self._talk.output.record(outcome)
        elif outcome["status"] != "completed":
            self._talk.output.warn(f"ended early: {outcome['finish_reason']}")
        self._keep()

    def _approved(self, call: dict[str, str]) -> bool:
        shown = visible(f"call {call['name']} with {call['arguments']}?")
        try:
            return click.confirm(shown, default=False, err=True)
        except click.Abort:
            return False

    async def _answered(self, asked: dict[str, Any]) -> dict[str, Any]:
        parameters = {**self._talk.parameters(), **asked}
        if parameters["system_prompt"] is None:
            parameters["system_prompt"] = self._memory.system_prompt or None
        async with router_of(self._talk.provider, budget=self._talk.budget, storage=self._talk.storage) as router:
            assistant = AssistantExecutor.under(router=router)(**parameters).with_memory(self._memory)
            return await assistant.watch(self._shown).execute()

    def _shown(self, event: LoopEvent) -> None:
        """Shows an event: pieces of the answer as they come, and calls of tools on standard error."""
        output = self._talk.output
        match event:
            case AnswerDelta() if not output.json:
                click.echo(visible(event.text, keep="\n\t") if output.console.is_terminal else event.text, nl=False)
            case ModelAnswered() if not output.json and event.response.content:
                click.echo()
            case ToolStarted():
                output.note(f"  calling {event.call.name} {event.call.arguments}")
            case ToolEnded() if event.result.is_error:
                output.note(f"  {event.call.name} failed: {event.result.content[:200]}")

    # The file

    def _kept(self) -> ConversationMemory:
        path = self._talk.conversation
        if path is None or not path.exists():
            return ConversationMemory(self._talk.system or "", self._talk.memory_tokens)
        try:
            return ConversationMemory.restore(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise DataInvalid(f"'{path}' holds no conversation: {error}", remedy="name another file") from error

    def _keep(self) -> None:
        """Writes the file, all of it or nothing; only its owner can read it."""
        path = self._talk.conversation
        if path is None:
            return
        beside = path.with_name(f".{path.name}.new")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(self._memory.export(), ensure_ascii=False), "utf-8")
        beside.replace(path)


def lines(*, interactive: bool) -> Iterator[str]:
    """What is typed or piped, line by line; Ctrl-C at the prompt begins a new line."""
    if not interactive:
        yield from sys.stdin
        return
    while True:
        try:
            yield input("> ")
        except KeyboardInterrupt:
            click.echo()
        except EOFError:
            click.echo()
            return
