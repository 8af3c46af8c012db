"""Support requests that answer themselves: received, analyzing, responding, resolved.

Nobody fires anything here: every transition is automatic, so one ``run`` brings a case as far as it can go. Angry
customers and unknown topics are the exception; a person answers these.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from circuit_breaker import Engine, FunctionExecutor, State, Workflow, connect, field, flow, states, template

GOOD = frozenset({"thanks", "great", "love", "please", "happy", "nice"})
BAD = frozenset({"angry", "broken", "terrible", "refund", "worst", "never", "again"})
ANSWERS = {
    "password": "use the link 'forgotten password' on the first page.",
    "invoice": "your invoices are under 'account', as PDF.",
    "delivery": "the number of your parcel is in the mail that we sent you.",
}


@FunctionExecutor.of
def sentiment_analysis(text: str) -> dict[str, Any]:
    """A score from -1 (angry) to 1 (glad), by the words."""
    words = re.findall(r"[a-z]+", text.lower())
    good, bad = (sum(word in kind for word in words) for kind in (GOOD, BAD))
    return {"score": (good - bad) / max(1, good + bad)}


@FunctionExecutor.of
def find_topic(text: str) -> dict[str, Any]:
    """The first topic that the text names."""
    topic = next((topic for topic in ANSWERS if topic in text.lower()), None)
    return {"topic": topic, "answer": ANSWERS.get(topic or "", "")}


@FunctionExecutor.of
def send(recipient: str, body: str) -> dict[str, Any]:
    """Stands for the mail server."""
    print(f"  to {recipient}: {body}")
    return {"sent": True}


received, analyzing, responding, person, resolved = states(
    "received",
    "analyzing",
    State("responding", timestamp="answered_at"),
    State("person", message="The customer waits for a person."),
    "resolved",
)

support = Workflow(
    "support",
    flow(received >> analyzing)
    .transition("start_analysis")
    .execute(sentiment_analysis, text=field("question"), result="sentiment"),
    flow(analyzing >> responding)
    .transition("generate_response")
    .guard(field("results.sentiment.score") > -0.5)
    .execute(find_topic, text=field("question"))
    .policy(rules=field("answer").present())
    .otherwise(person),
    flow(analyzing >> person).transition("call_a_person").priority(-1),
    flow((responding | person) >> resolved)
    .transition("send_response")
    .guard(field("answer").present())
    .execute(send, recipient=field("customer"), body=template("Dear {data.customer}, {data.answer}")),
    flow(person >> person).transition("answer").manual(),
)

QUESTIONS = {
    "ann": "Where do I find my invoice please? Thanks!",
    "bob": "My lamp is broken. Never again! I want a refund.",
    "eve": "Do you sell elephants?",
}


async def main() -> None:
    async with Engine(support, storage=connect("memory://")) as engine:
        for customer, question in QUESTIONS.items():
            print(f"{customer}: {question}")
            case = await engine.start("support", data={"customer": customer, "question": question})
            case = await engine.run(case)
            print(f"  {case.status} in {case.state}, feeling {case.token.results['sentiment']['score']:+.1f}")
            if case.state == person:
                case = await engine.fire(case, "answer", by="kim", data={"answer": "I have looked into it: see below."})
                case = await engine.run(case)
                print(f"  {case.status} in {case.state}, with the help of {case.history.by_actor('kim')[0].by}")


if __name__ == "__main__":
    asyncio.run(main())
