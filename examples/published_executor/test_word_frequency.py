"""The suite that every executor must pass, over this one: run ``pytest`` in this directory."""

from __future__ import annotations

import pytest
from word_frequency import WordFrequencyExecutor

from circuit_breaker.testing import ExecutorConformance, ExecutorSubject


class TestWordFrequency(ExecutorConformance):
    """It is an executor as good as any."""

    @pytest.fixture
    def subject(self) -> ExecutorSubject:
        """Right parameters, and some with a wrong type."""
        return ExecutorSubject(WordFrequencyExecutor, right={"text": "to be or not to be"}, wrong={"text": 5})
