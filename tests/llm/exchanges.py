"""One request to a fake vendor: what it saw, and what came back."""

from __future__ import annotations

from circuit_breaker.llm.stream import TextDelta
from tests.llm.faces import ChatFace, Said
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks, streamed

CHAT = ChatFace()


async def sent(request, *, face=CHAT, said=None, **options):
    """What goes to the vendor, and what comes back."""
    async with faulty(Reply(body=face.whole(said or Said()))) as server, face.provider(server.url, **options) as it:
        response = await it.complete(request)
    return server.seen[0], response


async def told(events, *, face=CHAT, request=None, **reply):
    """The events of a stream of these bytes."""
    there = faulty(Reply(body=b"".join(events), headers={"Content-Type": face.stream_type}, **reply))
    async with there as server, face.provider(server.url) as provider:
        return await streamed(provider, request or asks(face))


def text_of(events):
    """What the deltas of text add up to."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))
