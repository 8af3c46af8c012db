"""Ollama, which serves models on one's own machine. Source: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded, decoded_piece, whole_object
from circuit_breaker.llm.failures import NO_KINDS, Asked, VendorFault, http_failure
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Thinking, ToolCall
from circuit_breaker.llm.provider import Embeddings
from circuit_breaker.llm.providers.answers import misshapen
from circuit_breaker.llm.providers.base import HEALTH, HTTPProvider
from circuit_breaker.llm.providers.blocks import fetched
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.providers.extras import over
from circuit_breaker.llm.providers.openai_chat import fault_of
from circuit_breaker.llm.request import ChatCompletionRequest, ToolDefinition
from circuit_breaker.llm.response import FinishReason
from circuit_breaker.llm.sse import LineDecoder, ServerEvent
from circuit_breaker.llm.usage import Usage

__all__ = ["OllamaProvider"]

ADDRESS: Final = "http://localhost:11434"

_OPTIONS: Final = frozenset(
    {"temperature", "num_predict", "top_p", "top_k", "frequency_penalty", "presence_penalty", "stop", "seed"}
)
_REASONS: Final[Mapping[str, FinishReason]] = {"stop": "stop", "length": "length"}
_KNOWN: Final = frozenset({"model", "created_at", "message", "done", "done_reason", "error"})


class OllamaProvider(HTTPProvider):
    """Ollama. ``OllamaProvider()`` asks ``http://localhost:11434``, where ``ollama serve`` listens.

    Args:
        base_url: Where it is.
        name: What the user calls it.
        keep_alive: How long a model stays in memory after an answer, such as ``"10m"``; as the server has it unless
            given.
        options: See :class:`~circuit_breaker.llm.providers.base.HTTPProvider`.
    """

    kind = "ollama"
    family: ClassVar[str] = "ollama"

    def __init__(
        self, *, base_url: str = ADDRESS, name: str = "ollama", keep_alive: str | float | None = None, **options: Any
    ) -> None:
        super().__init__(name=name, base_url=base_url, **options)
        self._dialect = OllamaDialect(keep_alive)

    def dialect(self, model: str) -> Dialect:
        """The wire format that the model is asked in."""
        del model
        return self._dialect

    async def made_ready(self, request: ChatCompletionRequest, asked: Asked) -> ChatCompletionRequest:
        """The request with its images fetched: Ollama takes their bytes only."""
        able = self.profile(request.model).can("images")
        return await fetched(request, asked, self._connections, lambda media: able and isinstance(media, Image))

    async def models(self) -> tuple[str, ...]:
        """The names of the models that it has, in order."""
        asked = await self.asked()
        document = await self.document("api/tags", asked)
        with misshapen(asked):
            return tuple(sorted(one["name"] for one in document["models"]))

    async def ping(self) -> None:
        """Asks which models there are."""
        await self.document("api/tags", await self.asked(), timeouts=HEALTH)

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """The texts as vectors."""
        if not texts:
            return Embeddings(model=model, vectors=())
        asked = await self.asked(model)
        document = await self.document("api/embed", asked, {"model": model, "input": list(texts)})
        with misshapen(asked):
            vectors = tuple(tuple(map(float, vector)) for vector in document["embeddings"])
            if len(vectors) != len(texts):
                raise ValueError(f"{len(vectors)} vectors for {len(texts)} texts")
            usage = Usage(input_tokens=document.get("prompt_eval_count") or 0)
        return Embeddings(model=model, vectors=vectors, usage=usage)


class OllamaDialect:
    """Chat, as Ollama has it: arguments are objects, calls have no id, and a streamed answer is lines of JSON."""

    kind = "ollama"
    kinds: Mapping[str, type[LLMError]] = NO_KINDS

    def __init__(self, keep_alive: str | float | None = None) -> None:
        self._keep_alive = keep_alive

    def path(self, draft: Draft) -> str:
        """Where the request goes."""
        del draft
        return "api/chat"

    def body(self, draft: Draft) -> dict[str, Any]:
        """The request as the vendor takes it."""
        request = draft.request
        body: dict[str, Any] = {}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in _tools(draft)]
        if draft.plan.how == "native":
            form = draft.plan.form
            body["format"] = draft.plan.sent if form is not None and form.kind == "json_schema" else "json"
        if "reasoning_effort" in draft.members:
            body["think"] = _think(draft.members["reasoning_effort"])
        if self._keep_alive is not None:
            body["keep_alive"] = self._keep_alive
        options = {name: value for name, value in draft.members.items() if name in _OPTIONS}
        body["options"] = options
        messages = [one for message in request.messages for one in _messages(message, draft)]
        return over(request.extra, {**body, "model": request.model, "messages": messages, "stream": draft.stream})

    def read(self, document: Any, assembly: Assembly) -> None:
        """Tells the assembly of a whole answer."""
        _take(document, assembly)

    def reader(self, assembly: Assembly) -> OllamaReader:
        """What reads a streamed answer."""
        return OllamaReader(assembly)

    def fault(self, document: Any) -> VendorFault | None:
        """What the vendor says is wrong."""
        return fault_of(document)


class OllamaReader:
    """Reads a streamed answer."""

    def __init__(self, assembly: Assembly) -> None:
        self.decoder = LineDecoder()
        self.over = False
        self._assembly = assembly

    def take(self, event: ServerEvent) -> None:
        """Tells the assembly of a line.

        Raises:
            LLMError: It is an error.
        """
        line = decoded_piece(event.data)
        if line.get("error"):
            raise http_failure(self._assembly.asked, fault_of(line) or VendorFault(), kinds=NO_KINDS)
        _take(line, self._assembly)
        self.over = bool(line.get("done"))


def _take(line: Any, assembly: Assembly) -> None:
    assembly.started(model=line.get("model") or "")
    message = line.get("message") or {}
    assembly.thinking(message.get("thinking"))
    assembly.text(message.get("content"))
    for call in message.get("tool_calls") or ():
        function = call["function"]
        assembly.call(function.get("arguments") or {}, id=call.get("id"), name=function["name"])
    if line.get("done"):
        raw = line.get("done_reason") or "stop"
        assembly.finish(_REASONS.get(raw, "other"), raw)
        read, written = line.get("prompt_eval_count"), line.get("eval_count")
        if read is not None or written is not None:
            assembly.usage = Usage(input_tokens=read or 0, output_tokens=written or 0)
        assembly.members.keep({name: value for name, value in line.items() if name not in _KNOWN})


def _tools(draft: Draft) -> Any:
    """The tools that the model is told of: there is no member that says which it must call."""
    choice = draft.request.tool_choice
    tools = draft.request.tools
    if choice == "none":
        return ()
    if choice not in ("auto", "required"):
        tools = tuple(tool for tool in tools if tool.name == choice)
    if choice != "auto":
        draft.lose("tool_choice", "dropped", "Ollama lets the model choose")
    return tools


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {**tool.extra, "type": "function", "function": function}


def _think(effort: str) -> bool | str:
    """Whether to think, or how much."""
    if effort in ("none", "minimal"):
        return False
    return effort if effort in ("low", "medium", "high") else True


def _messages(message: ChatMessage, draft: Draft) -> list[dict[str, Any]]:
    """The vendor's messages that say what one of ours says."""
    found: list[dict[str, Any]] = [
        {"role": "tool", "content": result.content, "tool_name": result.name} for result in message.tool_results
    ]
    images = [part.data for part in message.parts if isinstance(part, Image)]
    if any(isinstance(part, File) for part in message.parts):
        draft.lose("messages", "dropped", "Ollama takes no files")
    calls = [_call(call) for call in message.tool_calls]
    if message.content or images or calls or not found:
        role = "user" if message.role == "tool" else message.role
        one: dict[str, Any] = {**message.extra, "role": role, "content": message.content}
        thoughts = [part.text for part in message.parts if isinstance(part, Thinking) and part.provider == "ollama"]
        more = {"images": images, "tool_calls": calls, "thinking": "".join(thoughts)}
        found.append(one | {name: value for name, value in more.items() if value})
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = decoded(call.arguments) if whole_object(call.arguments) else {}
    return {"function": {"name": call.name, "arguments": arguments}}
