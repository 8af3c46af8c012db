"""The life of one container, in a thread of its own: joined or created, and followed to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import attrs

from circuit_breaker.errors import OutputInvalid, ServiceFailed, ServiceUnavailable
from circuit_breaker.executors.docker.container import LABEL, Container
from circuit_breaker.executors.docker.disk import watched
from circuit_breaker.executors.docker.document import log_room
from circuit_breaker.executors.docker.files import packed
from circuit_breaker.executors.docker.links import refuse_links
from circuit_breaker.executors.docker.patience import Patience
from circuit_breaker.executors.docker.streams import Stopped, Streams, beside

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.attachment import Attachment
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["Ended", "Run", "finished", "is_leftover", "mark_of", "moment", "removed"]

_TURN: Final = 0.25
_TRIES: Final = 50
_CONFLICT: Final = 409
_ALIVE: Final = frozenset({"running", "paused", "restarting"})


def moment(text: str) -> float:
    """Seconds since 1970 of a time as the engine writes it; 0 for one that has not been."""
    time_of = datetime.fromisoformat(text)
    return time_of.replace(tzinfo=time_of.tzinfo or UTC).timestamp() if time_of.year > 1 else 0.0


def mark_of(name: str) -> str:
    """The name of the mark that a container has been given all of its standard input."""
    return f"{name}-fed"


def removed(engine: DockerEngine, container: str, name: str) -> None:
    """Removes a container, and the mark on it."""
    engine.unmark(mark_of(name))
    engine.remove(container)


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
        check: Raises an error when what was allowed is no longer what it was.
        most_written: Bytes that it may write to a root that it can write to.
        began: Told for how many seconds it has been running when its output is followed.
    """

    engine: DockerEngine
    name: str
    container: Container
    document: Mapping[str, Any] = attrs.field(repr=False)
    found: Mapping[str, Any] | None
    streams: Streams
    harvest: Callable[[Ended], dict[str, Any]]
    check: Callable[[], None]
    most_written: int
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
            with self._watched(identity):
                self._follow(identity)
                self.streams.close()
                ended = self._ended(identity)
            return self.harvest(ended)
        except BaseException:
            with suppress(ServiceUnavailable, ServiceFailed):  # one that is left is swept
                removed(self.engine, identity, self.name)
            raise

    def _watched(self, identity: str) -> AbstractContextManager[None]:
        if not self.container.writes_root:
            return nullcontext()
        return watched(self.engine, identity, most=self.most_written)

    def _created(self) -> str:
        """The id of a new container, or of one that somebody else was faster to create for the same work."""
        self.check()
        if self.container.stdin is not None:
            self.engine.unmark(mark_of(self.name))
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
        self._fill(identity)
        stdin = self.container.stdin
        attachment = self.engine.attach(identity, stdin=stdin is not None)
        try:
            self._interrupt = attachment.stop
            self.streams.check()
            self.check()
            self.engine.start(identity)
            self.check()
            self.began(0.0)
            with beside(lambda: self._feed(attachment, stdin)):
                try:
                    for stream, piece in attachment.frames():
                        self.streams.take(stream, piece)
                finally:
                    attachment.stop()
        finally:
            attachment.close()

    def _feed(self, attachment: Attachment, stdin: bytes | None) -> None:
        if stdin is not None and attachment.feed(stdin):
            with suppress(ServiceFailed, ServiceUnavailable):  # without the mark, it only is not joined
                self.engine.mark(mark_of(self.name), {f"{LABEL}.mark": self.name})

    def _fill(self, identity: str) -> None:
        """Puts its files and directories into a container that has not begun."""
        container = self.container
        files = {str(container.input_file): container.input or b""} if container.input_file else {}
        directories = [
            *container.directories,
            *(str(container.input_file.parent) for _ in files if container.input_file),
        ]
        if directories and container.volumes:
            targets = [volume.target for volume in container.volumes]
            refuse_links(self.engine, identity, [*map(PurePosixPath, directories), *targets])
        if directories:
            self.engine.put(identity, packed(dict.fromkeys(directories), files))

    def _join(self, identity: str, found: Mapping[str, Any]) -> None:
        """Takes the output from its beginning, as the engine has kept it."""
        self.began(self._running_for(found["State"]))
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

    def _running_for(self, state: Mapping[str, Any]) -> float:
        """Seconds that count as its time; none for one that has ended within it, whenever that is found out."""
        if state["Status"] in _ALIVE:
            return max(0.0, time.time() - moment(state["StartedAt"]))
        took = moment(state["FinishedAt"]) - moment(state["StartedAt"])
        return took if took > self.container.timeout else 0.0

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


async def finished(run: Run, patience: Patience) -> dict[str, Any]:
    """The outcome of the run, which has come to its end when this returns or raises, also when it is cancelled.

    Unless the engine hangs: then a cancelled run comes to its end when the engine answers again.
    """
    try:
        return dict(await patience.to_its_end(run.work, stop=run.stop))
    except Stopped as stopped:  # its event loop went away
        raise asyncio.CancelledError from stopped
