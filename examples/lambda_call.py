"""A workflow whose step is a function of AWS Lambda: an order is priced there, and an unknown article is sorted out.

Without arguments, a small stand-in for Lambda runs on this machine. With the name of a function of your own, and AWS
credentials where AWS's library looks for them, that one is called:

    python lambda_call.py my-pricing-function eu-west-1
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import Any

from aiohttp import web

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.executors import LambdaFunctions, ServerlessExecutor, secret

PRICES = {"tea": 4.5, "cup": 7.0}


async def stand_in(request: web.Request) -> web.Response:
    """Answers as Lambda does when the function multiplies a price, or fails."""
    order = json.loads(await request.text())
    told = {"X-Amz-Executed-Version": "$LATEST", "X-Amz-Log-Result": base64.b64encode(b"priced an order").decode()}
    if order["article"] not in PRICES:
        error = {"errorType": "UnknownArticle", "errorMessage": f"nobody sells {order['article']}"}
        return web.json_response(error, headers={**told, "X-Amz-Function-Error": "Unhandled"})
    return web.json_response({"total": PRICES[order["article"]] * order["count"]}, headers=told)


def pricing(functions: LambdaFunctions, name: str) -> Workflow:
    """Received orders are priced by the function; those that it cannot price wait for a person."""
    received, priced, unclear = states("received", "priced", "unclear")
    pricing = ServerlessExecutor.under(backends={"aws": functions})
    return Workflow(
        "order",
        flow(received >> priced)
        .transition("price")
        .execute(pricing, function_name=name, payload=field("order"), backend="aws", timeout=30.0, result="pricing")
        .retry(max_attempts=3, backoff_seconds=1, retry_on=["service_failed", "service_unavailable"])
        .on_failure(unclear),
    )


async def order(workflow: Workflow, article: str, count: int) -> None:
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.start("order", data={"order": {"article": article, "count": count}})
        case = await engine.run(case)
        answer: dict[str, Any] = case.token.results.get("pricing", {})
        print(f"{count} x {article}: {case.state}", answer.get("output") or case.token.metadata["failure"]["code"])


async def with_stand_in() -> None:
    application = web.Application()
    application.router.add_post("/2015-03-31/functions/pricing/invocations", stand_in)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        functions = LambdaFunctions(
            region="eu-west-1",
            endpoint=f"http://{host}:{port}",
            credentials={"access_key_id": "example", "secret_access_key": secret("AWS_KEY")},
            secrets={"AWS_KEY": "example"},
        )
        for article, count in (("tea", 3), ("rocket", 1)):
            await order(pricing(functions, "pricing"), article, count)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(order(pricing(LambdaFunctions(region=sys.argv[2]), sys.argv[1]), "tea", 3))
    else:
        asyncio.run(with_stand_in())
