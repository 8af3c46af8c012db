"""What an import is given beside the document, and what the document declares for all of its processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import ConditionParsingError, nearest
from circuit_breaker.net.xml import Element
from circuit_breaker.rules import Rule, Rulebook, as_rule, cel, rule_from_document
from circuit_breaker.workflow.bpmn.conditions import as_cel
from circuit_breaker.workflow.bpmn.durations import interval_of, seconds_of
from circuit_breaker.workflow.bpmn.findings import Findings
from circuit_breaker.workflow.bpmn.model import Link, Node
from circuit_breaker.workflow.bpmn.naming import cleaned
from circuit_breaker.workflow.flow import Flow

__all__ = ["Library"]

DECLARED: Final = ("message", "signal", "error", "escalation")
LANGUAGES: Final = ("javascript", "groovy", "python", "ruby", "xpath")


@attrs.define(eq=False)
class Library:
    """Looks up what nodes and flows refer to.

    Attributes:
        root: The outermost element.
        findings: Where faults go.
        rules: Rules that stand for conditions, by the id or name of a flow.
        actions: Functions for work, by the id or name of a task.
        executors: Executor classes by name.
    """

    root: Element
    findings: Findings
    rules: Rulebook
    actions: Mapping[str, Callable[..., Any]]
    executors: Mapping[str, Any]

    def declared(self, node: Node) -> str:
        """The name of the message, signal or error that an event or task is about."""
        where = node.definition if node.definition is not None else node.element
        for kind in DECLARED:
            wanted = where.get(f"{kind}Ref").rpartition(":")[2]
            if wanted:
                known = {each.get("id"): each for each in self.root.all(kind)}
                if wanted not in known:
                    words = f"{kind}Ref '{wanted}' names no {kind} of the document"
                    self.findings.fault(where, node.title, words, nearest(wanted, known) or "declare it")
                    return node.name
                return known[wanted].get("errorCode") or known[wanted].get("name") or wanted
        return ""

    def condition(self, link: Link) -> Rule | None:
        """The rule that stands for the condition of a flow; None if it has none or it is at fault."""
        names = (link.id, link.element.get("name"), cleaned(link.element.get("name")))
        given = next((name for name in names if name and name in self.rules), None)
        if given is not None:
            return rule_from_document({"rule": given})
        if link.condition is None:
            return None
        return self.rule(link.condition, f"sequenceFlow '{link.id}'", link.id)

    def rule(self, element: Element, place: str, name: str) -> Rule | None:
        """The rule that an expression says; None with a fault if it cannot be translated."""
        if name in self.rules:
            return as_rule({"rule": name})
        foreign = any(word in element.get("language").lower() for word in LANGUAGES) or element.get("resource")
        text = None if foreign else as_cel(element.text)
        try:
            if text is not None:
                return cel(text)
        except ConditionParsingError:
            pass
        shown = " ".join(element.text.split())[:80]
        self.findings.fault(
            element, place, f"the condition {shown!r} is not understood", f"give a rule called '{name}' in rules"
        )
        return None

    def triggered(self, flow: Flow, node: Node) -> Flow:
        """The flow, which waits for what the event is about."""
        if node.event in ("message", "signal") or node.kind == "receiveTask":
            return flow.on_signal(cleaned(self.declared(node) or node.name, otherwise=cleaned(node.id)))
        if node.event == "timer":
            return self._timed(flow, node)
        if node.event == "conditional" and node.definition is not None:
            where = node.definition.first("condition") or node.definition
            rule = self.rule(where, node.title, node.id)
            return flow if rule is None else flow.guard(rule).priority(1)
        self.findings.fault(node.element, node.title, f"an event of kind '{node.event}' is not understood here")
        return flow

    def _timed(self, flow: Flow, node: Node) -> Flow:
        delay, interval = self.delay(node), self.interval(node)
        if interval is not None:
            return flow.every(interval)
        if delay is None:
            text = "" if node.definition is None else " ".join(each.text for each in node.definition.children)
            words = f"the time {text[:60]!r} is no fixed duration"
            self.findings.fault(node.element, node.title, words, "write a duration such as PT1H30M")
            return flow
        return flow.after(delay)

    @staticmethod
    def delay(node: Node) -> float | None:
        """The seconds that a timer waits, if that is fixed."""
        found = None if node.definition is None else node.definition.first("timeDuration")
        return None if found is None else seconds_of(found.text)

    @staticmethod
    def interval(node: Node) -> float | None:
        """The seconds between the repetitions of a timer that does not end what it stands at."""
        found = None if node.definition is None or node.interrupts else node.definition.first("timeCycle")
        return None if found is None else interval_of(found.text)
