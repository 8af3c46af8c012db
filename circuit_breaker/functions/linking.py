"""Running the links of a chain one after the other, on demand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from circuit_breaker.functions.chains import FunctionChain
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.execution import ChainResult, FunctionResult
from circuit_breaker.functions.executions import Executions
from circuit_breaker.functions.registry import Registry
from circuit_breaker.functions.status import ExecutionStatus
from circuit_breaker.functions.subject import subject
from circuit_breaker.workflow.token import Token

__all__ = ["run"]


async def run(
    executions: Executions, registry: Registry, links: Iterable[tuple[FunctionChain, FunctionDefinition]], given: Any
) -> ChainResult:
    """What comes of the links, each with its function."""
    results: list[FunctionResult] = []
    skipped: dict[int, str] = {}
    for number, (link, definition) in enumerate(links):
        before = results[-1] if results else None
        token = _seen(before, given)
        verdict = _follows(link, before, token, registry)
        if verdict:
            skipped[number] = verdict
            continue
        if link.delay:
            clock = executions.engine.clock
            await clock.sleep_until(clock.now() + timedelta(seconds=link.delay))
        cause = {"kind": "chain", "link": number, "execution": before.id if before is not None else ""}
        results.append(await executions.run(definition, _input(link, before, given, token), cause=cause))
    return ChainResult(tuple(results), skipped)


def _seen(before: FunctionResult | None, given: Any) -> Token:
    """What the condition and the mapping of a link look at."""
    if before is None:
        return subject("", state="", data=given, metadata={}, results={}, event={})
    metadata = {"function": before.function_id, "execution": before.id, "status": str(before.status)}
    return subject(
        before.id,
        state=str(before.status),
        data=before.output,
        metadata={**metadata, "error": before.error, "generation": before.generation},
        results={before.function_id: {"output": before.output}},
        event={},
    )


def _follows(link: FunctionChain, before: FunctionResult | None, token: Token, registry: Registry) -> str:
    """Why a link is not followed; empty when it is."""
    rule = link.condition.rule
    if before is None and rule is None:
        return ""
    status = before.status if before is not None else ExecutionStatus.SUCCESS
    verdict = link.condition.judge(status, token, registry.resolved(rule) if rule is not None else None)
    return "" if verdict.passed else str(verdict)


def _input(link: FunctionChain, before: FunctionResult | None, given: Any, token: Token) -> Any:
    """What a link is given; the first one of a chain that begins with nothing is given nothing."""
    return None if before is None and given is None else link.input_mapping.apply(token)
