"""A customer service bot: built step by step, deployed, talked to, and remembered when the process is another.

It answers by a script here, so that it needs no key. With ``OpenAIProvider(name="openai-gpt4", api_key=...)`` in the
place of the script it is a real one.
"""

from __future__ import annotations

import asyncio

from circuit_breaker import connect
from circuit_breaker.agents import Agent, AgentEngine, ChatRequest, agent_builder
from circuit_breaker.llm import ToolCall, tool
from circuit_breaker.testing import ScriptedProvider

ORDERS = {"cust_123": "Order 4711: a lamp, sent on Monday."}
MODEL = ScriptedProvider(
    ToolCall(id="call_1", name="find_orders", arguments='{"customer": "cust_123"}'),
    "Your lamp was sent on Monday. Has it not arrived?",
    always=lambda request: f"I am sorry. I remember all {len(request.messages) - 2} messages before this one.",
    name="openai-gpt4",
)


@tool
def find_orders(customer: str) -> str:
    """The orders of a customer.

    Args:
        customer: The id of the customer.
    """
    return ORDERS.get(customer, "No orders.")


bot = (
    agent_builder("Customer Service Bot")
    .conversational()
    .set_system_prompt("You are a helpful customer service representative")
    .set_llm_provider("openai-gpt4")
    .add_workflow_integration("customer-support-workflow")
    .add_tools("find_orders")
    .enable_memory(True)
)


async def main() -> None:
    async with connect("sqlite:///support.db") as storage:
        async with AgentEngine(storage, providers=[MODEL], tools=[find_orders]) as agents:
            agent = Agent(agents, await bot.deploy(agents))
            response = await agent.chat(ChatRequest("I need help with my order", {"customerId": "cust_123"}))
            print(f"Agent response: {response.message}")

        async with AgentEngine(storage, providers=[MODEL], tools=[find_orders]) as agents:  # another day
            agent = Agent(agents, "customer-service-bot", conversation_id=response.conversation_id)
            print(f"Agent response: {(await agent.chat('It has not.')).message}")
            print(await agents.conversations.as_markdown(response.conversation_id))
            found = await agents.executions(context={"custom_context.customerId": "cust_123"})
            print(f"{len(found)} executions for cust_123")


if __name__ == "__main__":
    asyncio.run(main())
