"""Conversations with a state machine that is changed while they go on."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.agents import AgentState
from circuit_breaker.agents.bridge import StateMachineAgent, WorkflowAgent, machine_workflow
from circuit_breaker.agents.bridge.machine import machine_agents
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.engine.plugins import Plugin
from circuit_breaker.errors import WorkflowNotFound
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.documents import load_workflow
from tests.agents.machine.test_machine import BOT, CLERK, ORDER, at_work

OTHER = BOT.evolve(states=(AgentState(name="start", prompt="Begin anew."),), transitions=())
REWORDED = BOT.evolve(states=(BOT.states[0], AgentState(name="helping", prompt="Help at once."), BOT.states[2]))


async def test_a_conversation_goes_on_under_the_definition_that_it_began_with(tmp_path):
    """L3: after a restart with another definition it is in its old state, with the old prompt, and moves as before."""
    file = f"sqlite:///{tmp_path}/work.db"
    async with at_work("Which?", storage=file) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("my order")
    async with at_work("Bye!", "New.", storage=file) as (engine, agents, model):
        again = await StateMachineAgent.deploy(engine, agents, OTHER, conversation_id=bot.conversation_id)
        await again.chat("A-7")
        new = await StateMachineAgent.deploy(engine, agents, "bot")
        await new.chat("Hi")

        assert ("over", "start") == (await again.state(), await new.state())
    told = [str(request.messages[0].content).split("\n\n")[1] for request in model.requests]
    assert ["Solve the problem.", "Begin anew."] == told
    assert "my order" in str(model.requests[0].messages)


async def test_a_changed_prompt_is_for_new_conversations(tmp_path):
    """L3: what a state says belongs to the definition; one that began keeps the words, also in the same process."""
    async with at_work("Which?", "Old.", "Which?", "New.") as (engine, agents, model):
        old = await StateMachineAgent.deploy(engine, agents, BOT)
        await old.chat("my order")
        new = await StateMachineAgent.deploy(engine, agents, REWORDED)
        for bot in (old, new):
            await bot.chat("my order")
        await new.chat("A-7")

    told = [str(request.messages[0].content).split("\n\n")[1] for request in model.requests]
    assert ["Solve the problem.", "Help at once."] == [told[1], told[3]]


async def test_a_conversation_that_began_before_can_be_ended(tmp_path):
    """L3: somebody ends a conversation whose state is in no present definition."""
    file = f"sqlite:///{tmp_path}/work.db"
    async with at_work("Which?", storage=file) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("my order")
    async with at_work(storage=file) as (engine, agents, _):
        again = await StateMachineAgent.deploy(engine, agents, OTHER, conversation_id=bot.conversation_id)

        assert "completed" == (await again.end(by="ann")).status


async def test_a_definition_that_cannot_be_read_is_told(tmp_path):
    """L5: a case whose old definition has a function that nobody gives is not moved; the error says where it stands."""
    file = f"sqlite:///{tmp_path}/work.db"
    first, *others = ORDER.flows
    acting = Workflow("order", first.action(lambda token: {}), *others)
    async with at_work("Hello.", storage=file, workflows=[acting]) as (engine, agents, _):
        clerk = await WorkflowAgent.deploy(engine, agents, CLERK)
        await clerk.chat("Hi")
    async with at_work(storage=file, workflows=[ORDER]) as (engine, agents, _):
        again = await WorkflowAgent.deploy(engine, agents, "clerk")
        with pytest.raises(WorkflowNotFound, match="it stands in 'received'"):
            await again.chat(ChatRequest("Hi", conversation_id=clerk.conversation_id))


def test_agents_of_a_state_have_the_id_of_what_they_say():
    """L3: a state that says the same has the same agent in each version of a machine; another has another."""
    before, after = machine_agents(BOT), machine_agents(REWORDED)

    assert (True, False) == tuple(one.id == other.id for one, other in zip(before, after, strict=True))
    assert machine_workflow(BOT).version != machine_workflow(REWORDED).version


async def test_a_definition_is_read_from_the_storage_without_loss():
    """L3: the workflow of a machine is kept as a document that gives the same version."""
    async with at_work("Hello!") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("Hi")
        kept = await engine.storage.definition((await bot.case()).definition)

    assert load_workflow(kept.decode()).version == machine_workflow(BOT).version


async def test_a_conversation_of_an_agent_that_is_not_deployed_can_be_ended(tmp_path):
    """L3: who only knows the id of a conversation ends it; the definition that it began with is enough."""
    file = f"sqlite:///{tmp_path}/work.db"
    async with at_work("Which?", storage=file) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("my order")
    async with at_work(storage=file) as (engine, agents, _):
        known = StateMachineAgent(engine, agents, "bot", conversation_id=bot.conversation_id)

        assert "completed" == (await known.end(by="ann")).status


async def test_what_was_said_with_other_settings_is_answered_with_them():
    """L6: overrides hold for what is said by whom they were given to, and for nobody else in the conversation."""
    async with at_work("Hot.", "Cold.") as (engine, agents, model):
        hot = await StateMachineAgent.deploy(engine, agents, BOT, overrides={"temperature": 0.9})
        await hot.chat("Hi")
        cold = await StateMachineAgent.deploy(engine, agents, "bot", conversation_id=hot.conversation_id)
        await cold.chat("Hi")

    assert [0.9, None] == [request.temperature for request in model.requests]


class Slow(Plugin):
    """A plugin that takes its time with each definition."""

    async def on_workflow_created(self, workflow):
        await asyncio.sleep(0.01)


async def test_conversations_taken_up_at_once_leave_the_present_definition_alone(tmp_path):
    """L3: what new conversations begin under is what was deployed last, also while old ones are taken up."""
    file = f"sqlite:///{tmp_path}/work.db"
    versions = [BOT.evolve(states=(AgentState(name=f"v{number}", prompt="Hi."),), transitions=()) for number in (1, 2)]
    old = []
    for version in versions:
        async with at_work("Hi.", storage=file) as (engine, agents, _):
            bot = await StateMachineAgent.deploy(engine, agents, version)
            await bot.chat("Hi")
            old.append(bot.conversation_id)
    async with at_work(*["Hi."] * 4, storage=file) as (engine, agents, _):
        await engine.register_plugin(Slow())
        new = await StateMachineAgent.deploy(engine, agents, OTHER)
        talks = [StateMachineAgent(engine, agents, "bot", conversation_id=one) for one in old]
        async with asyncio.TaskGroup() as group:
            for number, talk in enumerate(talks):
                group.create_task(_later(number * 0.005, talk))
            group.create_task(_later(0.008, new))
        after = StateMachineAgent(engine, agents, "bot")
        await after.chat("Hi")

        assert ["v1", "v2", "start", "start"] == [await one.state() for one in (*talks, new, after)]


async def _later(seconds: float, talk: StateMachineAgent) -> None:
    await asyncio.sleep(seconds)
    await talk.chat("Hi")
