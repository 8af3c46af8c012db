"""Requests read from the documents that OpenAI's API has for them; all faults of a document are told at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import DocumentInvalid, Fault, nearest
from circuit_breaker.llm.compatible_messages import Reading
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, RoutingOptions, ToolDefinition

__all__ = ["request_from"]

_NUMBERS: Final = {
    "temperature": float, "top_p": float, "frequency_penalty": float, "presence_penalty": float,
    "max_tokens": int, "max_completion_tokens": int, "top_k": int, "seed": int, "n": int,
}  # fmt: skip
_FLAGS: Final = ("stream", "parallel_tool_calls")
_TEXTS: Final = ("user", "reasoning_effort")
_KNOWN: Final = {
    "model", "messages", "stop", "tools", "tool_choice", "response_format", "metadata", "circuit_breaker",
    "functions", "function_call", "stream_options", *_NUMBERS, *_FLAGS, *_TEXTS,
}  # fmt: skip
_OPTIONS: Final = {field.name: field for field in attrs.fields(RoutingOptions)}
_LISTS: Final = {"fallback_models", "preferred_providers"}
_AMOUNTS: Final = {"max_cost_per_1k_tokens", "max_latency_ms"}


def request_from(document: Any) -> ChatCompletionRequest:
    """The request that the body of ``POST /v1/chat/completions`` asks for.

    Who writes such a document is a client, whom nobody need trust. Members that we do not know are kept in ``unknown``;
    only those go to a vendor which the profile of the model lists in ``passes``.

    Raises:
        DocumentInvalid: Something is wrong with it; it tells everything that is, with its place.
    """
    if not isinstance(document, Mapping):
        raise DocumentInvalid("a request is an object with model and messages")
    reading = _Request(document)
    members = {
        "model": reading.text("model") or "",
        "messages": reading.messages(document.get("messages")),
        "metadata": reading.mapping("metadata"),
        "stop": reading.stop(),
        "tools": reading.tools(),
        "tool_choice": reading.tool_choice(),
        "response_format": reading.form(),
        "circuit_breaker": reading.options(),
        **reading.scalars(),
        "unknown": reading.beyond(),
    }
    faults = reading.faults
    if not faults:
        request = ChatCompletionRequest(**members)
        faults = request.faults()
    if faults:
        raise DocumentInvalid("the request is not valid", faults=faults)
    return request


class _Request(Reading):
    """Reads the members of a request."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__()
        self._document = document

    def beyond(self) -> Mapping[str, Any]:
        """What the document says that we do not know, by its place."""
        return {name: value for name, value in self._document.items() if name not in _KNOWN} | self.unknown

    def text(self, name: str) -> str | None:
        """A text, or None."""
        value = self._document.get(name)
        if value is None or isinstance(value, str):
            return value
        self.wrong(name, value, "a text")
        return None

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object; an empty one where there is none."""
        value = self._document.get(name)
        if value is None or isinstance(value, Mapping):
            return value or {}
        self.wrong(name, value, "an object")
        return {}

    def scalars(self) -> dict[str, Any]:
        """The numbers, flags and texts that are there."""
        found = {name: value for name in _NUMBERS if (value := self._number(name)) is not None}
        if "max_completion_tokens" in found:
            limit = found.pop("max_completion_tokens")
            found["max_tokens"] = min(limit, found.get("max_tokens", limit))
        found |= {name: value for name in _FLAGS if (value := self._flag(name)) is not None}
        return found | {name: value for name in _TEXTS if (value := self.text(name)) is not None}

    def _number(self, name: str) -> Any:
        value, kind = self._document.get(name), _NUMBERS[name]
        if value is None or type(value) is kind or (kind is float and type(value) is int):
            return value
        self.wrong(name, value, "a number" if kind is float else "a whole number")
        return None

    def _flag(self, name: str) -> bool | None:
        value = self._document.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(name, value, "true or false")
        return None

    def stop(self) -> tuple[str, ...]:
        """The texts at which the answer ends."""
        value = self._document.get("stop")
        given = [value] if isinstance(value, str) else value or []
        if isinstance(given, list) and all(isinstance(one, str) for one in given):
            return tuple(given)
        self.wrong("stop", value, "a text or a list of texts")
        return ()

    def tools(self) -> list[ToolDefinition]:
        """What the model may call."""
        functions = ({"type": "function", "function": function} for function in self._list("functions"))
        found = [self._tool(tool, f"tools[{number}]") for number, tool in enumerate(self._list("tools"))]
        found += [self._tool(tool, f"functions[{number}]") for number, tool in enumerate(functions)]
        return [tool for tool in found if tool is not None]

    def _list(self, name: str) -> list[Any]:
        value = self._document.get(name)
        if value is None or isinstance(value, list):
            return value or []
        self.wrong(name, value, f"a list of {name}")
        return []

    def _tool(self, tool: Any, place: str) -> ToolDefinition | None:
        match tool:
            case {"type": "function", "function": {"name": str(name), **rest}, **more}:
                parameters = rest.get("parameters")
                told = {"parameters": parameters} if isinstance(parameters, Mapping) else {}
                strict = rest.get("strict")
                return ToolDefinition(
                    name=name,
                    description=str(rest.get("description") or ""),
                    strict=strict if isinstance(strict, bool) else None,
                    extra=self.kept(more, place),
                    **told,
                )
        # What a vendor runs by itself costs and reaches what nobody here has allowed.
        self.wrong(place, tool, "a tool of type function with a name")
        return None

    def tool_choice(self) -> str:
        """Which tool is to be called."""
        given = self._document.get("tool_choice")
        match self._document.get("function_call") if given is None else given:
            case None:
                return "auto"
            case str(choice) | {"type": "function", "function": {"name": str(choice)}} | {"name": str(choice)}:
                return choice
            case other:
                self.wrong("tool_choice", other, "'auto', 'none', 'required' or a function")
                return "auto"

    def form(self) -> ResponseFormat | None:
        """The form of the answer."""
        match self._document.get("response_format"):
            case None:
                return None
            case {"type": "text" | "json_object" as kind}:
                return ResponseFormat(kind=kind)
            case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema, **rest}}:
                return ResponseFormat(
                    kind="json_schema",
                    schema=schema,
                    name=str(rest.get("name") or "answer"),
                    strict=rest.get("strict") is not False,
                    description=str(rest.get("description") or ""),
                )
            case other:
                self.wrong("response_format", other, "of type text, json_object, or json_schema with a schema")
                return None

    def options(self) -> RoutingOptions:
        """What is asked of the router."""
        given = self.mapping("circuit_breaker")
        for name in given.keys() - _OPTIONS.keys():
            hint = nearest(name, _OPTIONS)
            self.faults.append(Fault(f"circuit_breaker.{name}", "nobody knows this option", hint))
        known = {name: value for name, value in given.items() if name in _OPTIONS and value is not None}
        fitting = {name: value for name, value in known.items() if self._option_fits(name, value)}
        return RoutingOptions(**fitting)

    def _option_fits(self, name: str, value: Any) -> bool:
        if name in _LISTS:
            fits, wanted = isinstance(value, list) and all(isinstance(one, str) for one in value), "a list of texts"
        elif name in _AMOUNTS:
            fits, wanted = type(value) in {int, float} and value >= 0, "a number of 0 or more"
        elif name == "continuation":
            fits, wanted = isinstance(value, bool), "true or false"
        else:
            fits, wanted = isinstance(value, str), "a text"
        if not fits:
            self.wrong(f"circuit_breaker.{name}", value, wanted)
        return fits
