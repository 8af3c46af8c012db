"""Cancellation, for those who know it from here."""

from __future__ import annotations

from circuit_breaker.invocation import cancelled_from_outside

__all__ = ["cancelled_from_outside"]
