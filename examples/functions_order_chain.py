"""Container functions: an order is processed when it reaches a state, and somebody is notified; a text is judged.

The functions run in containers, of an image that is made here from the busybox of this machine. Where there is no
engine or no busybox, the same programs run as they are, so that the example works everywhere.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from container_pipeline import IMAGE, prepared

from circuit_breaker import Engine, FunctionExecutor, Workflow, connect, flow, states
from circuit_breaker.executors import DockerExecutor, ExecutionContext
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

ORDER_ID = """sed -n 's/.*"orderId": *"\\([^"]*\\)".*/\\1/p'"""
PROCESS_ORDER = f"""
order=$(cat)
id=$(echo "$order" | {ORDER_ID})
quotes=$(echo "$order" | sed 's/.*"items": *\\[\\([^]]*\\)\\].*/\\1/' | tr -cd '"' | wc -c)
echo "processing $id" >&2
echo '{{"result": {{"orderId": "'$id'", "pieces": '$((quotes / 2))'}}}}'
"""
SEND_NOTIFICATION = f"""
order=$(cat)
id=$(echo "$order" | {ORDER_ID})
pieces=$(echo "$order" | sed -n 's/.*"pieces": *\\([0-9]*\\).*/\\1/p')
if [ -n "$id" ]; then echo '{{"sent": "order '$id' has '$pieces' pieces"}}'; else echo '{{"sent": "sorry"}}'; fi
"""
SENTIMENT = """echo '{"sentiment": "positive", "confidence": 0.85}'"""

notification_sender = FunctionDefinition(
    id="notification-sender",
    name="Notification Sender",
    container=ContainerConfig(IMAGE, ["sh", "-c", SEND_NOTIFICATION], working_dir="/app"),
)
order_processor = FunctionDefinition(
    id="order-processor",
    name="Order Data Processor",
    container=ContainerConfig(IMAGE, ["sh", "-c", PROCESS_ORDER], working_dir="/app"),
    triggers=[ResourceState(condition="state == 'processing'", input_mapping=FullData())],
    chains=[FunctionChain("notification-sender", input_mapping=FieldMapping({"result": "data"}), delay="200ms")],
    input_schema={
        "type": "object",
        "properties": {"orderId": {"type": "string"}, "items": {"type": "array"}},
        "required": ["orderId", "items"],
    },
)
sentiment_analysis = FunctionDefinition(
    id="sentiment-analysis",
    name="Customer Sentiment Analysis",
    container=ContainerConfig(IMAGE, ["sh", "-c", SENTIMENT]),
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
    """Runs the program of the container, without the container."""
    context.log(f"what {image} would do in {working_dir}")
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    said, _ = await child.communicate(json.dumps(input).encode())
    return {"output": json.loads(said)}


def executor() -> Any:
    """What runs the functions: containers, or where there are none the stand-in."""
    address = os.environ.get("DOCKER_HOST")
    if missing := prepared(address):
        print(f"{missing}. The programs run without containers.")
        return stand_in
    return DockerExecutor.under(base_url=address)


async def main() -> None:
    async with (
        Engine(order, ticket, storage=connect("memory://")) as engine,
        FunctionManager(engine, executor=executor()) as functions,
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
