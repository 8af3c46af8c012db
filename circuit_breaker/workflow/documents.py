"""Workflows as YAML and JSON documents, read and written without loss.

A document looks like this::

    circuit_breaker: 1
    name: review
    states: [draft, {name: pending, timestamp: submitted_at}, approved, rejected]
    rules:
      long_enough: {field: data.words, op: ">=", value: 50}
    transitions:
    - name: submit
      from: draft
      to: pending
      policy: {rules: {rule: long_enough}}
      steps:
      - execute: ClarityExecutor
        parameters: {text: {field: data.content}}
        result: clarity
    - {name: approve, from: pending, to: approved, manual: true}
    - {name: reject, from: {any: [draft, pending]}, to: rejected, manual: true}

A case starts in the first state unless ``initial`` says otherwise. States that are left or entered together are a list,
or weights by name; ``{any: [...]}`` stands for any one of several. Every other key of a transition is named after the
step of :class:`~circuit_breaker.workflow.flow.Flow` that says the same. :func:`workflow_schema` is the whole form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from circuit_breaker.errors import DocumentInvalid, nearest
from circuit_breaker.rules import Rulebook
from circuit_breaker.source.cursor import Cursor, Findings, Locate
from circuit_breaker.source.reading import Source, scan_source, write_source
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.reading import read_workflow
from circuit_breaker.workflow.scope import Library
from circuit_breaker.workflow.writing import workflow_to_document

__all__ = ["dump_workflow", "load_workflow", "workflow_from_document", "workflow_schema", "workflow_to_document"]


def workflow_from_document(
    document: Any,
    *,
    rules: Any = None,
    actions: Mapping[str, Callable[..., Any]] | None = None,
    executors: Mapping[str, Any] | None = None,
    data: type | Mapping[str, type] | None = None,
) -> Workflow:
    """The workflow that :func:`workflow_to_document` wrote.

    Args:
        document: Plain dicts, lists, texts, numbers, booleans and None.
        rules: Rules that it may name beside its own: whatever a Rulebook takes. Its own come first.
        actions: Functions for its actions, compensations and merges, by name.
        executors: Executor classes by name. Without them the names are kept, and the engine looks them up.
        data: The class of the data, or several by name, of which the document says which one it means.

    Raises:
        DocumentInvalid: It has faults; all of them are named with their paths.
    """
    library = Library(rules=Rulebook.of(rules), actions=actions or {}, executors=executors, data=data)
    findings = Findings(lambda path, key: None)  # noqa: ARG005 - there is no text
    return _read(document, library, "the document", findings)


def load_workflow(
    text: str,
    *,
    name: str = "<text>",
    rules: Any = None,
    actions: Mapping[str, Callable[..., Any]] | None = None,
    executors: Mapping[str, Any] | None = None,
    data: type | Mapping[str, type] | None = None,
) -> Workflow:
    """The workflow in a YAML or JSON text; ``name`` stands for it in messages.

    The other arguments are those of :func:`workflow_from_document`.

    Raises:
        DocumentInvalid: The text has faults; all of them are named with line and column.
    """
    library = Library(rules=Rulebook.of(rules), actions=actions or {}, executors=executors, data=data)
    source = scan_source(text, name=name)
    return _read(source.value, library, name, Findings.beginning(_places(source), source.faults))


def _places(source: Source) -> Locate:
    return lambda path, key: source.key_position(path) if key else source.position(path)


def _read(document: Any, library: Library, name: str, findings: Findings) -> Workflow:
    workflow = read_workflow(Cursor(document, (), findings), library)
    if workflow is None:
        problem = "cannot be read" if findings.torn else "is no workflow"
        raise DocumentInvalid(f"{name} {problem}", faults=findings.faults)
    return workflow


def dump_workflow(workflow: Workflow, *, form: Literal["yaml", "json"] = "yaml") -> str:
    """The workflow as a text that :func:`load_workflow` reads back.

    Raises:
        DocumentInvalid: Something in it has no name to be written by; or there is no such form.
    """
    if form not in ("yaml", "json"):
        raise DocumentInvalid(f"there is no form {form!r}", remedy=nearest(str(form), ("yaml", "json")))
    document = workflow_to_document(workflow)
    return write_source(document) if form == "yaml" else json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@cache
def _schema_text() -> str:
    return resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")


def workflow_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document, as editors and other programs use it."""
    schema: dict[str, Any] = json.loads(_schema_text())
    return schema
