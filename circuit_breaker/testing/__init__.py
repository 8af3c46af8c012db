"""What users test their workflows with."""

from circuit_breaker.testing.clock import ManualClock

__all__ = ["ManualClock"]
