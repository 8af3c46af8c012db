"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# How long a case takes is not what is tested, and a busy machine takes long.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Our own fixtures come from here and not by the entry point, which pytest imports before coverage is measured.
pytest_plugins = ["circuit_breaker.testing.plugin", "tests.services.dockerd", "tests.services.podman"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With ``CB_REQUIRE_SERVICES=1`` a skipped test has failed, for what it needs must be there."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CB_REQUIRE_SERVICES") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CB_REQUIRE_SERVICES=1 forbids it: {call.excinfo.value}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """The same for a module that is skipped as a whole, as ``pytest.importorskip`` does."""
    report = yield
    if report.outcome == "skipped" and os.environ.get("CB_REQUIRE_SERVICES") == "1":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and CB_REQUIRE_SERVICES=1 forbids it: {report.longrepr}"
    return report
