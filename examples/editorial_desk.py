r"""An editorial desk: an agent on a transition, an agent that keeps a state, and a person who decides.

A text comes in. In ``incoming`` an agent classifies it, without anybody firing anything, and moves it on. On the way to
``reviewed`` another one reviews it, and counts its words with a tool. Then a person publishes it or sends it back.

It runs offline on a scripted model, from the command line too::

    circuit-breaker run examples/editorial_desk.py --storage sqlite:///desk.db --id text-1 \
        --data '{"content": "Nets are sound. A net that is sound can always finish."}'
    circuit-breaker fire text-1 publish --by ann --storage sqlite:///desk.db -w examples/editorial_desk.py

With ``DESK_CALLS`` in the environment every call of the model and of the tool is noted in that file, and with
``DESK_PACE`` each takes so many seconds: kill it, let ``circuit-breaker work --until-idle`` take it up, and count.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import PlaceAgent, Schedule, Staff, agent_executors
from circuit_breaker.executors import ModelSettings
from circuit_breaker.llm import ChatCompletionRequest, ToolCall, tool
from circuit_breaker.testing import ModelTurn, ScriptedProvider

PACE = float(os.environ.get("DESK_PACE", "0"))


def note(what: str) -> None:
    """Notes a call where the environment says so."""
    if path := os.environ.get("DESK_CALLS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")


@tool
def count_words(text: str) -> dict[str, int]:
    """Counts the words of a text.

    Args:
        text: The text.
    """
    note("tool count_words")
    return {"words": len(text.split())}


def answer(request: ChatCompletionRequest) -> Any:
    """What the script says: a class, a call of the tool, or a review that uses what the tool counted."""
    if "classify" in request.messages[0].content:
        note("model classify")
        return ModelTurn(says=json.dumps({"category": "essay", "confidence": 0.9}), after=PACE)
    last = request.messages[-1]
    if not last.tool_results:
        note("model review")
        call = ToolCall(id="count", name="count_words", arguments=json.dumps({"text": last.content}))
        return ModelTurn(says=call, after=PACE)
    note("model conclude")
    words = json.loads(last.tool_results[-1].content)["words"]
    return ModelTurn(says=json.dumps({"assessment": f"{words} clear words", "confidence_score": 0.8}), after=PACE)


def answers(**properties: str) -> dict[str, Any]:
    """The schema of an answer with these fields, all of which it has."""
    kinds = {name: {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False}


classifier = AgentDefinition(
    id="content-classifier",
    llm_config={"model": "desk", "max_tokens": 200},
    prompts=AgentPrompts(system="You classify texts.", user_template="{content}"),
    inputs=("content",),
    output_schema=answers(category="string", confidence="number"),
    allowed_workflows=("desk",),
)
reviewer = AgentDefinition(
    id="content-reviewer",
    llm_config={"model": "desk"},
    prompts=AgentPrompts(
        system="You review a text of the kind {document_type}. Count its words.", user_template="{document_content}"
    ),
    inputs=("document_content", "document_type"),
    tools=("count_words",),
    output_schema=answers(assessment="string", confidence_score="number"),
)

incoming, classified, reviewed, published, rejected = states(
    "incoming", "classified", "reviewed", "published", "rejected"
)
desk = Workflow(
    "desk",
    flow(incoming >> classified).transition("sort").guard(field("category").exists()).manual(),
    flow(classified >> reviewed)
    .transition("ai_review")
    .agent(
        "content-reviewer",
        input_mapping={"document_content": "data.content", "document_type": "data.category"},
        output_mapping={
            "data.review_result": "assessment",
            "data.review_score": "confidence_score",
            "metadata.reviewer": "agent_id",
            "metadata.review_timestamp": "timestamp",
            "metadata.review_execution": "execution_id",
        },
        timeout=300,
        retry={"max_attempts": 3, "backoff_seconds": 10, "retry_on_errors": ["timeout", "rate_limit"]},
    ),
    flow(reviewed >> published).transition("publish").guard(field("review_score") >= 0.5).manual(),
    flow(reviewed >> rejected).transition("send_back").manual(),
    metadata={"agents": ["content-classifier", "content-reviewer"]},
)

staff = Staff(
    agents=[classifier, reviewer],
    places=[
        PlaceAgent(
            workflow="desk",
            place="incoming",
            agent="content-classifier",
            trigger_conditions=[field("data.content").exists()],
            llm_config={"temperature": 0.1, "top_p": 0.9, "stop": ["CLASSIFICATION COMPLETE"]},
            input_mapping={"content": "data.content"},
            output_mapping={
                "data.category": "category",
                "data.confidence": "confidence",
                "metadata.classifier": "agent_id",
                "metadata.classified_at": "timestamp",
            },
            auto_transition="sort",
            schedule=Schedule(max_executions=1),
            retry={"max_attempts": 2, "backoff_seconds": 15},
        )
    ],
    settings=ModelSettings(providers=[ScriptedProvider(always=answer)], tools=[count_words]),
)


async def main() -> None:
    """One text, from its arrival to its publication."""
    journal = connect("memory://")
    agents = staff.engine(journal)
    async with (
        Engine(desk, storage=journal, executors=agent_executors(agents)) as engine,
        staff.at_work(engine, agents) as places,
    ):
        case = await engine.start("desk", data={"content": "Nets are sound. A net that is sound can always finish."})
        await places.settle()
        case = await engine.fire(await engine.get(case), "publish", by="ann")
        print(case.state, dict(case.data))
        for event in await engine.history(case):
            print(f"{event.type:16} {event.by or '-':26} {getattr(event, 'transition', '')}")
        assert case.data["review_result"] == "11 clear words"  # noqa: S101 - what the example promises


if __name__ == "__main__":
    asyncio.run(main())
