"""Functions as YAML and JSON documents.

A document looks like this::

    circuit_breaker: 1
    id: order-processor
    name: Order Data Processor
    container:
      image: node:18-alpine
      command: [node, process-order.js]
      working_dir: /app
    triggers:
    - trigger_type: ResourceState
      condition: state == 'processing'
      input_mapping: FullData
    chains:
    - target_function: notification-sender
      condition: OnSuccess
      input_mapping: {FieldMapping: {result: data}}
      delay: 5s
    input_schema:
      type: object
      required: [orderId, items]
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.reading import read_function
from circuit_breaker.source.cursor import Cursor, Findings, Locate
from circuit_breaker.source.reading import read_source, write_source

__all__ = ["dump_function", "function_from_document", "function_schema", "load_function"]


def function_from_document(document: Any) -> FunctionDefinition:
    """The function that :meth:`FunctionDefinition.to_document` wrote.

    Raises:
        DocumentInvalid: It has faults; all of them are named with their paths.
    """
    return _read(document, "the document", lambda path, key: None)  # noqa: ARG005 - there is no text


def load_function(text: str, *, name: str = "<text>") -> FunctionDefinition:
    """The function in a YAML or JSON text; ``name`` stands for it in messages.

    Raises:
        DocumentInvalid: The text has faults; all of them are named with line and column.
    """
    source = read_source(text, name=name)
    return _read(source.value, name, source.locate)


def _read(document: Any, name: str, locate: Locate) -> FunctionDefinition:
    findings = Findings(locate)
    function = read_function(Cursor(document, (), findings))
    if function is None:
        raise DocumentInvalid(f"{name} is no function", faults=findings.faults)
    return function


def dump_function(function: FunctionDefinition) -> str:
    """The function as a YAML text that :func:`load_function` reads back.

    Raises:
        FunctionInvalid: Something in it cannot be written.
    """
    text: str = write_source(function.to_document())
    return text


@cache
def _schema_text() -> str:
    return resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")


def function_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document, as editors and other programs use it."""
    schema: dict[str, Any] = json.loads(_schema_text())
    return schema
