"""Who has a journal open."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys

import pytest

from circuit_breaker.errors import StorageError
from circuit_breaker.storage import connect, liveness
from circuit_breaker.storage.liveness import Presence


@pytest.fixture
def file(tmp_path):
    return tmp_path / "work.db"


def test_the_dead_are_swept_away(file):
    """Files of workers that no process holds are removed; those of the living, and other files, stay."""
    dead = file.with_name(f"work.db-worker-{os.getpid()}-{'0' * 16}")
    dead.touch()
    other = file.with_name("work.db-worker-notes.txt")
    other.touch()
    living, sweeper = Presence(file), Presence(file)

    sweeper.sweep()

    assert not dead.exists()
    assert other.exists()
    assert sweeper.alive(living.worker)
    living.leave()
    sweeper.leave()
    assert [other] == list(file.parent.iterdir())


def test_two_who_ask_at_once_agree(file):
    """That another process is looking at the file of a dead worker does not make it seem alive."""
    presence = Presence(file)
    dead = file.with_name(f"work.db-worker-1-{'0' * 16}")
    with dead.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        assert not presence.alive(f"1-{'0' * 16}")
    presence.leave()


def test_a_file_that_was_swept_before_it_was_locked_is_made_again(file, monkeypatch):
    """Whoever takes a new worker for dead, because it had no lock yet, does not make it nameless."""
    lock, swept = fcntl.flock, []

    def sweeping(handle, how):
        if how == fcntl.LOCK_EX and not swept:
            swept.extend(file.parent.glob("*-worker-*"))
            swept[0].unlink()
        lock(handle, how)

    monkeypatch.setattr(liveness.fcntl, "flock", sweeping)
    presence = Presence(file)

    assert [swept[0]] == list(file.parent.iterdir())
    presence.leave()


def test_without_posix_locks_it_says_so(file, monkeypatch):
    """On a system without such locks the error says what to use instead."""
    monkeypatch.setattr(liveness, "fcntl", None)

    with pytest.raises(StorageError, match=r"POSIX system.*memory://"):
        Presence(file)


def test_a_file_that_cannot_be_opened_is_an_error(file, monkeypatch):
    """Where it cannot be told whether a worker lives, nobody is taken for dead; sweeping passes over its file."""
    other, presence = Presence(file), Presence(file)

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(liveness.os, "open", refused)
        with pytest.raises(StorageError, match=f"whether worker '{other.worker}' lives.*Permission denied"):
            presence.alive(other.worker)
        presence.sweep()
    assert presence.alive(other.worker)
    other.leave()
    presence.leave()


async def test_a_directory_that_cannot_be_written_is_an_error(file, monkeypatch):
    """The error names the file that could not be made."""

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(liveness.os, "open", refused)
    with pytest.raises(StorageError, match=r"cannot make .*work\.db-worker-.*Permission denied"):
        Presence(file)
    async with connect("memory://"):
        pass


FORKING = """
import os, sys, time
from pathlib import Path
from circuit_breaker.storage.liveness import Presence

presence = Presence(Path(sys.argv[1]))
child = os.fork()
if not child:
    presence.leave()
    time.sleep(60)
    os._exit(0)
print(presence.worker, child, flush=True)
time.sleep(60)
"""


def test_a_forked_process_does_not_keep_its_parent_alive(file):
    """A process of its pool that outlives a killed program holds nothing of it, and gives nothing up before."""
    presence = Presence(file)
    program = subprocess.Popen([sys.executable, "-c", FORKING, str(file)], stdout=subprocess.PIPE, text=True)
    worker, child = program.stdout.readline().split()
    orphan = os.pidfd_open(int(child))
    try:
        select.select([], [], [], 0.2)  # long enough for the child to leave, if that did anything
        assert presence.alive(worker)
        program.kill()
        program.wait()
        assert not select.select([orphan], [], [], 0)[0]
        assert not presence.alive(worker)
    finally:
        signal.pidfd_send_signal(orphan, signal.SIGKILL)
        os.close(orphan)
        program.kill()
        program.wait()
        program.stdout.close()
        presence.leave()


def test_leaving_twice_gives_up_nothing_of_others(file):
    """A number that the system has given to another file meanwhile is not closed."""
    presence = Presence(file)
    presence.leave()
    others = [os.open(file.with_name(f"other-{n}"), os.O_CREAT) for n in range(3)]
    presence.leave()
    assert all(os.fstat(other).st_ino for other in others)
    for other in others:
        os.close(other)
