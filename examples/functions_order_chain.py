"""Container functions: an order is processed when it reaches a state, and somebody is notified; a text is judged.

Where a Docker engine runs and has the images, the functions run in containers. Without one the same definitions run in
a stand-in that does in Python what the containers would, so that the example works everywhere.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from typing import Any

from circuit_breaker import Engine, FunctionExecutor, Workflow, connect, flow, states
from circuit_breaker.executors import ExecutionContext
from circuit_breaker.functions import (
    ON_SUCCESS,
    ContainerConfig,
    FieldMapping,
    FullData,
    FunctionChain,
    FunctionDefinition,
    FunctionManager,
    ResourceState,
)

pending, processing, shipped = states("pending", "processing", "shipped")
order = Workflow(
    "order",
    flow(pending >> processing).transition("start_processing"),
    flow(processing >> shipped).transition("ship").manual(),
)
received, analyzing, responding = states("received", "analyzing", "responding")
ticket = Workflow(
    "ticket",
    flow(received >> analyzing).transition("start_analysis"),
    flow(analyzing >> responding).transition("generate_response").manual(),
)

notification_sender = FunctionDefinition(
    id="notification-sender",
    name="Notification Sender",
    container=ContainerConfig("node:18-alpine", ["node", "send-notification.js"], working_dir="/app"),
)
order_processor = FunctionDefinition(
    id="order-processor",
    name="Order Data Processor",
    container=ContainerConfig("node:18-alpine", ["node", "process-order.js"], working_dir="/app"),
    triggers=[ResourceState(condition="state == 'processing'", input_mapping=FullData())],
    chains=[FunctionChain("notification-sender", input_mapping=FieldMapping({"result": "data"}), delay="200ms")],
    input_schema={
        "type": "object",
        "properties": {"orderId": {"type": "string"}, "items": {"type": "array"}},
        "required": ["orderId", "items"],
    },
)
SENTIMENT = "import json; print(json.dumps({'sentiment': 'positive', 'confidence': 0.85}))"
sentiment_analysis = FunctionDefinition(
    id="sentiment-analysis",
    name="Customer Sentiment Analysis",
    container=ContainerConfig("python:3.11-slim", ["python", "-c", SENTIMENT]),
    triggers=[ResourceState(condition="state == 'analyzing'", input_mapping=FullData())],
    output_schema={"type": "object", "required": ["sentiment", "confidence"]},
)


@FunctionExecutor.of
async def stand_in(
    context: ExecutionContext,
    image: str,
    command: list[str],
    input: Any = None,  # noqa: A002 - the word of the parameter
    working_dir: str = "/",
) -> dict[str, Any]:
    """Does what the container would do."""
    context.log(f"{image}: {' '.join(command)[:40]} in {working_dir}")
    if command[-1] == "process-order.js":
        return {"output": {"result": {"orderId": input["orderId"], "pieces": len(input["items"])}}}
    if command[-1] == "send-notification.js":
        done = (input or {}).get("data")  # nothing, where the order could not be processed
        return {"output": {"sent": f"order {done['orderId']} has {done['pieces']} pieces" if done else "sorry"}}
    return {"output": json.loads(await printed(command[1:]))}


async def printed(arguments: list[str]) -> str:
    """What Python prints with these arguments."""
    python = shutil.which("python3") or sys.executable
    child = await asyncio.create_subprocess_exec(python, *arguments, stdout=asyncio.subprocess.PIPE)
    text, _ = await child.communicate()
    return text.decode()


async def main() -> None:
    async with (
        Engine(order, ticket, storage=connect("memory://")) as engine,
        FunctionManager(engine, executor=stand_in) as functions,  # leave executor out to use Docker
    ):
        for definition in (notification_sender, order_processor, sentiment_analysis):
            await functions.create_function(definition)

        await engine.run(await engine.start("order", data={"orderId": "A-7", "items": ["lamp", "chair"]}))
        await engine.run(await engine.start("order", data={"orderId": 8}))
        await engine.run(await engine.start("ticket", data={"customer_message": "It works again, thank you"}))
        await functions.work(until_idle=True)

        for result in await functions.executions():
            said = result.output if result.output is not None else result.error["message"].replace("\n", " ")
            print(f"{result.function_id}: {result.status}, because of a {result.cause['kind']}: {json.dumps(said)}")

        chain = await functions.chain_functions(
            [
                FunctionChain("order-processor"),
                FunctionChain("notification-sender", ON_SUCCESS, FieldMapping({"result": "data"})),
            ],
            input={"orderId": "B-9", "items": []},
        )
        print(f"on demand: {json.dumps(chain.output)}")


if __name__ == "__main__":
    asyncio.run(main())
