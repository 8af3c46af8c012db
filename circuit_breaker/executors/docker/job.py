"""One container that somebody waits for: a place for it, its image, its time, and its outcome."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import attrs

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import (
    ActionTimeout,
    Fault,
    ImageUnavailable,
    ParameterInvalid,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors.docker.container import Container
from circuit_breaker.executors.docker.document import creation
from circuit_breaker.executors.docker.harvest import Harvest
from circuit_breaker.executors.docker.image import Image, image_for, image_of
from circuit_breaker.executors.docker.mounts import Unusable
from circuit_breaker.executors.docker.patience import Patience
from circuit_breaker.executors.docker.run import Run, finished, is_leftover, mark_of, removed
from circuit_breaker.executors.docker.settings import DockerSettings
from circuit_breaker.executors.docker.streams import Streams
from circuit_breaker.executors.docker.sweep import DAY, swept
from circuit_breaker.executors.execution import ExecutionContext
from circuit_breaker.executors.output import Output
from circuit_breaker.executors.secrets import Redaction

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["Job", "open_engine"]

_TURN: Final = 0.1
_FEEDING: Final = 2.0
"""Seconds in which somebody else who has just started a container may still be giving it its input."""


@attrs.define(eq=False)
class _Desk:
    """What the executors of one event loop share for one engine.

    Attributes:
        places: One for each container that may run at a time.
        wanted: The names of the containers that somebody waits for.
        is_swept: Whether old containers were looked for.
    """

    places: asyncio.Semaphore
    wanted: Counter[str] = attrs.field(factory=Counter)
    is_swept: bool = False

    @contextmanager
    def wanting(self, name: str) -> Iterator[None]:
        """Meanwhile somebody waits for the container of that name."""
        self.wanted[name] += 1
        try:
            yield
        finally:
            self.wanted -= Counter([name])


_DESKS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str | None, int], _Desk]]] = WeakKeyDictionary()


def _desk(settings: DockerSettings) -> _Desk:
    desks = _DESKS.setdefault(asyncio.get_running_loop(), {})
    key = (settings.base_url, settings.concurrency)
    return desks.setdefault(key, _Desk(asyncio.Semaphore(settings.concurrency)))


def open_engine(settings: DockerSettings, redaction: Redaction) -> DockerEngine:
    """A connection to the engine, to be closed; blocks.

    Raises:
        ServiceUnavailable: There is none; every address that was tried is named.
    """
    from circuit_breaker.executors.docker.engine import DockerEngine  # noqa: PLC0415 - heavy, and seldom needed

    return DockerEngine.open(settings.base_url, answer_within=settings.answer_within, redaction=redaction)


def answers(settings: DockerSettings) -> bool:
    """Whether the engine answers now, within half a second; blocks."""
    from circuit_breaker.executors.docker import engine  # noqa: PLC0415 - heavy, and seldom needed

    return engine.answers(settings.base_url)


@attrs.frozen
class _Ready:
    """What is there before the container begins: the engine, what it knows of the container already, the image."""

    engine: DockerEngine
    found: Mapping[str, Any] | None
    image: Image


@attrs.frozen(kw_only=True)
class Job:
    """One container that somebody waits for.

    Attributes:
        name: Its name, the same for the same work.
        container: What is asked for.
        settings: What the operator decided.
        execution: Where it belongs, and who is told its lines.
        labels: Those by which it is found again.
        environment: Its variables, with the secrets.
        redaction: Takes the secrets out.
    """

    name: str
    container: Container
    settings: DockerSettings
    execution: ExecutionContext
    labels: Mapping[str, str]
    environment: Mapping[str, str] = attrs.field(repr=False)
    redaction: Redaction

    async def outcome(self) -> dict[str, Any]:
        """The outcome, when there was a place for it and it has ended.

        Raises:
            ActionTimeout: It ran too long.
            ActionError: Whatever else went wrong.
        """
        desk = _desk(self.settings)
        with desk.wanting(self.name):
            async with desk.places:
                return await self._outcome(desk)

    async def _outcome(self, desk: _Desk) -> dict[str, Any]:
        patience = Patience(lambda: answers(self.settings))

        async def run() -> dict[str, Any]:
            ready = await self._ready()
            with ready.engine:
                return await self._ran(ready, patience)

        try:
            # Only when the outcome is kept may the container go: until then, whoever comes next needs it.
            outcome: dict[str, Any] = await self.execution.step(self.name, run)
        except asyncio.CancelledError:
            await patience.beside(self._remove)
            raise
        await patience.to_its_end(lambda: self._remove(desk))
        return outcome

    async def image(self) -> Image:
        """The image that it runs, pulled first if it is to be.

        Raises:
            ImageUnavailable: It is not here and cannot be had.
            ServiceUnavailable: There is no engine.
        """
        ready = await self._ready()
        with ready.engine:
            return ready.image

    def _remove(self, desk: _Desk | None = None) -> None:
        with suppress(ServiceUnavailable, ServiceFailed), open_engine(self.settings, self.redaction) as engine:
            removed(engine, self.name, self.name)
            if desk is not None and not desk.is_swept:
                desk.is_swept = True
                swept(engine, keep=None, older_than=DAY, spare=frozenset(desk.wanted))

    async def _ready(self) -> _Ready:
        most = self.settings.max_pull_time
        try:
            async with asyncio.timeout(most) as scope:
                ready: _Ready = await threaded(self._prepare)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise ImageUnavailable(
                f"the image '{self.container.image.text}' was not there after {most:g} s",
                remedy="pull it beforehand, or allow more with .under(max_pull_time=...)",
            ) from error
        return ready

    def _prepare(self) -> _Ready:
        engine = open_engine(self.settings, self.redaction)
        try:
            found = self._found(engine)
            return _Ready(engine, found, self._image(engine) if found is None else image_of(engine, found))
        except BaseException:
            engine.close()
            raise

    def _found(self, engine: DockerEngine) -> Mapping[str, Any] | None:
        """The container, if it is there and of use."""
        found = engine.container(self.name)
        if found is not None and (is_leftover(found, self.execution.attempt) or not self._is_fed(engine)):
            removed(engine, found["Id"], self.name)
            return None
        return found

    def _is_fed(self, engine: DockerEngine) -> bool:
        """Whether the container that is there got all of its input; of half an input, no outcome counts."""
        if self.container.stdin is None:
            return True
        deadline = time.monotonic() + _FEEDING
        while not (fed := engine.is_marked(mark_of(self.name))) and time.monotonic() < deadline:
            time.sleep(_TURN)
        return fed

    def _check(self) -> None:
        """What was allowed when the parameters were read must be so still, for it waited for a place and an image.

        Raises:
            ParameterInvalid: The way to a volume leads elsewhere now.
        """
        for volume in self.container.volumes:
            try:
                volume.check(self.settings)
            except Unusable as error:
                fault = Fault("parameter 'volumes'", error.message, error.remedy)
                raise ParameterInvalid("The parameters of the container are wrong by now", faults=[fault]) from None

    def _image(self, engine: DockerEngine) -> Image:
        wanted = self.container
        pull = wanted.pull if self.settings.may_pull(wanted.image.full_name) else "never"
        return image_for(engine, wanted.image, pull=pull, platform=wanted.platform)

    async def _ran(self, ready: _Ready, patience: Patience) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        allowed = self.container.timeout
        try:
            async with asyncio.timeout(allowed) as scope:

                def began(before: float) -> None:
                    with suppress(RuntimeError):  # the time is up already
                        scope.reschedule(loop.time() + allowed - before)

                run = self._run(ready, loop, began=lambda before: loop.call_soon_threadsafe(began, before))
                return await finished(run, patience)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise ActionTimeout(
                f"the container of '{self.container.image.text}' ran longer than {allowed:g} s",
                remedy="allow more with timeout, or give it less to do",
            ) from error

    def _run(self, ready: _Ready, loop: asyncio.AbstractEventLoop, *, began: Any) -> Run:
        streams = self._streams(loop)
        harvest = Harvest(
            engine=ready.engine,
            name=self.name,
            container=self.container,
            image=ready.image,
            streams=streams,
            redaction=self.redaction,
            max_artifacts=self.settings.max_artifacts,
        )
        return Run(
            engine=ready.engine,
            name=self.name,
            container=self.container,
            document=creation(
                self.container,
                ready.image,
                settings=self.settings,
                environment=self.environment,
                labels=self.labels,
                podman=ready.engine.is_podman,
            ),
            found=ready.found,
            streams=streams,
            harvest=harvest.outcome,
            check=self._check,
            most_written=self.settings.max_disk,
            began=began,
        )

    def _streams(self, loop: asyncio.AbstractEventLoop) -> Streams:
        """Both streams; of the standard output nothing is kept where the output is in a file."""
        wanted, log = self.container, self.execution.log
        stdout = Output(
            "stdout",
            lambda line: log(line, stream="stdout"),
            redaction=self.redaction,
            form="none" if wanted.output_file else wanted.output,
            limit=wanted.max_output,
        )
        stderr = Output("stderr", lambda line: log(line, stream="stderr"), redaction=self.redaction, form="none")
        return Streams(stdout, stderr, loop)
