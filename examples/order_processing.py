"""An order on its way through a shop: pending, processing, completed, or cancelled on the way.

The whole process is one value. A name that does not exist, a state that nothing reaches, a condition that cannot be
read: all such faults are reported together when the value is made.
"""

from __future__ import annotations

import asyncio

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import Refused

pending, processing, completed, cancelled = states("pending", "processing", "completed", "cancelled")

order_processing = Workflow(
    "order_processing",
    flow(pending >> processing).transition("start_processing").guard("data.payment_verified == true").manual(),
    flow(processing >> completed).transition("complete_order").guard("data.items_shipped == true").manual(),
    flow((pending | processing) >> cancelled).transition("cancel_order").manual(),
    description="An order from its payment to its delivery",
)


async def main() -> None:
    async with Engine(order_processing, storage=connect("memory://")) as engine:
        order = await engine.start("order_processing", id="order-1", data={"item": "lamp", "payment_verified": False})
        try:
            await engine.fire(order, "start_processing", by="shop")
        except Refused as refusal:
            print(f"The shop may not start yet:\n{refusal.verdict}\n")

        order = await engine.get(order)
        print(engine.explain(order), end="\n\n")

        order = await engine.fire(order, "start_processing", by="shop", data={"payment_verified": True})
        order = await engine.fire(order, "complete_order", by="courier", data={"items_shipped": True})
        print(f"{order.id} is {order.state} after {', '.join(event.type for event in order.history)}")

        other = await engine.start("order_processing", id="order-2", data={"item": "chair", "payment_verified": True})
        other = await engine.fire(other, "start_processing", by="shop")
        other = await engine.fire(other, "cancel_order", by="customer")
        print(f"{other.id} is {other.state} by the {other.history.by_type('TransitionFired')[-1].by}")


if __name__ == "__main__":
    asyncio.run(main())
