"""AWS Lambda as it behaves on bad days: functions that fail, and a service that refuses, hangs and breaks off."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.services.web import Site, site


def answer(value: Any, *, status: int = 200, fault: str = "", logs: str = "", **headers: str) -> web.Response:
    """An answer as Lambda gives it."""
    own = {"X-Amz-Executed-Version": "$LATEST", "x-amzn-RequestId": "r-1"}
    if fault:
        own["X-Amz-Function-Error"] = fault
    if logs:
        own["X-Amz-Log-Result"] = base64.b64encode(logs.encode()).decode()
    return web.Response(
        status=status, text=json.dumps(value), headers={**own, **headers}, content_type="application/json"
    )


def refusal(code: str, status: int, **headers: str) -> web.Response:
    """An error of the service itself."""
    return answer({"Type": "User", "Message": f"about {code}"}, status=status, **{"x-amzn-ErrorType": code, **headers})


async def echo(request: web.Request) -> web.Response:
    """What it was given, with the qualifier and the client context."""
    context = request.headers.get("X-Amz-Client-Context", "e30=")
    told = {"given": json.loads(await request.text()), "qualifier": request.query.get("Qualifier")}
    return answer({**told, "context": json.loads(base64.b64decode(context))}, logs="START\nhello\nEND\n")


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"half": ')
    assert request.transport is not None
    request.transport.abort()
    return response


def raising(fault: str, kind: str | None, message: str) -> Callable[[web.Request], web.Response]:
    told = {"errorMessage": message, **({"errorType": kind} if kind else {}), "stackTrace": []}
    return lambda _: answer(told, fault=fault, logs="ERROR seen\n")


FUNCTIONS: dict[str, Callable[[web.Request], Any]] = {
    "echo": echo,
    "constant": lambda _: answer({"done": True}),
    "accepts": lambda _: web.Response(status=202, headers={"x-amzn-RequestId": "r-2"}),
    "handled": raising("Handled", "OrderInvalid", "no items"),
    "unhandled": raising("Unhandled", "ZeroDivisionError", "division by zero"),
    "exits": raising(
        "Unhandled", "Runtime.ExitError", "RequestId: r-1 Error: Runtime exited with error: signal: killed"
    ),
    "too_slow": raising("Unhandled", None, "2026-11-21T12:00:00Z r-1 Task timed out after 3.00 seconds"),
    "odd": lambda _: answer(["no", "object"], fault="Unhandled"),
    "unreadable": lambda _: web.Response(body=b"\xff", headers={"X-Amz-Function-Error": "Unhandled"}),
    "throttled": lambda _: refusal("TooManyRequestsException", 429, **{"Retry-After": "7"}),
    "missing": lambda _: refusal("ResourceNotFoundException", 404),
    "broken": lambda _: web.Response(status=500, text="<html>oops</html>"),
    "huge": lambda _: answer("x" * 3_000_000),
    "hanging": hang,
    "cut": cut,
}


@asynccontextmanager
async def lambda_fake() -> AsyncIterator[Site]:
    """A server that knows the functions above; what it was asked is kept."""

    def called(request: web.Request) -> Any:
        return FUNCTIONS[request.path.split("/")[3]](request)

    async with site(called) as there:
        yield there
