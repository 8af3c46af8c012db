"""Containers: a transition runs an image in Docker or Podman, and gets what it prints or writes as its outcome."""

from __future__ import annotations

from circuit_breaker.executors.docker.executor import DockerExecutor
from circuit_breaker.executors.docker.settings import DockerSettings

__all__ = ["DockerExecutor", "DockerSettings"]
