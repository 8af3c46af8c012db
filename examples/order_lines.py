"""The lines of an order are priced all at once, and one is added while the others run.

A batch begins an instance for each item of a list, gathers what they bring, and goes on when all have ended, the added
ones too.
"""

from __future__ import annotations

import asyncio
from typing import Any

from circuit_breaker import Engine, Token, Workflow, connect, flow, states
from circuit_breaker.workflow.patterns import Batch

ordered, line, priced, confirmed, refused = states("ordered", "line", "priced", "confirmed", "refused")
lines = Batch(line, priced, into=confirmed, most=20, results="prices", value="data.price")


async def price(token: Token) -> dict[str, Any]:
    """What a line costs: its number of letters."""
    return {"price": len(token.data["line"])}


order_lines = Workflow(
    "order_lines",
    *lines.for_each(ordered, "data.lines", item="line", otherwise=refused),
    flow(line >> priced).transition("price").action(price).manual(),
    *lines.gathered(),
    *lines.more("add"),
    initial="ordered",
)


async def main() -> None:
    """Prices an order."""
    async with Engine(order_lines, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("order_lines", data={"lines": ["nut", "bolt"]}))
        case = await engine.run(await engine.fire(case, "add", data={"line": "screw"}))
        while case.status == "waiting":
            case = await engine.run(await engine.fire(case, "price"))
        print(f"{case.state}: {case.data['prices']}")


if __name__ == "__main__":
    asyncio.run(main())
