"""Links on the way to a file in a container: through one, the engine would reach a volume with rights of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from circuit_breaker.errors import OutputInvalid

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["refuse_links"]


def refuse_links(engine: DockerEngine, container: str, paths: Iterable[PurePosixPath]) -> None:
    """Does nothing, unless a path or a directory above it is a symbolic link in a container that does not run.

    The engine follows links with the rights of root, into the directories of this machine that are mounted too.

    Raises:
        OutputInvalid: One is.
    """
    for path in dict.fromkeys(paths):
        for place in (*reversed(path.parents), path):
            if engine.leads_elsewhere(container, str(place)):
                raise OutputInvalid(
                    f"'{place}' is a link in the container, which shares directories",
                    remedy="give the path that it leads to",
                )
