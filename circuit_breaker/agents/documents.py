"""Agents as YAML and JSON documents, one by one or as a set.

A document looks like this::

    circuit_breaker: 1
    id: content-reviewer
    llm_provider: openai
    llm_config: {model: gpt-4o, temperature: 0.2}
    prompts:
      system: You review documents.
      user_template: "Review this {document_type}: {content}"
    inputs: {content: {}, document_type: {required: false}}
    tools: [word_count]
    output_schema: {type: object, required: [assessment]}

A set has a list of these under ``agents``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.keys import without_keys
from circuit_breaker.agents.reading import FORMAT, read_agents
from circuit_breaker.data import thaw
from circuit_breaker.errors import DocumentInvalid, Fault
from circuit_breaker.source.cursor import Cursor, Findings, Locate
from circuit_breaker.source.reading import read_source, write_source

__all__ = ["agent_from_document", "agent_schema", "dump_agent", "dump_agents", "load_agent", "load_agents"]


def agent_from_document(document: Any, *, judged: bool = True) -> AgentDefinition:
    """The agent that :meth:`AgentDefinition.to_document` wrote.

    Args:
        document: What it wrote.
        judged: Whether more than the form is looked at; what is stored was judged when it came.

    Raises:
        DocumentInvalid: It has faults; all of them are named with their paths, and no key is shown.
    """
    return _only(_read(thaw(document), "the document", _nowhere, judged=judged), "the document")


def load_agent(text: str, *, name: str = "<text>") -> AgentDefinition:
    """The agent in a YAML or JSON text; ``name`` stands for it in messages.

    Raises:
        DocumentInvalid: The text has faults, or several agents; all faults are named with line and column.
    """
    return _only(load_agents(text, name=name), name)


def load_agents(text: str, *, name: str = "<text>") -> list[AgentDefinition]:
    """The agents in a YAML or JSON text: one, or those of the list under ``agents``.

    Raises:
        DocumentInvalid: The text has faults; all of them are named with line and column, and no key is shown.
    """
    try:
        source = read_source(text, name=name)
    except DocumentInvalid as error:
        raise without_keys(error) from None
    return _read(source.value, name, source.locate)


def _read(document: Any, name: str, locate: Locate, *, judged: bool = True) -> list[AgentDefinition]:
    findings = Findings(locate)
    agents = read_agents(Cursor(document, (), findings), judged=judged)
    if findings.found:
        raise without_keys(DocumentInvalid(f"{name} is no agent", faults=findings.faults))
    return agents


def _nowhere(path: object, key: bool) -> None:
    """Where there is no text, there are no lines."""
    del path, key


def _only(agents: list[AgentDefinition], name: str) -> AgentDefinition:
    if len(agents) != 1:
        fault = Fault("agents", f"there are {len(agents)} agents", "give one, or read all of them")
        raise DocumentInvalid(f"{name} is no agent", faults=[fault])
    return agents[0]


def dump_agent(agent: AgentDefinition) -> str:
    """The agent as a YAML text that :func:`load_agent` reads back."""
    text: str = write_source({"circuit_breaker": FORMAT, **agent.to_document()})
    return text


def dump_agents(agents: Iterable[AgentDefinition]) -> str:
    """The agents as one YAML text that :func:`load_agents` reads back."""
    text: str = write_source({"circuit_breaker": FORMAT, "agents": [agent.to_document() for agent in agents]})
    return text


@cache
def _schema_text() -> str:
    return resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")


def agent_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document, as editors and other programs use it."""
    schema: dict[str, Any] = json.loads(_schema_text())
    return schema
