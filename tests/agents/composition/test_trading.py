"""The example of two agents that decide on a trade within limits."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "trading_decision.py"


@pytest.fixture
def trading(monkeypatch):
    """The example as a module."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    spec = importlib.util.spec_from_file_location("example_trading", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


async def test_the_decision_goes_on_from_what_the_statistics_found(trading):
    """R3, AF9: the anomaly that the tool found is in the analysis, which is given to the advisor with the framework,
    the constraints and the request.
    """
    done, transcript = await trading.decided(90_000)
    analysis, decision = transcript.entries

    assert "2024-01-17" in analysis.answered
    assert decision.said["inputs"]["pattern_analysis"] == analysis.answered
    assert decision.said["inputs"]["constraints"]["max_position_size"] == 100_000
    assert decision.said["inputs"]["decision_framework"] == "Risk-adjusted momentum trading strategy"
    assert decision.sender == ("analysis",)
    assert (done.case.state, done.output["position_size"]) == ("recommended", 90_000)


async def test_a_recommendation_beyond_the_limits_is_given_back_once(trading):
    """R3, AF9: what is too large is revised, and the advisor is told what was refused and why."""
    done, transcript = await trading.decided(150_000, 80_000)

    assert ["analysis", "decision", "revision"] == [entry.to for entry in transcript.entries]
    assert transcript.entries[2].said["inputs"]["refused"]["position_size"] == 150_000
    assert (done.case.state, done.output["position_size"]) == ("recommended", 80_000)


async def test_limits_that_are_not_kept_end_without_a_trade(trading):
    """R3, AF9: the constraints hold, whatever the model says."""
    done, _ = await trading.decided(150_000, 140_000)

    assert (done.case.state, done.case.status) == ("declined", "completed")


async def test_the_audit_trail_is_a_document(trading):
    """R2: who said what to whom is JSON, with time, execution, tokens and dollars."""
    _, transcript = await trading.decided(90_000)
    document = json.loads(json.dumps(transcript.to_document()))

    assert {"from", "to", "at", "execution_id", "tokens", "dollars"} <= document["entries"][0].keys()
