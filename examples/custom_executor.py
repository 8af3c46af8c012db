"""An executor of your own in three steps: subclass, declare, define ``execute_internal``.

It runs alone, for a script or a test, and as the action of a transition.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from circuit_breaker import (
    BaseExecutor,
    Engine,
    Workflow,
    before_execute,
    connect,
    field,
    flow,
    parameter,
    states,
    validate,
)
from circuit_breaker.errors import ParameterInvalid


@parameter("input_data", description="What to work on; its key 'type' says what it is")
@parameter("options", default={}, description="How to work on it")
class CustomExecutor(BaseExecutor):
    """Turns every text of the input into upper case."""

    input_data: dict[str, Any]
    options: dict[str, Any]

    @validate
    def input_has_a_type(self, context: dict[str, Any]) -> None:
        if "type" not in context["input_data"]:
            raise ValueError("input_data has no key 'type'")

    @before_execute
    def note_the_type(self, context: dict[str, Any]) -> None:
        self.execution.log(f"working on a {context['input_data']['type']}")

    def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        shown = {key: value.upper() for key, value in context["input_data"].items() if isinstance(value, str)}
        return {"processed_data": shown, "options_used": context["options"], "status": "completed"}


received, done = states("received", "done")
shouting = Workflow(
    "shouting", flow(received >> done).transition("shout").execute(CustomExecutor, input_data=field("message"))
)


async def main() -> None:
    executor = CustomExecutor(input_data={"type": "greeting", "text": "hello"}, options={"loud": True})
    print("Alone:", await executor.execute())
    print("It said:", [line.line for line in executor.logs])

    for wrong in ({"input_data": {"text": "hello"}}, {"input_data": [], "option": {}}):
        try:
            await CustomExecutor(**wrong).execute()
        except ParameterInvalid as error:
            print(error)

    print("Its parameters:", json.dumps(CustomExecutor.describe()["properties"], indent=2))

    async with Engine(shouting, storage=connect("memory://")) as engine:
        case = await engine.start("shouting", data={"message": {"type": "greeting", "text": "good morning"}})
        case = await engine.run(case)
        print("In a workflow:", case.state, case.data["processed_data"])


if __name__ == "__main__":
    asyncio.run(main())
