"""What the tests of the bridge share: a workflow engine and an agent engine on one storage."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs

from circuit_breaker import Case, Engine, Workflow, connect, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import PlaceAgent, PlaceAgents, agent_executors
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.executors import ModelSettings
from circuit_breaker.llm.patience import Retries
from circuit_breaker.testing import ScriptedProvider

submitted, reviewed, failed, done = states("submitted", "reviewed", "failed", "done")

ANSWER = {"assessment": "good", "confidence_score": 0.9}
SCHEMA = {
    "type": "object",
    "properties": {"assessment": {"type": "string"}, "confidence_score": {"type": "number"}},
    "required": ["assessment", "confidence_score"],
    "additionalProperties": False,
}
INPUTS = {"document_content": "data.content", "document_type": "metadata.type"}
OUTPUTS = {
    "data.review_result": "assessment",
    "data.review_score": "confidence_score",
    "metadata.reviewer": "agent_id",
    "metadata.review_timestamp": "timestamp",
}


def said(**changes: Any) -> str:
    """An answer of the reviewer as the model writes it."""
    return json.dumps({**ANSWER, **changes})


def reviewer(**changes: Any) -> AgentDefinition:
    """The reviewer of texts."""
    given: dict[str, Any] = {
        "id": "content-reviewer",
        "llm_config": {"model": "m"},
        "prompts": AgentPrompts(system="You review a {document_type}.", user_template="{document_content}"),
        "inputs": ("document_content", "document_type"),
        "output_schema": SCHEMA,
    }
    return AgentDefinition(**given | changes)


def reviewing(*, timeout_of_transition: float | None = None, metadata: Any = None, **changes: Any) -> Workflow:
    """A workflow whose only transition asks the reviewer."""
    asked = {"input_mapping": INPUTS, "output_mapping": OUTPUTS, **changes}
    review = flow(submitted >> reviewed).transition("ai_review").agent("content-reviewer", **asked)
    if timeout_of_transition is not None:
        review = review.timeout(timeout_of_transition)
    return Workflow("w", review, metadata=metadata or {})


@attrs.frozen
class Office:
    """Both engines, open."""

    engine: Engine
    agents: AgentEngine
    model: ScriptedProvider

    async def case(self, content: str = "A text.", **metadata: Any) -> Case:
        """A new case of the only workflow."""
        [workflow] = self.engine.workflows
        return await self.engine.start(workflow, data={"content": content}, metadata={"type": "blog", **metadata})

    async def run(self, content: str = "A text.", **metadata: Any) -> Case:
        """The same, run until it rests."""
        return await self.engine.run(await self.case(content, **metadata))

    async def executions(self) -> Sequence[AgentExecution]:
        """All executions."""
        return await self.agents.executions()


@asynccontextmanager
async def office(
    *workflows: Workflow,
    says: Any = (),
    always: Any = None,
    agents: Sequence[AgentDefinition] | None = None,
    url: str = "memory://",
    **options: Any,
) -> AsyncIterator[Office]:
    """Both engines with a model that says these things."""
    model = ScriptedProvider(*says, always=always)
    journal = connect(url)
    clock = options.pop("clock", None)
    settings = ModelSettings(providers=[model], retries=Retries(pause=0.0), tools=options.pop("tools", ()))
    engine_of_agents = AgentEngine(journal, settings=settings, **options)
    async with AsyncExitStack() as stack:
        executors = agent_executors(engine_of_agents)
        engine = await stack.enter_async_context(Engine(*workflows, storage=journal, executors=executors, clock=clock))
        await stack.enter_async_context(engine_of_agents)
        for definition in [reviewer()] if agents is None else agents:
            await engine_of_agents.register(definition)
        yield Office(engine, engine_of_agents, model)


def keeping(open_office: Office, *placed: PlaceAgent) -> PlaceAgents:
    """The place agents of an office."""
    return PlaceAgents(open_office.engine, open_office.agents, *placed, poll=0.02)
