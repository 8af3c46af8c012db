"""Calls one Python function in a process of its own: it reads what to give it, and answers what it returned.

``python -I python_worker.py MODULE:NAME [FOLDER]`` reads one JSON object from standard input: ``"arguments"`` by name,
or ``"payload"`` and ``"context"`` by position; ``"path"`` is where to look for modules, when it is there. It answers
``{"output": ...}`` or ``{"error": {"type", "message"}}`` on standard output, and ends with that. What the function
prints goes to standard error. Nothing of ours is imported: most functions take less time than that would.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than all the rest
    from typing import Any


def main() -> None:
    """Reads, calls and answers."""
    channel = os.dup(1)
    os.dup2(2, 1)
    given = json.loads(sys.stdin.buffer.read())
    sys.path[:] = given.get("path", sys.path)
    sys.path[:0] = sys.argv[2:]
    answer = _answer(sys.argv[1], given)
    sys.stdout.flush()
    with os.fdopen(channel, "w", encoding="utf-8") as stream:
        stream.write(answer)
    sys.stderr.flush()
    os._exit(0)  # what it has left running ends here, and nothing is taken apart that the kernel takes anyway


def _answer(target: str, given: dict[str, Any]) -> str:
    try:
        output = _called(_found(target), given)
    except Exception as error:  # noqa: BLE001 - whoever called is told
        return _failure(type(error).__name__, error)
    try:
        return json.dumps({"output": output}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return _failure("invalid_outcome", error)


def _found(target: str) -> Any:
    module, _, name = target.partition(":")
    found: Any = __import__(module, fromlist=["*"])
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _called(function: Any, given: dict[str, Any]) -> Any:
    by_name = given.get("arguments")
    output = function(given["payload"], given["context"]) if by_name is None else function(**by_name)
    if hasattr(output, "__await__"):
        return __import__("asyncio").run(_awaited(output))  # takes longer to load than most functions run
    return output


async def _awaited(output: Any) -> Any:
    return await output


def _failure(kind: str, error: Exception) -> str:
    sys.excepthook(type(error), error, error.__traceback__)
    return json.dumps({"error": {"type": kind, "message": str(error)}})


if __name__ == "__main__":
    main()
