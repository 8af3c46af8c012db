"""An order on its way through a shop: pending, processing, completed, or cancelled on the way.

The whole process is one declaration: the states, the transitions, and what each of them requires. A name that does not
exist, a state that nothing reaches, a condition that cannot be read: all such faults are reported together.
"""

from __future__ import annotations

import asyncio

from circuit_breaker import Engine, connect
from circuit_breaker.errors import Refused
from circuit_breaker.workflow import declare

order_processing = declare(
    "order_processing",
    initial_state="pending",
    states=["pending", "processing", "completed", "cancelled"],
    transitions=[
        ("pending", "processing", "start_processing"),
        ("processing", "completed", "complete_order"),
        ("pending", "cancelled", "cancel_order"),
        ("processing", "cancelled", "cancel_order"),
    ],
    rules={
        "start_processing": "data.payment_verified == true",
        "complete_order": "data.items_shipped == true",
    },
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
