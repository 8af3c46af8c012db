"""The workflow in order.yaml, loaded and run: a signal pays, a role is needed, a deadline passes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from circuit_breaker import Engine, connect, load_workflow
from circuit_breaker.errors import Refused
from circuit_breaker.testing import ManualClock

DOCUMENT = Path(__file__).with_name("order.yaml")


async def main() -> None:
    order = load_workflow(DOCUMENT.read_text(encoding="utf-8"), name=DOCUMENT.name)
    clock = ManualClock()
    async with Engine(order, storage=connect("memory://"), clock=clock) as engine:
        lamp = await engine.start(order, id="lamp", data={"total": 40, "country": "FR", "ordered": 1, "shipped": 0})
        lamp = await engine.signal(lamp, "payment", data={"payment_verified": True}, by="bank")
        lamp = await engine.run(lamp)
        lamp = await engine.fire(lamp, "complete_order", data={"shipped": 1}, by="courier")
        print(f"{lamp.id}: {lamp.state}, delivered at {lamp.token.metadata['delivered_at']}")

        piano = await engine.start(order, id="piano", data={"total": 9000, "country": "FR", "ordered": 1, "shipped": 0})
        piano = await engine.signal(piano, "payment", data={"payment_verified": True}, by="bank")
        piano = await engine.run(piano)
        print(f"{piano.id}: {piano.state}, and by itself it stays there:")
        print(engine.explain(piano)["start_processing"].verdict)
        try:
            await engine.fire(piano, "start_checked", by="ann")
        except Refused as refusal:
            print(f"{piano.id}: {refusal.verdict}")
        piano = await engine.fire(piano, "start_checked", by="eve", roles=["accountant"])
        print(f"{piano.id}: {piano.state}, started by {piano.history[-1].by}")

        chair = await engine.run(await engine.start(order, id="chair", data={"total": 60, "payment_verified": False}))
        print(f"{chair.id}: {chair.state}, {chair.status}")
        await clock.advance("14d")
        chair = await engine.run(chair)
        print(f"{chair.id}: {chair.state} two weeks later")


if __name__ == "__main__":
    asyncio.run(main())
