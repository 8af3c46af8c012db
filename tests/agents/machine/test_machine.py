"""State machines to talk to, and agents that are bound to a workflow."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts, AgentState, AgentTransition
from circuit_breaker.agents.bridge import StateMachineAgent, WorkflowAgent, agent_executors, machine_workflow
from circuit_breaker.agents.bridge.machine import machine_agents
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import (
    AgentError,
    AgentForbidden,
    AgentInvalid,
    CaseClosed,
    ContentFiltered,
    InvalidAgentType,
)
from circuit_breaker.llm.tools import tool
from circuit_breaker.testing import HANG, ModelTurn, ScriptedProvider

SCHEMA = {"type": "object", "properties": {"reply": {"type": "string"}, "solved": {"type": "boolean"}}}
BASE = {"llm_provider": "scripted", "llm_config": {"model": "m"}}
BOT = AgentDefinition(
    id="bot",
    type="state_machine",
    prompts=AgentPrompts(system="You help."),
    states=(
        AgentState(name="greeting", prompt="Greet, and ask what it is about."),
        AgentState(name="helping", prompt="Solve the problem.", actions=("order_of",)),
        AgentState(name="over"),
    ),
    transitions=(
        AgentTransition(source="greeting", target="helping", condition="data.message.contains('order')"),
        AgentTransition(source="helping", target="over", condition="data.answer.contains('Bye')"),
    ),
    **BASE,
)


@tool
def order_of(customer: str) -> str:
    """The order of a customer."""
    return f"A-7 of {customer}"


@asynccontextmanager
async def at_work(*turns, storage="memory://", workflows=(), **options):
    """An engine of workflows and one of agents on one storage, whose model has this script."""
    model = ScriptedProvider(*turns)
    journal = connect(storage)
    agents = AgentEngine(journal, providers=[model], tools=[order_of], **options)
    async with Engine(*workflows, storage=journal, executors=agent_executors(agents)) as engine, agents:
        yield engine, agents, model


async def test_a_message_is_answered_and_moves_the_machine():
    """L3: each state answers with its prompt, after the system prompt; a condition on the message leads on."""
    async with at_work("Hello!", "Which order?", "Let me see.") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        first = await bot.chat("Hi")
        before = await bot.state()
        second = await bot.chat("It is about my order")

        assert ("Hello!", "greeting") == (first.message, before)
        assert ("Which order?", "helping") == (second.message, await bot.state())
        await bot.chat("A-7")

    told = [str(request.messages[0].content) for request in model.requests]
    assert [text.split("\n\n")[1] for text in told] == [
        "Greet, and ask what it is about.",
        "Greet, and ask what it is about.",
        "Solve the problem.",
    ]
    assert all(text.startswith("You help.") for text in told)


async def test_what_was_said_before_is_remembered_across_states():
    """J7: the conversation is one, whichever state answers."""
    async with at_work("Hello!", "Which order?", "Let me see.") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        for text in ("Hi", "my order", "A-7"):
            await bot.chat(text)

    said = [(message.role, str(message.content)) for message in model.requests[2].messages[1:]]
    assert said == [
        ("user", "Hi"),
        ("assistant", "Hello!"),
        ("user", "my order"),
        ("assistant", "Which order?"),
        ("user", "A-7"),
    ]


async def test_a_state_has_tools_of_its_own():
    """L3: the actions of a state are tools in that state, and in no other."""
    call = ModelTurn(calls=(("order_of", {"customer": "Ann"}),))
    async with at_work("Hello!", call, "It is A-7.") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("my order")
        response = await bot.chat("I am Ann")

    assert response.message == "It is A-7."
    assert [] == [one.name for one in model.requests[0].tools or ()]
    assert ["order_of"] == [one.name for one in model.requests[1].tools]


async def test_a_state_without_prompt_and_way_out_ends_the_conversation():
    """L3: the case is completed there, and nothing more can be said."""
    async with at_work("Hello!", "Solved. Bye!") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("my order")
        await bot.chat("thanks")

        assert ("over", "completed") == (await bot.state(), (await bot.case()).status)
        with pytest.raises(CaseClosed):
            await bot.chat("hello?")


async def test_somebody_may_end_the_conversation_in_any_state():
    """L3: the machine can be left from each state."""
    async with at_work("Hello!") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("Hi")

        assert "completed" == (await bot.end(by="ann")).status


async def test_a_structured_answer_decides():
    """L3: conditions read the structured output of the agent."""
    solver = BOT.evolve(
        output_schema=SCHEMA,
        transitions=(AgentTransition(source="greeting", target="over", condition="data.answer.solved"),),
        states=(BOT.states[0], BOT.states[2]),
    )
    async with at_work('{"reply": "Hm", "solved": false}', '{"reply": "Yes", "solved": true}') as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, solver)
        await bot.chat("Hi")
        before = await bot.state()
        response = await bot.chat("Well?")

        assert ("greeting", "over") == (before, await bot.state())
        assert response.output["reply"] == "Yes"


async def test_a_failed_turn_leaves_the_machine_where_it_was():
    """L3: when the model fails, whoever has spoken is told, and can say it again."""
    async with at_work(ContentFiltered("no", provider="scripted"), "Hello!") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        with pytest.raises(AgentError, match="has not answered"):
            await bot.chat("Hi")

        assert "greeting" == await bot.state()
        assert "Hello!" == (await bot.chat("Hi")).message


async def test_the_same_message_is_answered_once():
    """L3: with a key a message is said once, however often it is asked for."""
    async with at_work("Hello!") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        answers = [await bot.chat(ChatRequest("Hi", key="one")) for _ in range(2)]

    assert answers[0].execution_id == answers[1].execution_id
    assert len(model.requests) == 1


async def test_a_message_of_long_ago_is_not_heard_again():
    """L3: with the key of an earlier message its answer is given again, also after the end, and nothing moves."""
    async with at_work("Hello!", "Which order?", "Solved. Bye!") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        for key, text in (("one", "Hi"), ("two", "my order"), ("three", "A-7")):
            await bot.chat(ChatRequest(text, key=key))
            again = await bot.chat(ChatRequest("Hi", key="one"))
            assert "Hello!" == again.message

        assert ("over", 3) == (await bot.state(), len(model.requests))


async def test_a_conversation_goes_on_after_a_restart(tmp_path):
    """L3: the case is the conversation: a new process goes on in the state where the old one was."""
    file = f"sqlite:///{tmp_path}/work.db"
    async with at_work("Hello!", storage=file) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("my order")
    async with at_work("It is A-7.", storage=file) as (engine, agents, model):
        again = await StateMachineAgent.deploy(engine, agents, "bot", conversation_id=bot.conversation_id)
        response = await again.chat("which one?")

        assert ("It is A-7.", "helping") == (response.message, await again.state())
    assert "my order" in str(model.requests[0].messages)


async def test_a_message_that_came_before_the_crash_is_not_heard_twice(tmp_path):
    """L3: killed between the message and its answer, the machine answers it once."""
    file = f"sqlite:///{tmp_path}/work.db"
    async with at_work("Hello!", storage=file) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await bot.chat("Hi")
        data = {"message": "my order", "context": {}, "message_id": "one"}
        await engine.signal(bot.conversation_id, "message", data=data)
    async with at_work("Which?", storage=file) as (engine, agents, model):
        again = await StateMachineAgent.deploy(engine, agents, "bot", conversation_id=bot.conversation_id)
        response = await again.chat(ChatRequest("my order", key="one"))

    assert (response.message, len(model.requests)) == ("Which?", 1)


def test_the_workflow_of_a_machine_can_always_come_to_its_end():
    """L3: the machine is a workflow of ours: drawn, and sound."""
    workflow = machine_workflow(BOT)

    assert "sound" == workflow.verify().verdict
    assert "helping/heard" in workflow.draw()
    assert ["bot.1-greeting", "bot.2-helping"] == [one.id.rpartition(".")[0] for one in machine_agents(BOT)]


def test_ways_between_the_same_states_and_ways_without_a_condition_are_told_apart():
    """L2: several ways lead from one state to another, and one without a condition is always taken."""
    ways = [AgentTransition(source="greeting", target="helping", condition=one) for one in ("data.a", "data.b", "")]
    workflow = machine_workflow(BOT.evolve(transitions=(*ways, BOT.transitions[1])))

    assert {"greeting-to-helping-1", "greeting-to-helping-2", "greeting-to-helping-3"} <= set(workflow.by_name)
    assert "greeting-stays" not in workflow.by_name


def test_only_a_state_machine_is_made_into_one():
    """L2: another type is refused, and so is a machine with faults."""
    with pytest.raises(InvalidAgentType):
        machine_workflow(AgentDefinition(id="x", **BASE))
    with pytest.raises(AgentInvalid):
        machine_agents(BOT.evolve(states=()))


def test_a_state_to_which_nothing_leads_is_refused_in_the_words_of_the_machine():
    """L2: a state that can never be reached, an end or not, is named as it stands in the definition."""
    lost = (*BOT.states, AgentState(name="lost"), AgentState(name="aside", prompt="Wait."))
    aside = AgentTransition(source="aside", target="lost")
    with pytest.raises(AgentInvalid) as caught:
        machine_workflow(BOT.evolve(states=lost, transitions=(*BOT.transitions, aside)))

    assert ["states[3]", "states[4]"] == [fault.place for fault in caught.value.faults]
    assert "nothing leads from 'greeting' to 'lost' (add a transition that leads to it" in str(caught.value)


received, checked, refunded = states("received", "checked", "refunded")
ORDER = Workflow(
    "order",
    flow(received >> checked).transition("check").guard(field("paid").is_true()).manual(),
    flow(checked >> refunded).transition("refund").manual(),
)
CLERK = AgentDefinition(id="clerk", type="workflow", workflow="order", **BASE)


async def test_a_workflow_agent_moves_its_case_by_its_transitions():
    """L5: the transitions of the case are the tools of the agent."""
    turns = (ModelTurn(calls=(("check", {}),)), ModelTurn(calls=(("refund", {}),)), "It is refunded.")
    async with at_work(*turns, workflows=[ORDER]) as (engine, agents, model):
        clerk = await WorkflowAgent.deploy(engine, agents, CLERK)
        response = await clerk.chat(ChatRequest("Refund me", {"paid": True}))
        case = await clerk.case()

    assert (response.message, case.state) == ("It is refunded.", "refunded")
    assert {"check", "refund", "explain"} == {one.name for one in model.requests[0].tools}


async def test_a_workflow_agent_cannot_do_what_the_workflow_forbids():
    """L5: a transition that is not possible answers why not, and the case stays where it is."""
    turns = (ModelTurn(calls=(("refund", {}),)), ModelTurn(calls=(("check", {}),)), "It is not paid.")
    async with at_work(*turns, workflows=[ORDER]) as (engine, agents, model):
        clerk = await WorkflowAgent.deploy(engine, agents, CLERK)
        await clerk.chat(ChatRequest("Refund me", {"paid": False}))
        case = await clerk.case()

    assert case.state == "received"
    assert "paid" in str(model.requests[2].messages[-1])


async def test_a_workflow_agent_remembers_its_conversation():
    """L5: what is said next belongs to the same case."""
    async with at_work("Hello.", "Still here.", workflows=[ORDER]) as (engine, agents, _):
        clerk = await WorkflowAgent.deploy(engine, agents, CLERK)
        first = await clerk.chat("Hi")
        second = await clerk.chat("Hello?")

    assert first.conversation_id == second.conversation_id == clerk.conversation_id


async def test_an_agent_of_another_type_is_not_deployed_so():
    """L2: a machine is no workflow agent."""
    async with at_work(workflows=[ORDER]) as (engine, agents, _):
        with pytest.raises(InvalidAgentType):
            await WorkflowAgent.deploy(engine, agents, BOT)


async def test_a_message_that_carries_its_conversation_goes_on_there():
    """L7: a request names the conversation in which it is said."""
    async with at_work("Hello!", "Again!") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        first = await bot.chat("Hi")
        other = await StateMachineAgent.deploy(engine, agents, "bot")
        second = await other.chat(ChatRequest("Hi again", conversation_id=first.conversation_id))

    assert second.conversation_id == first.conversation_id


async def test_what_the_agent_lacks_is_told_to_whoever_speaks():
    """L3: a turn that cannot begin is an error that says why, and the machine stays where it is."""
    needing = BOT.evolve(inputs=("customer",), prompts=AgentPrompts(system="You help {customer}."))
    async with at_work("Hello!") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, needing)
        with pytest.raises(AgentError, match="customer"):
            await bot.chat("Hi")
        response = await bot.chat(ChatRequest("Hi", {"customer": "Ann"}))

    assert response.message == "Hello!"


async def test_an_answer_that_a_stop_broke_off_is_given_after_a_restart(tmp_path):
    """L3: stopped while the model thinks, the turn goes on in the next process, by the same execution."""
    file = f"sqlite:///{tmp_path}/work.db"
    said = ChatRequest("Hi", conversation_id="talk", key="one")
    async with at_work(ModelTurn(says=HANG), storage=file) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await bot.chat(said)
        [begun] = await agents.executions()
    async with at_work("Hello!", storage=file) as (engine, agents, _):
        again = await StateMachineAgent.deploy(engine, agents, "bot")
        response = await again.chat(said)

    assert (response.message, response.execution_id) == ("Hello!", begun.id)


async def test_a_workflow_agent_answers_the_same_message_once():
    """L5: with a key a message is answered once."""
    async with at_work("Hello.", workflows=[ORDER]) as (engine, agents, model):
        clerk = await WorkflowAgent.deploy(engine, agents, CLERK)
        answers = [await clerk.chat(ChatRequest("Hi", conversation_id="talk", key="one")) for _ in range(2)]

    assert answers[0].execution_id == answers[1].execution_id
    assert len(model.requests) == 1


async def test_several_conversations_of_a_workflow_agent_are_several_cases():
    """L5: an agent is deployed as often as somebody wants to talk to it; each case has the tools once."""
    async with at_work("One.", "Two.", "No case.", workflows=[ORDER]) as (engine, agents, model):
        for text in ("One.", "Two."):
            clerk = await WorkflowAgent.deploy(engine, agents, CLERK)
            assert text == (await clerk.chat("Hi")).message
        await agents.run("clerk", {"message": "Hi"})

    assert [3, 3, 0] == [len(request.tools or ()) for request in model.requests]


async def test_a_workflow_agent_moves_cases_of_its_workflow_only():
    """L5 W5: asked about a case of another workflow, it gets no tools, and no model is called."""
    here, there = states("here", "there")
    other = Workflow("other", flow(here >> there).transition("go").manual())
    async with at_work("It is done.", workflows=[ORDER, other]) as (engine, agents, model):
        await WorkflowAgent.deploy(engine, agents, CLERK)
        case = await engine.start("other")
        context = {"workflow_context": {"resource_id": case.id}}
        done = await agents.run("clerk", {"message": "Go"}, context=context)

    assert ("failed", "agent_forbidden", []) == (done.status, done.error["code"], model.requests)


async def test_a_workflow_agent_that_its_workflow_does_not_list_is_refused():
    """W5: what the workflow may not use is refused when the agent is deployed."""
    listing = Workflow("order", *ORDER.flows, metadata={"agents": ["another"]})
    async with at_work(workflows=[listing]) as (engine, agents, _):
        with pytest.raises(AgentForbidden, match="does not list it"):
            await WorkflowAgent.deploy(engine, agents, CLERK)
