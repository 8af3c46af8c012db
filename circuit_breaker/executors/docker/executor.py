"""Containers: a transition runs an image in Docker or Podman, and gets what it prints or writes as its outcome."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import ActionError, ParameterInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.docker.container import Container
from circuit_breaker.executors.docker.document import name_of, ownership
from circuit_breaker.executors.docker.job import Job, open_engine
from circuit_breaker.executors.docker.reading import read_container
from circuit_breaker.executors.docker.settings import DockerSettings
from circuit_breaker.executors.docker.sweep import DAY, swept
from circuit_breaker.executors.output import OUTPUT_LIMIT, OutputFormat
from circuit_breaker.executors.secrets import Redaction, revealed, sound_variables

__all__ = ["DockerExecutor", "DockerSettings"]


@parameter("image", description="Image to run, such as 'python:3.12-slim'", min_length=1, max_length=500)
@parameter("command", default=None, description="Arguments; a text is split as a shell would, and never given to one")
@parameter("entrypoint", default=None, description="Program, in place of the image's; split like the command")
@parameter("environment", default={}, description="Variables: texts, secret('NAME'), or values that become JSON")
@parameter("volumes", default=[], description="Shared directories, 'host:container' or 'host:container:ro'")
@parameter("working_dir", default=None, description="Where it works")
@parameter("user", default=None, description="Number of whom it runs as; nobody where the image may mean root")
@parameter("network", default="none", description="Network that it joins")
@parameter("memory", default=None, description="Memory, in bytes or as '512m', which is usual")
@parameter("cpus", default=None, description="Processors; 1 is usual")
@parameter("pids", default=None, description="Processes and threads; 128 is usual")
@parameter("timeout", default=None, description="Seconds that it may run")
@parameter("pull", default="missing", choices=["always", "missing", "never"], description="When the image is pulled")
@parameter("labels", default={}, description="Labels of the container")
@parameter("platform", default=None, description="Platform of the image, such as 'linux/arm64'")
@parameter("input", default=None, description="What it gets as JSON, on its standard input")
@parameter("input_file", default=None, description="Path in it of a file with the input, in place of standard input")
@parameter("output", default="auto", description="How its output is read: JSON where it is JSON, or as told")
@parameter("output_file", default=None, description="Path in it of a file with the output, in place of what it prints")
@parameter("max_output", default=OUTPUT_LIMIT, description="Bytes of output that are kept; more is an error", minimum=1)
@parameter("artifacts", default=[], description="Paths in it that are copied out when it has ended")
@parameter("artifacts_to", default=None, description="Directory of this machine; they get one of their own in it")
class DockerExecutor(BaseExecutor):
    """Runs a container to its end and gives what it prints: status, exit_code, output, stderr, duration, image, digest.

    Unless more is asked for and allowed, it has no network, no capabilities, a root that it cannot write to, a user
    that is not root, and limits to everything. It is found again by its idempotency key: after a crash, the container
    that still runs is joined, and none is started twice. It is removed however it ends.
    """

    settings: ClassVar[DockerSettings] = DockerSettings()

    image: str
    command: str | list[str] | None
    entrypoint: str | list[str] | None
    environment: dict[str, Any]
    volumes: list[str]
    working_dir: str | None
    user: str | None
    network: str
    memory: str | int | None
    cpus: float | None
    pids: int | None
    timeout: float | None
    pull: str
    labels: dict[str, str]
    platform: str | None
    input: Any
    input_file: str | None
    output: OutputFormat
    output_file: str | None
    max_output: int
    artifacts: list[str]
    artifacts_to: str | None

    @validate
    def is_allowed(self, context: Mapping[str, Any]) -> None:
        """What is asked for must be possible, and within what the operator allows."""
        self._read(context)

    def _read(self, context: Mapping[str, Any]) -> Container:
        container, faults = read_container(context, self.settings)
        if container is None:
            raise ParameterInvalid(f"The parameters of {type(self).__name__} are wrong", faults=faults)
        return container

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """The outcome of the container; see the class."""
        job = await self._job(context)
        return await job.outcome()

    async def fingerprint(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, and the id of the image, which is the digest of its content; it is pulled if it is to be.

        Raises:
            ActionError: It shares directories or gives artifacts: what it reads or leaves there is in no outcome.
            ImageUnavailable: The image is not here and cannot be had.
            ServiceUnavailable: There is no engine.
        """
        if shared := [name for name in ("volumes", "artifacts") if context[name]]:
            raise ActionError(
                f"the outcome of a container with {' and '.join(shared)} cannot be kept for the next time",
                code="not_cacheable",
                remedy="use it without cached(...), or hand files over with input, input_file and output_file",
            )
        job = await self._job(context)
        image = await job.image()
        return {**context, "digest": image.id}

    async def _job(self, context: Mapping[str, Any]) -> Job:
        container = self._read(context)
        environment, redaction = await revealed(container.environment, self.settings.secrets)
        sound_variables(environment)
        executor = type(self).__name__
        return Job(
            name=name_of(executor, self.execution.idempotency_key, context),
            container=container,
            settings=self.settings,
            execution=self.execution,
            labels=ownership(executor, self.execution, container),
            environment=environment,
            redaction=redaction,
        )

    @classmethod
    async def sweep(cls, *, keep: Collection[str] | None = None, older_than: float = DAY) -> list[str]:
        """The names of the containers that were removed since nobody waits for them any more.

        Those that ended long ago. With ``keep``, which names the work in progress, also those, running or not, of all
        other work: give it only if nobody else uses this engine for containers of ours.

        Args:
            keep: The idempotency keys of the work in progress.
            older_than: Seconds since the end of a container.

        Raises:
            ServiceUnavailable: There is no engine.
        """

        def work() -> list[str]:
            with open_engine(cls.settings, Redaction()) as engine:
                return swept(engine, keep=keep, older_than=older_than)

        return list(await threaded(work))
