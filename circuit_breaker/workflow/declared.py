"""Declared data: what a token carries, by the class that its workflow declares for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from circuit_breaker.data import EMPTY, Data, freeze_mapping
from circuit_breaker.lazy import deferred
from circuit_breaker.workflow.token import Token

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["accept", "typed"]

structure = deferred("circuit_breaker.wire", "structure")
unstructure = deferred("circuit_breaker.wire", "unstructure")


def accept(workflow: Workflow, data: Any, *, whole: bool = False) -> Data:
    """Data from outside as it will be kept: frozen JSON; a typed value becomes its JSON form.

    Raises:
        DataInvalid: It is no JSON or not of the declared type.
    """
    if data is None and not (whole and workflow.schema is not None):
        return EMPTY
    if data is None:
        data = EMPTY
    if workflow.schema is not None and isinstance(data, workflow.schema):
        return freeze_mapping(unstructure(data))
    frozen = freeze_mapping(data)
    if whole and workflow.schema is not None:
        return freeze_mapping(unstructure(structure(frozen, workflow.schema)))
    return frozen


def typed(workflow: Workflow, token: Token) -> Token:
    """The token as rules and actions see it: with typed data where the workflow declares a class."""
    if workflow.schema is None:
        return token
    return msgspec.structs.replace(token, data=structure(token.data, workflow.schema))
