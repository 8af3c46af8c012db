"""Google's contents: our requests as its documents.

Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded, whole_object
from circuit_breaker.llm.failures import VendorFault
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Part, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.providers.blocks import blocks_by_turn, in_data, object_of, system_texts
from circuit_breaker.llm.providers.extras import over
from circuit_breaker.llm.providers.google_answers import KINDS, ContentReader, Contents, fault_of
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.schema_dialects import gemini_schema
from circuit_breaker.llm.structured import instruction

__all__ = ["ContentsDialect", "is_own", "resource"]

BUDGETS: Final[Mapping[str, int]] = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576}
"""Tokens for thoughts by how much is to be thought, for models that are told so."""

LEVELS: Final = ("minimal", "low", "medium", "high")
"""How hard to think, for models that are told so."""

_CONFIG: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "n": "candidateCount",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
}
_OWN: Final = ("https://generativelanguage.googleapis.com/", "gs://", "https://www.youtube.com/", "https://youtu.be/")
_MODES: Final[Mapping[str, str]] = {"none": "NONE", "required": "ANY"}


def resource(model: str) -> str:
    """The model as a part of an address, such as ``models/gemini-2.5-pro``."""
    kind, _, rest = model.rpartition("/")
    return f"{quote(kind, safe='') or 'models'}/{quote(rest, safe='')}"


def is_own(url: str) -> bool:
    """Whether Google looks there itself."""
    return url.startswith(_OWN)


class ContentsDialect:
    """Contents, as Gemini has them.

    Args:
        version: Which version of the interface is spoken.
    """

    kind = "google"
    kinds: Mapping[str, type[LLMError]] = KINDS

    def __init__(self, version: str = "v1beta") -> None:
        self._version = version

    def path(self, draft: Draft) -> str:
        """Where the request goes."""
        how = ":streamGenerateContent?alt=sse" if draft.stream else ":generateContent"
        return f"{self._version}/{resource(draft.request.model)}{how}"

    def body(self, draft: Draft) -> dict[str, Any]:
        """The request as the vendor takes it."""
        form, told = _form(draft)
        extra = dict(draft.request.extra)
        config = {**_config(draft), **form}
        texts = [text.text for text in system_texts(draft.request.messages)] + ([told] if told else [])
        tools = [*_tools(draft), *extra.pop("tools", ())]
        body: dict[str, Any] = {"contents": _contents(draft)}
        if texts:
            body["systemInstruction"] = {"parts": [{"text": text} for text in texts]}
        if tools:
            body["tools"] = tools
        if config:
            body["generationConfig"] = config
        return over(extra, {**body, **_choice(draft)})

    def read(self, document: Any, assembly: Assembly) -> None:
        """Tells the assembly of a whole answer, or of all events of a stream, which some servers send in one array."""
        contents = Contents(assembly)
        for one in document if isinstance(document, list) else [document]:
            contents.take(one)

    def reader(self, assembly: Assembly) -> ContentReader:
        """What reads a streamed answer."""
        return ContentReader(assembly)

    def fault(self, document: Any) -> VendorFault | None:
        """What the vendor says is wrong."""
        return fault_of(document)


def _contents(draft: Draft) -> list[dict[str, Any]]:
    messages = draft.request.messages
    given = {call.id: call.extra.get("functionCallId") for message in messages for call in message.tool_calls}
    turns = blocks_by_turn(messages, lambda message: _parts(message, draft, given))
    return [{"role": "model" if side == "assistant" else side, "parts": parts} for side, parts in turns]


def _parts(message: ChatMessage, draft: Draft, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a message.

    A model that wants its signature on calls takes a stand-in on those that another model made; of several calls at
    once, it wants one on the first only.
    """
    stand_in = _signature({"thoughtSignature": draft.members.get("thought_signature")})
    for part in message.parts:
        found = _part(part, draft, given)
        if isinstance(part, ToolCall):
            found = {**stand_in, **found}
            stand_in = {}
        yield found


def _part(part: Part, draft: Draft, given: Mapping[str, Any]) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": part.text, **_signature(part.extra)}
        case Thinking():
            thought = {"thought": True} if part.text else {}
            return {"text": part.text, **thought, **_signature({"thoughtSignature": part.signature})}
        case Image() | File():
            return _media(in_data(part))
        case ToolCall():
            return _call(part, draft)
        case ToolResult():
            return _result(part, draft, given)


def _signature(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {"thoughtSignature": extra["thoughtSignature"]} if extra.get("thoughtSignature") else {}


def _media(media: Image | File) -> dict[str, Any]:
    if media.data:
        return {"inlineData": {"mimeType": media.media_type, "data": media.data}}
    url = media.url or (media.file_id if isinstance(media, File) else None)
    return {"fileData": {"mimeType": media.media_type, "fileUri": url}}


def _call(call: ToolCall, draft: Draft) -> dict[str, Any]:
    own = {"id": call.extra["functionCallId"]} if "functionCallId" in call.extra else {}
    function = {"name": draft.names.vendor(call.name), "args": object_of(call, draft), **own}
    return {"functionCall": function, **_signature(call.extra)}


def _result(result: ToolResult, draft: Draft, given: Mapping[str, Any]) -> dict[str, Any]:
    own = {"id": given[result.call_id]} if given.get(result.call_id) else {}
    response: Any = {"error" if result.is_error else "result": result.content}
    if not result.is_error and whole_object(result.content):
        response = decoded(result.content)
    return {"functionResponse": {"name": draft.names.vendor(result.name), "response": response, **own}}


def _config(draft: Draft) -> dict[str, Any]:
    config = {theirs: draft.members[ours] for ours, theirs in _CONFIG.items() if ours in draft.members}
    if "thinkingLevel" in draft.members:
        config["thinkingConfig"] = {"thinkingLevel": _level(draft), "includeThoughts": True}
    elif "reasoning_effort" in draft.members:
        config["thinkingConfig"] = _budget(draft)
    return config


def _level(draft: Draft) -> str:
    """How hard to think: the model's own level that is nearest, rather more than less; none of them is none."""
    wanted = draft.members["thinkingLevel"]
    levels = [level for level in LEVELS if level in draft.members.get("thinking_levels", LEVELS)]
    more = LEVELS[LEVELS.index(wanted) :] if wanted in LEVELS else levels
    found = next((level for level in more if level in levels), levels[-1])
    if found != wanted:
        draft.lose("reasoning_effort", "changed", f"the model knows {', '.join(levels)}, not {wanted}")
    return found


def _budget(draft: Draft) -> dict[str, Any]:
    budget = BUDGETS.get(draft.members["reasoning_effort"], BUDGETS["medium"])
    least = draft.members.get("least_thinking_budget", 0)
    if budget < least:
        draft.lose("reasoning_effort", "changed", f"the model thinks for {least} tokens at the least")
        budget = least
    return {"thinkingBudget": budget, "includeThoughts": budget > 0}


def _form(draft: Draft) -> tuple[dict[str, Any], str]:
    """How the form of the answer is asked for: members, or else what the model is told."""
    plan = draft.plan
    if plan.how != "native":
        return {}, ""
    if draft.request.tools and "tools+response_format" in draft.profile.refused:
        draft.lose("response_format", "checked", "the model is not kept to a form while it may call tools")
        return {}, instruction(plan.sent)
    form: dict[str, Any] = {"responseMimeType": "application/json"}
    if plan.sent is not None:
        form |= _schema(plan.sent, draft, "response_format.schema", "responseSchema", "responseJsonSchema")
    return form, ""


def _schema(schema: Mapping[str, Any], draft: Draft, place: str, narrow: str, wide: str) -> dict[str, Any]:
    """The member with the schema: in the vendor's own dialect, or where that cannot carry it, as JSON Schema."""
    found = gemini_schema(schema, draft.lose, place) if draft.profile.schema_dialect == "gemini" else None
    return {wide: schema} if found is None else {narrow: found}


def _tools(draft: Draft) -> list[dict[str, Any]]:
    declared = [_tool(tool, draft) for tool in draft.request.tools]
    return [{"functionDeclarations": declared}] if declared else []


def _tool(tool: ToolDefinition, draft: Draft) -> dict[str, Any]:
    declared = {**tool.extra, "name": draft.names.vendor(tool.name), "description": tool.description or tool.name}
    if not tool.parameters.get("properties") and not tool.parameters.get("additionalProperties"):
        return declared  # an object without members is refused, and so is left out
    return declared | _schema(tool.parameters, draft, f"tools.{tool.name}", "parameters", "parametersJsonSchema")


def _choice(draft: Draft) -> dict[str, Any]:
    choice = draft.request.tool_choice
    if choice == "auto" or not draft.request.tools:
        return {}
    config: dict[str, Any] = {"mode": _MODES.get(choice, "ANY")}
    if choice not in _MODES:
        config["allowedFunctionNames"] = [draft.names.vendor(choice)]
    return {"toolConfig": {"functionCallingConfig": config}}
