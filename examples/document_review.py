"""The review of documents: two measurements at once, a person where scores are low, a second pair of eyes."""

from __future__ import annotations

import asyncio

from circuit_breaker import Engine, connect
from circuit_breaker.cli.demo.review import document_review

TEXT = """
## Introduction

A plan says what we want, what it takes and who does it. This one is short, and it is meant to be read by all of us.

## Background

We have tried to go on without a plan. It went well for a week, and then two of us did the same work on the same day.
"""


async def main() -> None:
    async with Engine(document_review, storage=connect("memory://")) as engine:
        draft = {"title": "A plan", "content": TEXT, "author": "ann", "priority": 8, "revisions": 0}
        case = await engine.run(await engine.start("document_review", data=draft, by="ann"))
        print(f"{case.state}: {dict(case.token.results)}")

        verdict = case.history.by_type("TransitionRefused")[-1].verdict
        print("why a person is asked:", [part["text"] for part in verdict["children"] if not part["passed"]])

        comment = {"reviewer": "rita", "comment": "The end is missing, but it will do."}
        case = await engine.fire(case, "accept", by="rita", roles=["reviewer"], data=comment)
        case = await engine.run(case)
        print(engine.explain(case)["sign_off"].verdict)

        case = await engine.fire(case, "sign_off", by="alex", roles=["approver"], data={"approver": "alex"})
        print(f"{case.state} at {case.token.metadata['approved_at']}")


if __name__ == "__main__":
    asyncio.run(main())
