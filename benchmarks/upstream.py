"""A fake vendor in a process of its own, so that no side pays for its work. Needs the standard library only.

``python -m benchmarks.upstream`` prints the port, then answers as OpenAI's chat completions do: whole, or in as many
chunks as the ``seed`` of the request says.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

__all__ = ["BODY", "cpu_per_call", "upstream"]

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say something."}]}
HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4o"}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
SEED = re.compile(rb'"seed":\s*(\d+)')
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


def _whole() -> bytes:
    message = {"role": "assistant", "content": "To be or not to be.", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _event(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    document = {**HEAD, "object": "chat.completion.chunk", "choices": [choice], "usage": None, **more}
    data = b"data: %s\n\n" % json.dumps(document).encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


WHOLE = _whole()
OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = _event({"content": "word "})
LAST = _event({}, "stop"), _event({}, choices=[], usage=USAGE), b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            length = LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(int(length[1]) if length else 0)
            if re.search(rb'"stream":\s*true', body):
                await _stream(int(found[1]) if (found := SEED.search(body)) else 48, writer)
            else:
                writer.write(WHOLE)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _stream(chunks: int, writer: asyncio.StreamWriter) -> None:
    writer.write(OPEN)
    for piece in (*[PIECE] * chunks, *LAST):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


async def _serve() -> None:
    server = await asyncio.start_server(_talk, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def upstream() -> Iterator[str]:
    """The address of one that runs, which ends with ``/v1``."""
    command = [sys.executable, "-P", "-m", "benchmarks.upstream"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=root, env={"PYTHONPATH": str(root)}, stdout=subprocess.PIPE) as process:
        try:
            port = int(process.stdout.readline()) if process.stdout else 0
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


Call = Callable[[], Coroutine[Any, Any, Any]]


def cpu_per_call(calls: int, client: Callable[[str], AbstractAsyncContextManager[Call]]) -> float:
    """Microseconds of processor time of one call: the median of five rounds.

    ``client`` is given the address; inside of it a call can be made.
    """

    async def work(address: str) -> float:
        async with client(address) as call:
            await _cost(calls // 5, call)
            return statistics.median([await _cost(calls, call) for _ in range(5)])

    with upstream() as address:
        return asyncio.run(work(address))


async def _cost(calls: int, call: Call) -> float:
    began = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - began) / calls * 1e6


if __name__ == "__main__":
    asyncio.run(_serve())
