"""A conversation that one vendor began goes on with any other."""

from __future__ import annotations

from itertools import product

import attrs
import pytest

from circuit_breaker.llm.messages import system, tool_result, user
from circuit_breaker.llm.stream import StreamEnded
from tests.llm.faces import ChatFace, CustomFace, OllamaFace, ResponsesFace, Said
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import CALLS, ONCE, streamed, with_tools
from tests.llm.vendor_faces import AnthropicFace, GoogleFace
from tests.llm.vendor_rules import FAULTS

FACES = {
    "chat": ChatFace, "responses": ResponsesFace, "custom": CustomFace, "ollama": OllamaFace,
    "anthropic": AnthropicFace, "google": GoogleFace,
}  # fmt: skip
PAIRS = list(product(FACES, repeat=2))
MORE = Said(thinking=("Now ", "this."), calls=(("other", {"n": 1}),))


class Strict:
    """A vendor that refuses a conversation that breaks its rules, as the real ones do."""

    def __init__(self, face, said):
        self.face, self.said = face, said if face.thinks else attrs.evolve(said, thinking=())

    def __call__(self, asking):
        faults = list(FAULTS[self.face.kind](asking.body))
        if faults:
            return Reply(status=400, body=self.face.error(400, "; ".join(faults)))
        if asking.body.get("stream") or "stream" in asking.line:
            headers = {"Content-Type": self.face.stream_type}
            return Reply(body=b"".join(self.face.events(self.said)), headers=headers, cuts=7)
        return Reply(body=self.face.whole(self.said))


async def begun(face):
    """A conversation in which the vendor called three tools, two of which have answered."""
    opening = (system("Be brief."), user("How is the weather?"))
    said = Said(thinking=("Let me ", "see."), calls=CALLS)
    async with faulty(Strict(face, said)) as server, face.provider(server.url, patience=ONCE) as provider:
        response = await provider.complete(attrs.evolve(with_tools(face), messages=opening))
    one, two, _ = response.tool_calls
    return (*opening, response.message, tool_result(two, "sunny"), tool_result(one, '{"sky": "grey"}'))


@pytest.mark.parametrize(("first", "second"), PAIRS)
async def test_a_conversation_with_tools_goes_on_with_another_vendor(first, second):
    """ZB4: begun by one, continued by the other, whole and streamed, and taken back by the first."""
    face, other = FACES[first](), FACES[second]()
    history = await begun(face)
    async with faulty(Strict(other, MORE)) as server, other.provider(server.url, patience=ONCE) as provider:
        request = attrs.evolve(with_tools(other), messages=history)
        whole = await provider.complete(request)
        *_, last = await streamed(provider, request)
    assert isinstance(last, StreamEnded)
    assert ["other"] == [call.name for call in whole.tool_calls]
    assert {"sunny", "grey"} <= {word for word in ("sunny", "grey") if word in str(server.seen[1].body)}

    back = (*history, whole.message, user("Never mind the tool. And now?"))
    async with faulty(Strict(face, Said())) as server, face.provider(server.url, patience=ONCE) as provider:
        response = await provider.complete(attrs.evolve(with_tools(face), messages=back))
    assert Said().text == response.content


@pytest.mark.parametrize("second", FACES)
async def test_what_a_vendor_wants_back_comes_back_after_another_had_its_turn(second):
    """Pains 42: signatures survive the way through another vendor and return unchanged."""
    for face, wanted in (
        (AnthropicFace(), [AnthropicFace.signature]),
        (GoogleFace(), ["c2ln0A==", "c2ln1A==", "c2ln2A=="]),
    ):
        other = FACES[second]()
        history = await begun(face)
        async with faulty(Strict(other, Said())) as server, other.provider(server.url, patience=ONCE) as provider:
            answer = await provider.complete(attrs.evolve(with_tools(other), messages=history))
            away = str(server.seen[0].body)
        async with faulty(Strict(face, Said())) as server, face.provider(server.url, patience=ONCE) as provider:
            messages = (*history, answer.message, user("And now?"))
            await provider.complete(attrs.evolve(with_tools(face), messages=messages))

        assert all(signature in str(server.seen[0].body) for signature in wanted)
        assert other.kind == face.kind or not any(signature in away for signature in wanted)
