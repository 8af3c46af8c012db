"""For whom a partner works: what a message says of whoever speaks, and what holds for later messages."""

from __future__ import annotations

import pytest

from circuit_breaker.agents import AgentDefinition
from circuit_breaker.agents.bridge import StateMachineAgent, WorkflowAgent
from circuit_breaker.agents.chat import Agent, ChatRequest
from circuit_breaker.agents.definition import AgentMemory
from circuit_breaker.errors import AgentError, DataInvalid
from tests.agents.machine.test_machine import BASE, BOT, CLERK, ORDER, at_work

ALONE = AgentDefinition(id="alone", memory=AgentMemory(), inputs=("message",), **BASE)
ANN = {"tenant_id": "acme", "user_context": {"user_id": "ann", "roles": ["clerk"]}, "order": "A-7"}
PARTNERS = pytest.mark.parametrize("definition", [ALONE, BOT, CLERK], ids=lambda one: one.type)


async def partner(engine, agents, definition):
    """Somebody to talk to of that type."""
    if definition.type == "conversational":
        return Agent(agents, (await agents.register(definition)).id)
    kind = {"state_machine": StateMachineAgent, "workflow": WorkflowAgent}[definition.type]
    return await kind.deploy(engine, agents, definition)


async def contexts(agents):
    """For whom each execution works: the tenant, the person and what belongs to it."""
    found = [one.context for one in await agents.executions()]
    return [(one.tenant_id, dict(one.user_context), one.get("custom_context.order")) for one in found]


@PARTNERS
async def test_who_speaks_is_known_whomever_one_talks_to(definition):
    """L7 M9: the tenant and the person of a message are those of the execution, and hold for later messages."""
    async with at_work("Hello!", "Again!", workflows=[ORDER]) as (engine, agents, _):
        whom = await partner(engine, agents, definition)
        await whom.chat(ChatRequest("Hi", ANN))
        await whom.chat("Hi again")
        assert [("acme", {"user_id": "ann", "roles": ["clerk"]}, "A-7")] * 2 == await contexts(agents)


@PARTNERS
async def test_a_message_can_be_from_somebody_else(definition):
    """L7: what comes with a later message stands in place of what came with the first."""
    async with at_work("Hello!", "Again!", workflows=[ORDER]) as (engine, agents, _):
        whom = await partner(engine, agents, definition)
        await whom.chat(ChatRequest("Hi", ANN))
        await whom.chat(ChatRequest("Hi", {"tenant_id": "other", "user_context": {"user_id": "bob"}}))
        assert ("other", {"user_id": "bob"}, None) == (await contexts(agents))[1]


@PARTNERS
async def test_an_agent_talks_to_its_tenants_only(definition):
    """M9: allowed_tenants holds for whoever speaks, whomever one talks to; no model is called."""
    async with at_work("Hello!", workflows=[ORDER]) as (engine, agents, model):
        whom = await partner(engine, agents, definition.evolve(allowed_tenants=("acme",)))
        with pytest.raises(AgentError, match="may not work for tenant 'other'"):
            await whom.chat(ChatRequest("Hi", {"tenant_id": "other"}))
        assert [] == model.requests
        assert "Hello!" == (await whom.chat(ChatRequest("Hi", {"tenant_id": "acme"}))).message


@pytest.mark.parametrize("context", [{"tenant_id": 3}, {"custom_context": "abc", "order": "A-7"}])
@PARTNERS
async def test_a_context_that_is_none_begins_nothing(definition, context):
    """L7: where a message has no context, no conversation and no case begins."""
    async with at_work(workflows=[ORDER]) as (engine, agents, _):
        whom = await partner(engine, agents, definition)
        with pytest.raises(DataInvalid, match="context"):
            await whom.chat(ChatRequest("Hi", context))
        assert ([], []) == (await agents.conversations.listed(), await engine.cases())
