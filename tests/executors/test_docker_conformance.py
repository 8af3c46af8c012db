"""Containers keep what every executor keeps."""

from __future__ import annotations

import pytest

from circuit_breaker.executors import DockerExecutor, secret
from circuit_breaker.testing.conformance import ExecutorConformance, ExecutorSubject
from tests.services.images import BUSYBOX

VALUE = "hunter2-hunter2"


def subject_on(engine):
    """Containers of an engine, as the kit wants them."""

    def busybox(script, **parameters):
        return {"image": BUSYBOX, "command": ["sh", "-c", script], **parameters}

    return ExecutorSubject(
        DockerExecutor.under(base_url=engine.address, secrets={"KEY": VALUE}),
        right=busybox("echo 5"),
        wrong=busybox("echo 5", memory=[]),
        failure=busybox("echo no >&2; exit 3"),
        slowness=busybox("sleep 60"),
        flood=busybox("yes", max_output=10_000),
        secret=busybox("echo $KEY; echo $KEY >&2", environment={"KEY": secret("KEY")}),
        value=VALUE,
        leftovers=engine.names,
    )


@pytest.mark.service("dockerd")
@pytest.mark.timeout(180)
class TestDockerExecutor(ExecutorConformance):
    """B17: the kit for executors, with a real engine."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})

    @pytest.fixture
    def subject(self, dockerd):
        return subject_on(dockerd)


@pytest.mark.service("podman")
@pytest.mark.timeout(180)
class TestOnPodman(ExecutorConformance):
    """B17: the same on Podman's socket."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})

    @pytest.fixture
    def subject(self, podman):
        return subject_on(podman)
