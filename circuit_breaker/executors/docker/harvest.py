"""What a container leaves behind when it has ended: its output, its artifacts, or the error that it failed with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from circuit_breaker.errors import OutOfMemory, OutputInvalid, ProgramFailed, ServiceFailed
from circuit_breaker.executors.docker.container import Container
from circuit_breaker.executors.docker.delivery import Delivery
from circuit_breaker.executors.docker.files import read_file
from circuit_breaker.executors.docker.image import Image
from circuit_breaker.executors.docker.links import refuse_links
from circuit_breaker.executors.docker.run import Ended
from circuit_breaker.executors.docker.streams import Streams
from circuit_breaker.executors.outcome import COMPLETED
from circuit_breaker.executors.output import read_output
from circuit_breaker.executors.secrets import Redaction

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["Harvest"]

T = TypeVar("T")

_NOT_FOUND: Final = 404
_SHOWN: Final = 300


@attrs.frozen(kw_only=True)
class Harvest:
    """Gathers the outcome of a container.

    Attributes:
        engine: Where it is.
        name: Its name.
        container: What was asked for.
        image: What it was made from.
        streams: Its output.
        redaction: Takes the secrets out.
        max_artifacts: Bytes of all artifacts together.
    """

    engine: DockerEngine
    name: str
    container: Container
    image: Image
    streams: Streams
    redaction: Redaction
    max_artifacts: int

    def outcome(self, ended: Ended) -> dict[str, Any]:
        """The outcome of the container.

        Raises:
            OutOfMemory: It was killed for using more memory than it may.
            ProgramFailed: It ended with another error.
            OutputInvalid: Its output is not what was asked for.
            OutputTooLarge: There is more of it than allowed.
        """
        self._check(ended)
        return {
            "status": COMPLETED,
            "exit_code": ended.exit_code,
            "output": self._output(ended.container),
            "stderr": str(self.streams.stderr.tail),
            "duration": ended.duration,
            "image": self.container.image.text,
            "digest": self.image.digest,
            "container": self.name,
            **self._artifacts(ended.container),
        }

    def _check(self, ended: Ended) -> None:
        if ended.exit_code == 0:
            return
        stderr = str(self.streams.stderr.tail)
        image = self.container.image.text
        if ended.out_of_memory:
            raise OutOfMemory(
                f"the container of '{image}' used more than {self.container.memory} bytes of memory",
                exit_code=ended.exit_code,
                stderr=stderr,
                remedy="allow more with memory, or give it less to do",
            )
        said = f": {stderr.splitlines()[-1][-_SHOWN:]}" if stderr else ""
        raise ProgramFailed(
            f"the container of '{image}' ended with exit code {ended.exit_code}{said}",
            exit_code=ended.exit_code,
            stderr=stderr,
        )

    def _output(self, identity: str) -> Any:
        path = self.container.output_file
        if path is None:
            return self.streams.stdout.value()
        limit = self.container.max_output
        content = self._from(identity, path, lambda pieces: read_file(pieces, path, limit=limit))
        return read_output(content, self.container.output, name=f"'{path}'", redaction=self.redaction)

    def _artifacts(self, identity: str) -> dict[str, Any]:
        to = self.container.artifacts_to
        if to is None:
            return {}
        with Delivery.to(to, self.name, limit=self.max_artifacts) as delivery:
            for path in self.container.artifacts:
                self._from(identity, path, lambda pieces, path=path: delivery.take(pieces, path))  # type: ignore[misc]
        places = {str(path): str(to / self.name / path.name) for path in self.container.artifacts}
        return {"artifacts": places, "artifacts_to": str(to / self.name)}

    def _from(self, identity: str, path: PurePosixPath, read: Callable[[Iterator[bytes]], T]) -> T:
        """What is read of a file or directory of the container."""
        try:
            if self.container.volumes:
                refuse_links(self.engine, identity, [path.parent])
            return read(self._pieces(identity, path))
        except ServiceFailed as error:
            raise self._absent(error, str(path)) from None

    def _pieces(self, identity: str, path: PurePosixPath) -> Iterator[bytes]:
        """A file or directory of the container, for as long as somebody waits for it."""
        for piece in self.engine.archive(identity, str(path)):
            self.streams.check()
            yield piece

    @staticmethod
    def _absent(error: ServiceFailed, path: str) -> Exception:
        if error.status != _NOT_FOUND:
            return error
        return OutputInvalid(f"the container wrote no '{path}'", remedy="look where it writes, and what it says")
