"""Containers keep what every executor keeps."""

from __future__ import annotations

import pytest

from circuit_breaker.executors import DockerExecutor, secret
from circuit_breaker.testing.conformance import ExecutorConformance, ExecutorSubject
from tests.services.images import BUSYBOX


@pytest.mark.service("dockerd")
@pytest.mark.timeout(180)
class TestDockerExecutor(ExecutorConformance):
    """B17: the kit for executors, with a real engine."""

    shows = {"failure", "slowness", "flood", "secret"}  # noqa: RUF012 - as the kit wants it

    @pytest.fixture
    def subject(self, dockerd):
        def busybox(script, **parameters):
            return {"image": BUSYBOX, "command": ["sh", "-c", script], **parameters}

        value = "hunter2-hunter2"
        return ExecutorSubject(
            DockerExecutor.under(base_url=dockerd.address, secrets={"KEY": value}),
            right=busybox("echo 5"),
            wrong=busybox("echo 5", memory=[]),
            failure=busybox("echo no >&2; exit 3"),
            slowness=busybox("sleep 60"),
            flood=busybox("yes", max_output=10_000),
            secret=busybox("echo $KEY; echo $KEY >&2", environment={"KEY": secret("KEY")}),
            value=value,
            leftovers=dockerd.names,
        )
