"""Containers on their own: a function that has nothing but a container."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from circuit_breaker.errors import FunctionInvalid
from circuit_breaker.functions.container import ContainerConfig, ContainerResult
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.execution import outcome_of
from circuit_breaker.functions.executions import Executions

__all__ = ["definition_of", "run"]


def definition_of(config: ContainerConfig) -> FunctionDefinition:
    """The function that runs the container, with an id that is made from it.

    Raises:
        FunctionInvalid: It is no container.
    """
    if not isinstance(config, ContainerConfig):
        raise FunctionInvalid(f"{config!r:.60} is no container", remedy="give a ContainerConfig")
    text = json.dumps(config.to_document(), sort_keys=True, default=str)
    name = f"container-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return FunctionDefinition(id=name, name=str(config.image or name), container=config)


async def run(executions: Executions, definition: FunctionDefinition, given: Any) -> ContainerResult:
    """What comes of running a container once."""
    result = await executions.run(definition, given)
    facts = outcome_of(await executions.case(result.id))
    return ContainerResult(
        container_id=definition.id,
        output=result.output,
        logs=result.logs,
        execution_time=result.execution_time,
        status=result.status,
        exit_code=facts.get("exit_code"),
        error=result.error,
    )
