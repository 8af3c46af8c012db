"""What people say to a state machine is hidden before it becomes a signal to its case."""

from __future__ import annotations

from circuit_breaker import Engine, connect
from circuit_breaker.agents import AgentDefinition, AgentPrompts, AgentState, AgentTransition
from circuit_breaker.agents.bridge import StateMachineAgent, agent_executors
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.guardrails import PersonalData
from circuit_breaker.testing import ScriptedProvider

BOT = AgentDefinition(
    id="bot",
    type="state_machine",
    llm_provider="scripted",
    llm_config={"model": "m"},
    prompts=AgentPrompts(system="You help."),
    guardrails=("privacy",),
    states=(AgentState(name="start", prompt="Ask."), AgentState(name="end", prompt="Say goodbye.")),
    transitions=(AgentTransition(source="start", target="end", condition="data.message.contains('[EMAIL')"),),
)


async def test_a_machine_keeps_no_personal_data_of_a_message(tmp_path):
    """J6: neither the message nor the context of it is in the journal of the case; conditions see placeholders."""
    guard = PersonalData(reversible=True)
    model = ScriptedProvider("Hello ann@example.org")
    journal = connect(f"sqlite:///{tmp_path}/a.db")
    agents = AgentEngine(journal, providers=[model], guardrails={"privacy": guard})
    async with Engine(storage=journal, executors=agent_executors(agents)) as engine, agents:
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        request = ChatRequest("I am eve@example.org", {"mail": "bob@example.org", "user_id": "u1"}, key="k")
        response = await bot.chat(request)
        again = await bot.chat(request)
        state = await bot.state()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert [] == [who for who in (b"eve@", b"bob@", b"ann@") if who in kept]
    assert (response, "end", 1) == (again, state, len(model.requests))
    assert guard.hider(bot.conversation_id).text("I am eve@example.org") == model.requests[0].messages[-1].content
