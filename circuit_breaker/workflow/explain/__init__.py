"""Explain: for every transition of a case whether it can fire, and if not, exactly why and what it would take."""

from __future__ import annotations

from circuit_breaker.workflow.explain.explanation import Explanation, Reason
from circuit_breaker.workflow.explain.question import explain, lacking
from circuit_breaker.workflow.explain.schema import told_schema
from circuit_breaker.workflow.explain.suggestion import Suggestion

__all__ = ["Explanation", "Reason", "Suggestion", "explain", "lacking", "told_schema"]
