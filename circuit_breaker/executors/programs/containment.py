"""A namespace of process ids for each program, which no process that it starts can leave, and which ends as a whole.

A shell makes the namespace, and starts in it the process that holds it: when that ends, the kernel kills all others.
It then becomes ``unshare --fork``, which starts the program, waits for it and ends as it has ended; and it takes the
holder with it, however it ends. The program is not the first process of the namespace itself, for the kernel keeps
from that one the signals that it has not asked for.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
from contextlib import suppress
from typing import Final

from circuit_breaker.executors.programs.resources import tool
from circuit_breaker.executors.programs.stragglers import kill_group

__all__ = ["Namespace", "containment"]

_SCRIPT: Final = (
    '"$0" --pdeathsig KILL "$1" infinity >/dev/null 2>&1 </dev/null & '
    'echo $! 2>/dev/null >"$2"; shift 2; unset PWD OLDPWD SHLVL; exec "$@"'  # a shell adds these to the environment
)
_TOOLS: Final = ("setpriv", "unshare", "sh", "sleep", "true")
_PLACE: Final = "/dev/null"  # where the id of the holder is written
_PATIENCE: Final = 5.0


class Namespace:
    """The namespace of one program, if it is wanted and this process may make any."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._words = containment() if wanted and hasattr(os, "memfd_create") else ()
        # The holder's id is written here, through a path and no inherited file, which the program would have as well.
        self._note = os.memfd_create("holder") if self._words else -1

    @property
    def words(self) -> tuple[str, ...]:
        """What stands before the command."""
        place = f"/proc/{os.getpid()}/fd/{self._note}"
        return tuple(place if word is _PLACE else word for word in self._words)

    def _holder(self) -> int:
        return int(os.pread(self._note, 20, 0))

    def end(self) -> bool:
        """Kills all that is in it, if there is one; only while what has made it has not ended."""
        try:
            os.kill(self._holder(), signal.SIGKILL)
        except (OSError, ValueError):
            return False
        return True

    async def dissolved(self, seconds: float) -> None:
        """Waits a little until it is gone with all that was in it, which begins when the program has ended."""
        try:
            holder = os.pidfd_open(self._holder())
        except (OSError, ValueError):  # it is gone, or never was
            return
        try:
            await _readable(holder, seconds)
        finally:
            os.close(holder)

    def close(self) -> None:
        """Forgets about it."""
        if self._note >= 0:
            os.close(self._note)
            self._note = -1


async def _readable(file: int, seconds: float) -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(file, event.set)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
    finally:
        loop.remove_reader(file)


@functools.cache
def containment() -> tuple[str, ...]:
    """What stands before a command so that it runs in a namespace; empty where this process may make none.

    That takes Linux, util-linux, and the capability ``CAP_SYS_ADMIN``. As the first process of a container, this one
    would be left with a dead holder for each program, so it makes none.
    """
    setpriv, unshare, sh, sleep, true = map(tool, _TOOLS)
    if not (setpriv and unshare and sh and sleep and true) or os.getpid() == 1:
        return ()
    words = (unshare, "--pid", "--", sh, "-c", _SCRIPT, setpriv, sleep, _PLACE, unshare, "--fork", "--")
    return words if _works((*words, true)) else ()


def _works(command: tuple[str, ...]) -> bool:
    try:
        tried = subprocess.Popen(  # noqa: S603 - our own words
            command,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        return tried.wait(_PATIENCE) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        # What ends as fast as this can leave a holder that has not begun to look after it.
        kill_group(tried.pid, signal.SIGKILL)
        tried.wait()
