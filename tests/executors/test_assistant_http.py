"""The assistant over HTTP: a server that speaks as Ollama does, on this machine."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from circuit_breaker.errors import ActionError
from circuit_breaker.executors import AssistantExecutor
from circuit_breaker.llm.loop import AnswerDelta
from circuit_breaker.llm.patience import Retries


class Ollama:
    """Answers each request with the next turn: a status, a message, or None for no answer at all."""

    def __init__(self, *turns):
        self.turns = list(turns)
        self.asked = []
        self.left = asyncio.Event()

    async def chat(self, request):
        self.asked.append(await request.json())
        turn = self.turns.pop(0)
        if isinstance(turn, int):
            return web.json_response({"error": "busy"}, status=turn)
        if turn is None:
            return await self._silent(request)
        done = {"model": "llama3", "message": turn, "done": True, "done_reason": "stop", "eval_count": 5}
        lines = [{"model": "llama3", "message": turn, "done": False}, {**done, "message": {"role": "assistant"}}]
        if self.asked[-1].get("stream") is False:
            return web.json_response(done)
        return web.Response(text="".join(f"{json.dumps(line)}\n" for line in lines))

    async def _silent(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await asyncio.sleep(60)
        finally:
            self.left.set()
        return response


@pytest.fixture
async def ollama():
    """Starts the server with its turns; gives the executor that may ask it, and the server."""
    runners = []

    async def start(*turns):
        server, app = Ollama(*turns), web.Application()
        app.router.add_post("/api/chat", server.chat)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        kind = AssistantExecutor.under(ollama=address, retries=Retries(most=3, pause=0.01))
        return kind(model="llama3", ollama_base_url=address, input="What is 2 + 3?"), server

    yield start
    for runner in runners:
        await runner.cleanup()


def says(text):
    return {"role": "assistant", "content": text}


ARGUMENTS = {"function": {"name": "calculator", "arguments": {"expression": "2+3"}}}
CALL = {"role": "assistant", "content": "", "tool_calls": [ARGUMENTS]}


@pytest.mark.parametrize("watched", [False, True])
async def test_ollama_calls_tools_over_http(ollama, watched):
    """G30, B4: a model called llama is asked at ollama_base_url, calls tools and answers, whole and as a stream."""
    assistant, server = await ollama(CALL, says("It is 5."))
    pieces = []
    assistant = assistant.watch(pieces.append) if watched else assistant
    outcome = await assistant.add_tools(["calculator"]).execute()

    assert ("It is 5.", "ollama", 2) == (outcome["output"], outcome["provider"], outcome["iterations"])
    assert "calculator" == server.asked[0]["tools"][0]["function"]["name"]
    assert '"result": "5"' in server.asked[1]["messages"][-1]["content"]
    assert watched is any(isinstance(one, AnswerDelta) for one in pieces)


@pytest.mark.parametrize("watched", [False, True])
async def test_a_busy_server_is_asked_four_times_at_most(ollama, watched):
    """B16: three retries, whoever makes them, and then one error that says who was asked."""
    assistant, server = await ollama(503, 503, says("here"), *[503] * 9)
    assistant = assistant.watch(lambda event: None) if watched else assistant
    assert "here" == (await assistant.execute())["output"]

    with pytest.raises(ActionError, match="ollama") as caught:
        await assistant.execute()
    assert ("provider_overloaded", 3 + 4) == (caught.value.code, len(server.asked))


async def test_cancelling_stops_the_server(ollama):
    """A cancelled assistant closes its connection, so that the server stops within 200 ms."""
    assistant, server = await ollama(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await assistant.execute()

    async with asyncio.timeout(0.2):
        await server.left.wait()
