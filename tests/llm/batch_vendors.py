"""Servers that take batches in the documented form of OpenAI and of Anthropic."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

OPENAI_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
}
ANTHROPIC_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "yes"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 100, "output_tokens": 10},
}


class Vendor:
    """What both have: one batch, whose requests end as the test says.

    Attributes:
        orders: What was handed over, as the vendor reads it.
        ends: For the name of a request "error", "expired" or "cancelled"; the others are answered.
        state: How the batch stands, in our words.
        asked: How often it was asked how the batch stands.
        answer: What each request is answered with, unless the usual.
    """

    def __init__(self, **ends):
        self.orders = []
        self.ends = ends
        self.state = "running"
        self.asked = 0
        self.answer = None

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.add_routes(self.routes())
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")

    def lines(self, *documents):
        return web.Response(text="".join(json.dumps(one) + "\n" for one in documents))


class OpenAI(Vendor):
    """See https://platform.openai.com/docs/api-reference/batch."""

    fault = None

    def routes(self):
        return [
            web.post("/v1/files", self.upload),
            web.post("/v1/batches", self.create),
            web.get("/v1/batches/batch_1", self.look),
            web.post("/v1/batches/batch_1/cancel", self.cancel),
            web.get("/v1/files/{file}/content", self.content),
        ]

    async def upload(self, request):
        form = await request.post()
        assert "batch" == form["purpose"]
        self.orders = [json.loads(line) for line in form["file"].file.read().splitlines()]
        return web.json_response({"id": "file-in", "object": "file", "purpose": "batch", "status": "processed"})

    async def create(self, request):
        body = await request.json()
        if self.fault:
            return web.json_response({"error": {"message": self.fault}}, status=400)
        assert ("file-in", "24h") == (body["input_file_id"], body["completion_window"])
        assert {body["endpoint"]} == {order["url"] for order in self.orders}
        return self.told()

    async def look(self, _):
        self.asked += 1
        return self.told()

    async def cancel(self, _):
        self.state = "cancelling"
        return self.told()

    def told(self):
        words = {"running": "in_progress", "ended": "completed"}
        total, ended = len(self.orders), self.state == "ended"
        failed = sum(end in {"error", "expired"} for end in self.ends.values())
        return web.json_response(
            {
                "id": "batch_1",
                "object": "batch",
                "status": words.get(self.state, self.state),
                "errors": {"object": "list", "data": [{"code": "x", "message": self.fault}]} if self.fault else None,
                "output_file_id": "file-out" if ended else None,
                "error_file_id": "file-err" if ended and failed else None,
                "request_counts": {"total": total, "completed": total - failed if ended else 0, "failed": failed},
            }
        )

    async def content(self, request):
        if request.match_info["file"] == "file-err":
            return self.lines(*(self.failed(name, how) for name, how in self.ends.items() if how != "lost"))
        good = [order["custom_id"] for order in self.orders if order["custom_id"] not in self.ends]
        answer = {"status_code": 200, "request_id": "r", "body": self.answer or OPENAI_ANSWER}
        lines = [{"id": "x", "custom_id": name, "response": answer, "error": None} for name in reversed(good)]
        return self.lines(*lines)

    def failed(self, name, how):
        if how == "expired":
            told = {"code": "batch_expired", "message": "This request could not be executed before it expired."}
            return {"id": "x", "custom_id": name, "response": None, "error": told}
        body = {"error": {"message": "bad temperature", "type": "invalid_request_error"}}
        response = {"status_code": 400, "request_id": "r", "body": body}
        return {"id": "x", "custom_id": name, "response": response, "error": None}


class Anthropic(Vendor):
    """See https://docs.anthropic.com/en/api/creating-message-batches."""

    def routes(self):
        home = "/v1/messages/batches"
        return [
            web.post(home, self.create),
            web.get(f"{home}/msgbatch_1", self.look),
            web.post(f"{home}/msgbatch_1/cancel", self.cancel),
            web.get(f"{home}/msgbatch_1/results", self.results),
        ]

    async def create(self, request):
        self.orders = (await request.json())["requests"]
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", order["custom_id"]) for order in self.orders)
        assert all(order["params"]["max_tokens"] for order in self.orders)
        return self.told()

    async def look(self, _):
        self.asked += 1
        return self.told()

    async def cancel(self, _):
        self.state = "cancelling"
        return self.told()

    def told(self):
        words = {"running": "in_progress", "cancelling": "canceling"}
        ended = self.state == "ended"
        kinds = list(self.ends.values())
        counts = {"errored": kinds.count("error"), "canceled": kinds.count("cancelled")}
        counts |= {"expired": kinds.count("expired"), "succeeded": len(self.orders) - len(kinds)}
        empty = {"processing": len(self.orders), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        return web.json_response(
            {
                "id": "msgbatch_1",
                "type": "message_batch",
                "processing_status": words.get(self.state, self.state),
                "request_counts": {"processing": 0, **counts} if ended else empty,
                "results_url": None,
            }
        )

    async def results(self, _):
        names = reversed([order["custom_id"] for order in self.orders])
        return self.lines(*({"custom_id": name, "result": self.result(name)} for name in names))

    def result(self, name):
        match self.ends.get(name):
            case None:
                return {"type": "succeeded", "message": self.answer or ANTHROPIC_ANSWER}
            case "error":
                error = {"type": "invalid_request_error", "message": "bad temperature"}
                return {"type": "errored", "error": {"type": "error", "error": error}}
            case "cancelled":
                return {"type": "canceled"}
            case _:
                return {"type": "expired"}
