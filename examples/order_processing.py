"""An order on its way through the shop: pending, processing, completed, or cancelled on the way.

The declarative form: the whole process is one value, and every faulty line in it is reported when it is made.
"""

from __future__ import annotations

import asyncio

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.errors import Refused

pending, processing, completed, cancelled = states("pending", "processing", "completed", "cancelled")

order_processing = Workflow(
    "order_processing",
    flow(pending >> processing).transition("start_processing").guard(field("payment_verified") == True).manual(),  # noqa: E712
    flow(processing >> completed).transition("complete_order").guard(field("items_shipped") == True).manual(),  # noqa: E712
    flow((pending | processing) >> cancelled).transition("cancel_order").manual(),
    description="An order from its payment to its delivery",
)


async def main() -> None:
    async with Engine(order_processing, storage=connect("memory://")) as engine:
        order = await engine.start("order_processing", id="order-1", data={"item": "lamp", "payment_verified": False})
        try:
            await engine.fire(order, "start_processing", by="shop")
        except Refused as refused:
            print(f"Not yet.\n{refused.verdict}\n")

        order = await engine.get(order)
        print(engine.explain(order), end="\n\n")

        order = await engine.fire(order, "start_processing", by="shop", data={"payment_verified": True})
        order = await engine.fire(order, "complete_order", by="courier", data={"items_shipped": True})
        print(f"{order.id} is {order.state}: {', '.join(event.type for event in order.history)}")

        other = await engine.start("order_processing", id="order-2", data={"item": "chair", "payment_verified": True})
        other = await engine.fire(other, "start_processing", by="shop")
        other = await engine.fire(other, "cancel_order", by="customer")
        print(f"{other.id} is {other.state}, by {other.history.by_type('TransitionFired')[-1].by}")


if __name__ == "__main__":
    asyncio.run(main())
