"""What vendors share whose messages are made of blocks: turns of two sides, arguments as objects, media with bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import attrs

from circuit_breaker.errors import RequestRefused, ResponseInvalid
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Text, ToolCall
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.session import Connections

MOST_FETCHED: Final = 64
"""Images and files that are fetched for one request."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all of them together."""

__all__ = ["blocks_by_turn", "fetched", "in_data", "object_of", "system_texts"]

M = TypeVar("M", bound=Image | File)

_SIDES: Final = {"user": "user", "tool": "user", "assistant": "assistant"}


def system_texts(messages: Iterable[ChatMessage]) -> list[Text]:
    """What the model is told to be."""
    return [part for one in messages if one.role == "system" for part in one.parts if isinstance(part, Text)]


def blocks_by_turn(
    messages: Iterable[ChatMessage], blocks: Callable[[ChatMessage], Iterable[dict[str, Any]]]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """For each turn who speaks, ``"user"`` or ``"assistant"``, and its blocks; results of tools are the user's."""
    turns: list[tuple[str, list[dict[str, Any]]]] = []
    for message in messages:
        side = _SIDES.get(message.role)
        if side is None:
            continue
        if not turns or turns[-1][0] != side:
            turns.append((side, []))
        turns[-1][1].extend(blocks(message))
    return turns


def object_of(call: ToolCall, draft: Draft) -> dict[str, Any]:
    """The arguments as an object; a text that is none stands in one, for the vendor takes nothing else."""
    try:
        return arguments_of(call)
    except ResponseInvalid:
        draft.lose("messages.tool_calls", "changed", f"the arguments of '{call.name}' were no JSON object")
        return {"arguments": call.arguments}


def in_data(media: M) -> M:
    """The image or file with its bytes, where its address is one that holds them (RFC 2397)."""
    head, _, data = (media.url or "").partition(",")
    if not head.startswith("data:"):
        return media
    kind, *more = head.removeprefix("data:").split(";")
    if "base64" not in more:
        data = base64.b64encode(data.encode()).decode()
    return attrs.evolve(media, url=None, data=data, media_type=kind or "text/plain")


async def fetched(
    request: ChatCompletionRequest, asked: Asked, connections: Connections, wanted: Callable[[Image | File], bool]
) -> ChatCompletionRequest:
    """The request with the bytes of those images and files that are wanted; only public addresses are called.

    Raises:
        RequestRefused: There are more than :data:`MOST_FETCHED`, or together they have more than :data:`MOST_BYTES`.
        LLMError: One cannot be had.
    """
    media = [part for one in request.messages for part in one.parts if isinstance(part, (Image, File)) and part.url]
    if not media:
        return request
    elsewhere = sum(wanted(part) and not (part.url or "").startswith("data:") for part in media)
    if elsewhere > MOST_FETCHED:
        what = f"{elsewhere} images and files are given by address, and at most {MOST_FETCHED} are fetched"
        raise asked.error(RequestRefused, what, remedy="give fewer, or their bytes")
    left = MOST_BYTES

    async def with_bytes(part: Any) -> Any:
        if not isinstance(part, (Image, File)) or not part.url or not wanted(part):
            return part
        if part.url.startswith("data:"):
            return in_data(part)
        nonlocal left
        data, media_type = await connections.fetch(part.url, asked, most=left)
        left -= len(data)
        return attrs.evolve(part, url=None, data=base64.b64encode(data).decode(), media_type=media_type)

    messages = [attrs.evolve(one, parts=[await with_bytes(part) for part in one.parts]) for one in request.messages]
    return attrs.evolve(request, messages=tuple(messages))
