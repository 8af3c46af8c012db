"""The life of one container, in a thread of its own: joined or created, and followed to its end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import OutputInvalid, ServiceFailed, ServiceUnavailable
from circuit_breaker.executors.docker.container import Container
from circuit_breaker.executors.docker.document import log_room
from circuit_breaker.executors.docker.files import packed
from circuit_breaker.executors.docker.streams import Stopped, Streams, beside

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["Ended", "Run", "finished", "is_leftover", "moment", "to_its_end"]

T = TypeVar("T")

_TURN: Final = 0.25
_TRIES: Final = 50
_PATIENCE: Final = 15.0
_CONFLICT: Final = 409
_ALIVE: Final = frozenset({"running", "paused", "restarting"})


def moment(text: str) -> float:
    """Seconds since 1970 of a time as the engine writes it; 0 for one that has not been."""
    time_of = datetime.fromisoformat(text)
    return time_of.replace(tzinfo=time_of.tzinfo or UTC).timestamp() if time_of.year > 1 else 0.0


def is_leftover(found: Mapping[str, Any], attempt: int) -> bool:
    """Whether a container of the same work is of no use: it never began, or ended with an error that was told before.

    One that runs is joined. One that ended while nobody watched is as good as one that ends now. But when this process
    has seen an attempt fail, a container that failed is that of the attempt, and could not be removed then.
    """
    state = found["State"]
    if state["Status"] in _ALIVE:
        return False
    return state["Status"] == "created" or (attempt > 1 and state["ExitCode"] != 0)


@attrs.frozen
class Ended:
    """How a container ended.

    Attributes:
        container: Its id.
        exit_code: As the engine tells it: 128 and the number of the signal for a program that was killed.
        out_of_memory: Whether it was killed for using too much.
        duration: Seconds from its start to its end.
    """

    container: str
    exit_code: int
    out_of_memory: bool
    duration: float

    @classmethod
    def of(cls, container: str, exit_code: int, state: Mapping[str, Any]) -> Ended:
        """What the engine tells about a container that has ended."""
        took = moment(state["FinishedAt"]) - moment(state["StartedAt"])
        return cls(container, exit_code, bool(state.get("OOMKilled")), max(0.0, round(took, 3)))


@attrs.define(eq=False, kw_only=True)
class Run:
    """One container from its beginning to its end. :meth:`work` blocks; :meth:`stop` ends it from elsewhere.

    Attributes:
        engine: Where it runs.
        name: Its name.
        container: What is asked for.
        document: What the engine is asked to create.
        found: What the engine says about the container if it is there already.
        streams: Where its output goes.
        harvest: Gives the outcome of one that has ended.
        began: Told for how many seconds it has been running when its output is followed.
    """

    engine: DockerEngine
    name: str
    container: Container
    document: Mapping[str, Any] = attrs.field(repr=False)
    found: Mapping[str, Any] | None
    streams: Streams
    harvest: Callable[[Ended], dict[str, Any]]
    began: Callable[[float], None]
    _interrupt: Callable[[], object] = attrs.field(init=False, default=lambda: None)

    def stop(self) -> None:
        """Lets :meth:`work` come to its end soon: the container is killed and removed. Does not block."""
        self.streams.stop()
        self._interrupt()

    def work(self) -> dict[str, Any]:
        """The outcome; the container is left until somebody has kept that. When this raises, the container is gone.

        Raises:
            Stopped: It was stopped.
            ServiceUnavailable: The engine was lost; the container could not be removed then.
            ServiceFailed: The engine refused something, or somebody else has removed the container.
        """
        self.streams.check()
        identity = self.found["Id"] if self.found is not None else self._created()
        try:
            self._follow(identity)
            self.streams.close()
            ended = self._ended(identity)
            return self.harvest(ended)
        except BaseException:
            with suppress(ServiceUnavailable, ServiceFailed):  # one that is left is swept
                self.engine.remove(identity)
            raise

    def _created(self) -> str:
        """The id of a new container, or of one that somebody else was faster to create for the same work."""
        for _ in range(_TRIES):
            try:
                return self.engine.create(self.document, name=self.name, platform=self.container.platform)
            except ServiceFailed as error:
                if error.status != _CONFLICT:
                    raise
            self.found = self.engine.container(self.name)
            if self.found is not None and self.found["State"]["Status"] in _ALIVE:
                return str(self.found["Id"])
            self.streams.check()
            time.sleep(_TURN / 5)
        raise ServiceFailed(f"the name of the container, '{self.name}', is taken", status=_CONFLICT)

    def _follow(self, identity: str) -> None:
        """Takes all output of the container, until it ends."""
        if self.found is None:
            self._begin(identity)
        else:
            self._join(identity, self.found)

    def _begin(self, identity: str) -> None:
        container, stdin = self.container, self.container.stdin
        files = {str(container.input_file): container.input or b""} if container.input_file else {}
        directories = [
            *container.directories,
            *(str(container.input_file.parent) for _ in files if container.input_file),
        ]
        if directories:
            self.engine.put(identity, packed(dict.fromkeys(directories), files))
        attachment = self.engine.attach(identity, stdin=stdin is not None)
        try:
            self._interrupt = attachment.stop
            self.streams.check()
            self.engine.start(identity)
            self.began(0.0)
            with beside(lambda: attachment.feed(stdin) if stdin is not None else None):
                try:
                    for stream, piece in attachment.frames():
                        self.streams.take(stream, piece)
                finally:
                    attachment.stop()
        finally:
            attachment.close()

    def _join(self, identity: str, found: Mapping[str, Any]) -> None:
        """Takes the output from its beginning, as the engine has kept it."""
        self.began(max(0.0, time.time() - moment(found["State"]["StartedAt"])))
        with ExitStack() as logs:
            stdout, stderr = (logs.enter_context(self.engine.log(identity, stderr=which)) for which in (False, True))
            self._interrupt = logs.close
            self.streams.check()
            with beside(lambda: self._take(2, stderr)):
                try:
                    self._take(1, stdout)
                except BaseException:
                    stderr.stop()
                    raise
        self._check_log()

    def _take(self, stream: int, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.streams.take(stream, piece)

    def _check_log(self) -> None:
        wanted = self.container.output != "none" and self.container.output_file is None
        if wanted and self.streams.logged >= log_room(self.container):
            raise OutputInvalid(
                "the beginning of the output may be lost: it was more than the engine keeps while nobody reads it",
                remedy="write the output to a file, with output_file",
            )

    def _ended(self, identity: str) -> Ended:
        self.streams.check()
        while (exit_code := self.engine.wait(identity, _TURN)) is None:
            self.streams.check()
        found = self.engine.container(identity)
        if found is None:
            raise ServiceFailed(f"somebody has removed the container '{self.name}'", status=404)
        return Ended.of(identity, exit_code, found["State"])


async def finished(run: Run) -> dict[str, Any]:
    """The outcome of the run, which has come to its end when this returns or raises, also when it is cancelled."""
    try:
        return dict(await to_its_end(run.work, stop=run.stop))
    except Stopped as stopped:  # its event loop went away
        raise asyncio.CancelledError from stopped


async def to_its_end(work: Callable[[], T], *, stop: Callable[[], object] = lambda: None) -> T:
    """What the work gives, in a thread; a cancellation stops it, and is passed on when it has come to its end."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    begun = threading.Event()

    def guarded() -> T:
        begun.set()
        try:
            return work()
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(over.set)

    try:
        return cast("T", await threaded(guarded))
    except asyncio.CancelledError:
        stop()
        if begun.is_set():
            await _patiently(over)
        raise


async def _patiently(event: asyncio.Event) -> None:
    """Waits for the event, whoever cancels meanwhile; not for ever, since an engine may hang."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while not event.is_set() and loop.time() < deadline:
        with suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout_at(deadline):
                await event.wait()
