"""Calling functions, for those who know them from here."""

from __future__ import annotations

from circuit_breaker.invocation import inline, is_async, threaded

__all__ = ["inline", "is_async", "threaded"]
