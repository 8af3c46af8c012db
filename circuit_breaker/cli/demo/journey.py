"""Journey: pages on their way through the review, several at once, each from where it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from circuit_breaker.cli.demo.pages import Page
from circuit_breaker.cli.demo.people import Deed, next_deed
from circuit_breaker.cli.demo.review import document_review
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.running import only
from circuit_breaker.errors import CaseClosed, CaseExists, NotEnabled
from circuit_breaker.workflow.case import Case

__all__ = ["review_all", "review_page"]

ELSEWHERE = 0.1
"""Seconds after which a case is looked at again that another process works on."""


async def review_all(
    engine: Engine, pages: Sequence[Page], *, at_once: int, arrived: Callable[[Page, Case], None]
) -> None:
    """Brings every page to the end of its review.

    Args:
        engine: The engine.
        pages: The pages.
        at_once: How many are reviewed at the same time.
        arrived: Told of each page that has arrived.
    """
    waiting = iter(pages)

    async def reviewer() -> None:
        for page in waiting:
            arrived(page, await review_page(engine, page))

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(min(at_once, len(pages))):
                group.create_task(reviewer(), name=f"reviewer {number + 1}")
    except BaseExceptionGroup as errors:
        raise only(errors) from None


async def review_page(engine: Engine, page: Page) -> Case:
    """The case of a page, reviewed to its end; a case that was begun before goes on where it was."""
    case = await _begun(engine, page)
    while not case.closed:
        case = await engine.run(case)
        deed = next_deed(case)
        if deed is not None:
            case = await _done(engine, case, deed)
        elif case.status == "running":
            await asyncio.sleep(ELSEWHERE)
            case = await engine.get(case)
        else:
            break
    return case


async def _begun(engine: Engine, page: Page) -> Case:
    try:
        return await engine.start(document_review, id=page.case, data=page.data, by=page.data["author"])
    except CaseExists:
        return await engine.get(page.case)


async def _done(engine: Engine, case: Case, deed: Deed) -> Case:
    try:
        return await engine.fire(case, deed.transition, by=deed.by, roles=[deed.role], data=deed.data)
    except (NotEnabled, CaseClosed):  # another process was faster
        return await engine.get(case)
