"""Agents that are built step by step, deployed and talked to."""

from __future__ import annotations

import pytest

from circuit_breaker.agents import (
    Agent,
    AgentBuilder,
    AgentDefinition,
    AgentInput,
    AgentMemory,
    AgentState,
    AgentTransition,
    ChatRequest,
    agent_builder,
    dump_agent,
    load_agent,
)
from circuit_breaker.errors import AgentError, AgentInvalid, ContentFiltered, DataInvalid, InvalidAgentType
from tests.agents.work import Ledger, at_work, call, script


def bot() -> AgentBuilder:
    """The customer service bot of the documents."""
    return (
        agent_builder("Customer Service Bot")
        .conversational()
        .set_system_prompt("You are a helpful customer service representative")
        .set_llm_provider("openai-gpt4")
        .add_workflow_integration("customer-support-workflow")
        .enable_memory(True)
    )


def echo(request):
    return f"{len(request.messages)}: {request.messages[-1].content}"


def test_a_builder_builds_a_conversational_agent():
    """L1, L2, L4: a conversational agent, which is the usual one, with prompt, provider, workflows and memory."""
    built = bot().build()

    assert ("customer-service-bot", "Customer Service Bot", "conversational") == (built.id, built.name, built.type)
    assert "You are a helpful customer service representative" == built.prompts.system.text
    assert ("openai-gpt4", ("customer-support-workflow",)) == (built.llm_provider, built.workflow_integrations)
    assert AgentMemory() == built.memory
    assert "conversational" == agent_builder("x").build().type
    assert bot().enable_memory(False).build().memory is None


def test_a_builder_builds_a_state_machine():
    """L1, L3: a state machine has states with prompts and actions, and ways between them on conditions."""
    built = (
        agent_builder("Order desk", id="desk")
        .state_machine()
        .set_llm_provider("openai", "gpt-4o", temperature=0.2)
        .add_state("greeting", "Greet.")
        .add_state("helping", "Help.", "find_order")
        .add_transition("greeting", "helping", "data.message != ''")
        .build()
    )

    assert ("desk", "state_machine", "gpt-4o", {"temperature": 0.2}) == (
        built.id,
        built.type,
        built.model,
        built.parameters,
    )
    assert AgentState(name="helping", prompt="Help.", actions=("find_order",)) == built.states[1]
    assert (AgentTransition(source="greeting", target="helping", condition="data.message != ''"),) == built.transitions


def test_a_builder_builds_a_workflow_agent():
    """L1, L5: a workflow agent is bound to a workflow."""
    built = agent_builder("x").workflow_agent("support").build()

    assert ("workflow", "support") == (built.type, built.workflow)


@pytest.mark.parametrize(
    "step",
    [
        lambda builder: builder.conversational().add_state("a"),
        lambda builder: builder.conversational().add_transition("a", "b"),
        lambda builder: builder.state_machine().enable_memory(True),
        lambda builder: builder.workflow_agent("w").add_workflow_integration("v"),
    ],
)
def test_what_an_agent_of_that_type_has_not_is_refused(step):
    """L6: a step that belongs to another type of agent is InvalidAgentType, and says how to begin."""
    with pytest.raises(InvalidAgentType, match="begin with"):
        step(agent_builder("x"))


def test_a_builder_never_changes():
    """ZA32: each step gives a new builder, and all of them make one kind of definition."""
    begun = agent_builder("x")
    begun.describe("more").add_tags("a")

    assert begun.build() == agent_builder("x").build()
    assert isinstance(begun.build(), AgentDefinition)


def test_everything_that_an_agent_has_can_be_said():
    """ZA32: what a builder makes is what a document says."""
    built = (
        agent_builder("x")
        .describe("Does x.")
        .set_system_prompt("{style}")
        .set_user_template("Well: {message}")
        .set_context_instructions("{custom_context|none}")
        .add_input("style", "How", required=False, schema={"type": "string"})
        .add_tools("calculator")
        .add_tools("sentiment", approve=True)
        .add_capabilities("sums")
        .add_tags("a", "b")
        .set_output_schema({"type": "object"})
        .set_limits(iterations=2, dollars="0.5")
        .build()
    )

    assert built == load_agent(dump_agent(built))
    assert ("style", "message") == tuple(built.inputs)
    assert (("calculator", "sentiment"), ("sentiment",)) == (built.tools, built.approve)
    assert (2, "Does x.", ("sums",)) == (built.limits.iterations, built.description, built.capabilities)


def test_what_is_wrong_is_told_when_it_is_built():
    """M6: all faults are told together, where the definition is made."""
    with pytest.raises(AgentInvalid) as wrong:
        agent_builder("x", id="no id").set_system_prompt("{nobody}").build()

    assert ["id", "prompts.system"] == [fault.place for fault in wrong.value.faults]
    with pytest.raises(AgentInvalid, match=r"limits\.tempo"):
        agent_builder("x").set_limits(tempo=3)


def test_an_agent_with_inputs_can_still_be_talked_to():
    """L7: what a person says is an input beside those that were declared, and what the agent is asked."""
    built = agent_builder("x").add_input("name").build()

    assert {"name": AgentInput(), "message": AgentInput()} == built.inputs
    assert "{message}" == built.prompts.user_template.text


async def test_an_agent_is_deployed_and_answers():
    """L7, L9: the customer service bot is deployed, is told who asks, and remembers."""
    model = script("How can I help?", always=echo, name="openai-gpt4")
    async with at_work(model=model) as engine:
        agent = Agent(engine, await bot().deploy(engine))
        response = await agent.chat(ChatRequest("I need help with my order", {"customerId": "cust_123"}))
        again = await agent.chat("It is late")

        assert "How can I help?" == response.message
        assert '"customerId": "cust_123"' in model.requests[1].messages[0].content
        assert "4: It is late" == again.message
        assert response.conversation_id == again.conversation_id == agent.conversation_id
        assert 2 == len(await engine.executions(context={"custom_context.customerId": "cust_123"}))
        assert ("openai-gpt4", {"text": "How can I help?"}) == (response.provider, response.output)


async def test_a_conversation_can_be_named():
    """L7: what is said belongs to the conversation of the request, or to that of the agent."""
    async with at_work(bot().build(), model=script(always=echo, name="openai-gpt4")) as engine:
        await engine.conversations.create("customer-service-bot", id="a")
        agent = Agent(engine, "customer-service-bot", conversation_id="a")

        assert ["a", "a"] == [(await agent.chat(text)).conversation_id for text in ("one", "two")]
        first = await agent.chat(ChatRequest("three", key="once"))
        assert first == await agent.chat(ChatRequest("three", key="once"))
        assert "" == Agent(engine, "customer-service-bot").conversation_id


async def test_the_context_goes_where_it_belongs():
    """L7: of the context, the parts of a context stand for themselves, and inputs get what has their name."""
    built = bot().add_input("customerId").set_user_template("{customerId}: {message}").build()
    async with at_work(built, model=script(always=echo, name="openai-gpt4")) as engine:
        agent = Agent(engine, built.id)
        context = {"customerId": "c1", "user_context": {"user_id": "ann"}}
        response = await agent.chat(ChatRequest("hi", context))
        execution = await engine.execution(response.execution_id)

        assert "2: c1: hi" == response.message
        assert ("ann", "c1") == tuple(map(execution.context.get, ("user_context.user_id", "custom_context.customerId")))


async def test_an_agent_without_memory_has_no_conversation():
    """L7, J5: without a memory each message stands for itself."""
    built = bot().enable_memory(False).build()
    async with at_work(built, model=script(always=echo, name="openai-gpt4")) as engine:
        agent = Agent(engine, built.id)

        assert ["2: a", "2: b"] == [(await agent.chat(text)).message for text in "ab"]
        assert [] == await engine.conversations.listed()


async def test_a_person_decides_in_a_chat():
    """L7: where a person must decide, the response says on what, and the agent goes on after it."""
    ledger = Ledger()
    built = bot().add_tools("enter", approve=True).build()
    model = script(call("enter", text="a"), "Entered.", name="openai-gpt4")
    async with at_work(built, model=model, tools=[ledger.tool]) as engine:
        agent = Agent(engine, built.id)
        asked = await agent.chat("Enter a.")

        assert ("approval_needed", []) == (asked.status, ledger.entries)
        with pytest.raises(DataInvalid):
            await agent.approve(asked, "other")
        assert "Entered." == (await agent.approve(asked, asked.approval["digest"])).message
        assert ["a"] == ledger.entries


async def test_what_a_conversation_waits_for_is_known_later():
    """L7: who comes back to a conversation sees what a person must decide; nothing is waited for before and after."""
    built = bot().enable_memory().add_tools("enter", approve=True).build()
    model = script(call("enter", text="a"), "Entered.", name="openai-gpt4")
    async with at_work(built, model=model, tools=[Ledger().tool]) as engine:
        agent = Agent(engine, built.id)
        before = await agent.waiting()
        asked = await agent.chat("Enter a.")
        waiting = await Agent(engine, built.id, conversation_id=asked.conversation_id).waiting()
        await agent.approve(asked, asked.approval["digest"])

        assert (None, asked, None) == (before, waiting, await agent.waiting())
        assert await Agent(engine, built.id, conversation_id="unknown").waiting() is None


async def test_no_answer_is_an_error():
    """L7: an agent that comes to no answer raises, and names the execution."""
    model = script(ContentFiltered("not this", provider="x"), name="openai-gpt4")
    async with at_work(bot().build(), agent_builder("m").state_machine().add_state("a").build(), model=model) as engine:
        with pytest.raises(AgentError, match=r"has not answered .*not this"):
            await Agent(engine, "customer-service-bot").chat("hi")
        with pytest.raises(InvalidAgentType):
            await Agent(engine, "m").chat("hi")


async def test_others_can_answer_in_place():
    """L7: a model and a provider can take the place of those that the agent names."""
    other = script(always="I am the other.", name="other")
    async with at_work(model=other) as engine:
        built = agent_builder("x").build()
        await engine.register(built)
        await engine.store.put(bot().build(), engine.clock.now())
        agent = Agent(engine, "customer-service-bot", overrides={"llm_provider": "other", "model": "m"})
        response = await agent.chat("hi")

        assert ("I am the other.", "m", "other") == (response.message, response.model, response.provider)
        with pytest.raises(AgentInvalid):
            await Agent(engine, "x", overrides={"llm_provider": 3}).chat("hi")
