"""A process is killed while its container runs: the next one joins the container, and the work is done once."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    OutputInvalid,
    OutputTooLarge,
    ProgramFailed,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors import LogLine, StandaloneContext
from circuit_breaker.executors.docker import DockerExecutor
from tests.services.dockerd import missing, running, until, wait_until
from tests.services.images import BUSYBOX

PROGRAM = Path(__file__).with_name("docker_program.py")
ROOT = PROGRAM.parents[2]
pytestmark = [pytest.mark.service("dockerd"), pytest.mark.timeout(180)]


@pytest.fixture
def folder(tmp_path):
    """A directory that containers may write to."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    return shared


@pytest.fixture
def executor(dockerd, folder):
    """Makes executors of busybox on the engine, of which no container may be left when the test ends."""
    operated = DockerExecutor.under(base_url=dockerd.address, mounts=[folder])
    yield lambda **parameters: operated(image=BUSYBOX, volumes=[f"{folder}:/folder"], **parameters)
    assert [] == dockerd.names()


def program(dockerd, folder):
    command = [sys.executable, PROGRAM, dockerd.address, folder.parent / "journal.db", folder]
    return subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)


def killed_while_it_runs(dockerd, folder):
    """Starts the program, and kills it when the container has begun."""
    with program(dockerd, folder) as process:
        wait_until((folder / "began").exists)
        process.kill()
    assert 1 == len(dockerd.names())


def finished(dockerd, folder):
    with program(dockerd, folder) as process:
        said = process.communicate(timeout=60)[0]
    assert 0 == process.returncode
    return said


@pytest.mark.crash
def test_a_restarted_engine_joins_its_container(dockerd, folder):
    """The container goes on when its process is killed; the next process gets its whole output, and it ran once."""
    killed_while_it_runs(dockerd, folder)
    killed_while_it_runs(dockerd, folder)
    with program(dockerd, folder) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        (folder / "go").touch()
        said = process.communicate(timeout=60)[0]

    assert "done 'began\\nended'\n" == said
    assert "began\n" == (folder / "began").read_text()
    assert [] == dockerd.names()


@pytest.mark.crash
def test_a_container_that_ended_while_nobody_watched_is_harvested(dockerd, folder):
    """A container that has ended in the meantime gives its output to the next process, and is removed."""
    killed_while_it_runs(dockerd, folder)
    (folder / "go").touch()
    wait_until(lambda: not dockerd.runs_any())

    assert "done 'began\\nended'\n" == finished(dockerd, folder)
    assert "began\n" == (folder / "began").read_text()
    assert [] == dockerd.names()


@pytest.mark.crash
def test_a_container_that_failed_while_nobody_watched_counts_as_an_attempt(dockerd, folder):
    """Its failure is told once; the next attempt is a new container."""
    (folder / "code").write_text("3")
    killed_while_it_runs(dockerd, folder)
    (folder / "go").touch()
    wait_until(lambda: not dockerd.runs_any())

    with program(dockerd, folder) as process:
        process.communicate(timeout=60)
    assert "began\n" * 2 == (folder / "began").read_text()
    assert [] == dockerd.names()


class Attempt(StandaloneContext):
    """The surroundings of one attempt at the same work."""

    def __init__(self, attempt=1, key="key"):
        super().__init__()
        self.attempt = attempt
        self.idempotency_key = key


@pytest.fixture
def left(monkeypatch, dockerd):
    """Leaves containers where they are, as the end of a process would; they are removed when the test ends."""
    monkeypatch.setattr("circuit_breaker.executors.docker.engine.DockerEngine.remove", lambda *_: None)
    yield
    dockerd.clear()


async def test_two_that_do_the_same_work_share_its_container(executor, folder, left):
    """Whoever comes second joins, is told every line, and gets the same outcome."""
    script = "echo out; echo err >&2; echo x >>/folder/ran; sleep 1.5; echo end"
    first, second = (executor(command=["sh", "-c", script]).bind(Attempt()) for _ in range(2))
    async with asyncio.TaskGroup() as group:
        one = group.create_task(first.execute())
        await until((folder / "ran").exists)
        two = group.create_task(second.execute())

    assert "out\nend" == one.result()["output"] == two.result()["output"]
    assert "err" == two.result()["stderr"]
    assert {LogLine("out"), LogLine("err", "stderr"), LogLine("end")} == set(second.execution.logs)
    assert "x\n" == (folder / "ran").read_text()


async def test_other_parameters_are_other_work(executor):
    """Several steps of one action share its key, and still have a container each."""
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(executor(command=f"sh -c 'sleep 0.3; echo {n}'").bind(Attempt()).execute())
            for n in range(2)
        ]
    assert [0, 1] == [run.result()["output"] for run in runs]


async def test_who_joins_may_have_to_give_up(executor, folder, left):
    """A container that is joined is ended like any other: by a time limit that counts from its start, or by a flood."""
    script = "echo x >>/folder/ran; echo begun; sleep 60"
    async with asyncio.TaskGroup() as group:
        group.create_task(failure(ActionTimeout, executor(command=["sh", "-c", script], timeout=4).bind(Attempt())))
        await until((folder / "ran").exists)
        begun = time.monotonic()
        await failure(ActionTimeout, executor(command=["sh", "-c", script], timeout=4).bind(Attempt()))
    assert time.monotonic() - begun < 6

    flood = {"command": ["sh", "-c", "sleep 1; yes"], "max_output": 10_000}
    async with asyncio.TaskGroup() as group:
        group.create_task(failure(OutputTooLarge, executor(**flood).bind(Attempt())))
        await asyncio.sleep(0.7)
        await failure(OutputTooLarge, executor(**flood).bind(Attempt()))


async def failure(kind, work):
    with pytest.raises(kind):
        await work.execute()


async def test_a_container_that_is_removed_while_it_is_joined_has_no_outcome(executor, folder, dockerd, left):
    """Its log may have been cut off: that is an error, and never half an output."""
    script = ["sh", "-c", "echo x >>/folder/ran; sleep 60"]
    async with asyncio.TaskGroup() as group:
        one = group.create_task(error_of(executor(command=script).bind(Attempt())))
        await until((folder / "ran").exists)
        two = group.create_task(error_of(executor(command=script).bind(Attempt())))
        await asyncio.sleep(0.7)
        await asyncio.to_thread(dockerd.clear)
    assert isinstance(one.result(), ServiceFailed | ProgramFailed)
    assert isinstance(two.result(), ServiceFailed | ProgramFailed)


async def test_output_that_was_lost_is_an_error(executor, folder, monkeypatch, left):
    """The engine keeps a limited log while nobody reads it: what may be incomplete is not taken for the output."""
    monkeypatch.setattr("circuit_breaker.executors.docker.run.log_room", lambda _: 1000)
    script = "seq 1000; echo x >>/folder/ran; sleep 2"
    first, second = (executor(command=["sh", "-c", script]).bind(Attempt()) for _ in range(2))
    async with asyncio.TaskGroup() as group:
        one = group.create_task(first.execute())
        await until((folder / "ran").exists)
        with pytest.raises(OutputInvalid, match="the beginning of the output may be lost"):
            await second.execute()
    assert one.result()["output"].startswith("1\n")


async def test_what_a_failed_attempt_left_behind_is_no_outcome(executor, dockerd):
    """A container that never began, or failed an attempt and could not be removed, makes room for a new one."""
    work = executor(command="echo new").bind(Attempt(2))
    outcome = await work.execute()
    client = dockerd.client()
    for command in (None, "false"):
        client.create_container(BUSYBOX, command or "true", name=outcome["container"])
        if command:
            client.start(outcome["container"])
            client.wait(outcome["container"])
        assert "new" == (await work.execute())["output"]
    client.close()


async def test_a_failure_nobody_watched_is_told_by_the_first_attempt(executor, dockerd):
    """The first attempt of a process takes a container that has failed for its own, and removes it."""
    work = executor(command="echo new").bind(Attempt(1))
    name = (await work.execute())["container"]
    client = dockerd.client()
    client.create_container(BUSYBOX, "false", name=name)
    client.start(name)
    client.wait(name)
    client.close()

    with pytest.raises(ProgramFailed, match="exit code 1"):
        await work.execute()
    assert "new" == (await work.execute())["output"]


async def test_containers_of_nobody_are_swept(dockerd, executor):
    """Ended containers that are old, and those of work that nobody does any more, are removed; others are not."""
    client = dockerd.client()
    ours = {"circuit-breaker.key": "a:b"}
    for name, labels in (("ours", ours), ("theirs", {}), ("new", {"circuit-breaker.key": "c"})):
        client.create_container(BUSYBOX, "sleep 60" if name == "new" else "true", name=name, labels=labels)
        client.start(name)
    await until(lambda: client.inspect_container("ours")["State"]["Status"] == "exited")
    kind = type(executor())
    try:
        assert [] == await kind.sweep()
        assert [] == await kind.sweep(keep=["a"])
        assert ["ours"] == await kind.sweep(older_than=0)
    finally:
        for name in ("theirs", "new"):
            client.remove_container(name, force=True)
        client.close()


async def test_what_somebody_waits_for_is_not_swept(dockerd, executor, monkeypatch):
    """A container that is found again after a long time is harvested, and the sweep takes only those of nobody."""
    monkeypatch.setattr("circuit_breaker.executors.docker.job.DAY", -1.0)
    print_random = {"command": "cat /proc/sys/kernel/random/uuid"}
    with monkeypatch.context() as patched:
        patched.setattr("circuit_breaker.executors.docker.engine.DockerEngine.remove", lambda *_: None)
        works = [executor(**print_random).bind(Attempt(key=key)) for key in ("a", "b", "c")]
        first = [(await work.execute())["output"] for work in works]
    monkeypatch.setattr("circuit_breaker.executors.docker.job._DESKS", {})  # as a process that has just begun
    outcomes = await asyncio.gather(*(work.execute() for work in works[:2]))

    assert sorted(first[:2]) == sorted(outcome["output"] for outcome in outcomes)


async def test_what_runs_although_its_time_is_up_is_swept(dockerd, executor, monkeypatch):
    """Whoever waited for it would have ended it: it is the container of nobody."""
    monkeypatch.setattr("circuit_breaker.executors.docker.sweep._LATE", -60.0)
    client = dockerd.client()
    for name, seconds in (("late", "10"), ("early", "1000")):
        labels = {"circuit-breaker.key": name, "circuit-breaker.timeout": seconds}
        client.create_container(BUSYBOX, "sleep 60", name=name, labels=labels)
        client.start(name)

    assert ["late"] == await type(executor()).sweep()
    client.remove_container("early", force=True)
    client.close()


async def test_who_ended_in_time_is_no_timeout(executor, left):
    """What counts is how long the container ran, and not when somebody came to look."""
    work = {"command": ["sh", "-c", "sleep 0.1; echo end"], "timeout": 1.5}
    await executor(**work).bind(Attempt()).execute()
    await asyncio.sleep(2)

    assert "end" == (await executor(**work).bind(Attempt()).execute())["output"]


@pytest.mark.parametrize("marked", [True, False])
async def test_half_an_input_has_no_outcome(executor, folder, dockerd, monkeypatch, marked):
    """The process died while it gave the input: the container is replaced; one that has all of it is harvested."""
    monkeypatch.setattr("circuit_breaker.executors.docker.job._FEEDING", 0.1)
    script = ["sh", "-c", "echo x >>/folder/ran; wc -c"]
    work = executor(command=script, input="x" * 100).bind(Attempt())
    if not marked:
        monkeypatch.setattr("circuit_breaker.executors.docker.engine.DockerEngine.mark", lambda *_: None)
    for kept in ("remove", "unmark"):
        monkeypatch.setattr(f"circuit_breaker.executors.docker.engine.DockerEngine.{kept}", lambda *_: None)
    name = (await work.execute())["container"]
    monkeypatch.undo()

    assert (name, 102) == ((again := await work.bind(Attempt()).execute())["container"], again["output"])
    assert ("x\n" if marked else "x\nx\n") == (folder / "ran").read_text()
    client = dockerd.client()
    assert [] == [volume for volume in client.volumes()["Volumes"] or () if volume["Name"].endswith("-fed")]
    client.close()


async def test_strays_are_swept_when_they_are_no_longer_young(dockerd, executor, monkeypatch):
    """Work that is in progress keeps its container; of all other work it is taken away, running or not."""
    monkeypatch.setattr("circuit_breaker.executors.docker.sweep._YOUNG", -60.0)
    client = dockerd.client()
    for name in ("a", "b"):
        client.create_container(BUSYBOX, "sleep 60", name=f"of-{name}", labels={"circuit-breaker.key": f"{name}:step"})
        client.start(f"of-{name}")
    client.close()

    assert ["of-b"] == await type(executor()).sweep(keep={"a"})
    assert ["of-a"] == await type(executor()).sweep(keep=())


class TestWithAnEngineOfItsOwn:
    """What happens when the engine itself goes."""

    @pytest.fixture
    def own(self):
        if reason := missing():
            pytest.skip(f"Docker: {reason}")
        with running() as engine:
            yield engine

    @pytest.mark.parametrize("end", ["kill", "stop"])
    async def test_an_engine_that_is_lost_is_a_typed_error(self, own, end):
        """The engine goes in the middle; when it is back, the next attempt starts anew and nothing is left."""
        kind = DockerExecutor.under(base_url=own.address)
        work = kind(image=BUSYBOX, command=["sh", "-c", "sleep 2; echo end"])
        async with asyncio.TaskGroup() as group:
            task = group.create_task(error_of(work.bind(Attempt())))
            await until(own.runs_any)
            await asyncio.to_thread(getattr(own, end))
        assert isinstance(task.result(), ServiceUnavailable if end == "kill" else ServiceUnavailable | ProgramFailed)
        await asyncio.to_thread(own.start)

        assert "end" == (await work.bind(Attempt(2)).execute())["output"]
        assert [] == own.names()


async def error_of(work):
    """What an executor fails with."""
    try:
        return await work.execute()
    except ActionError as error:
        return error


@pytest.mark.crash
def test_killed_at_any_moment_the_work_is_done_once(dockerd, folder):
    """Whenever the process is killed, also just before the outcome is kept, the container has run once in the end."""
    dice = random.Random(20)  # noqa: S311 - the moments need not be secret
    (folder / "go").touch()
    said = ""
    for _ in range(30):
        with program(dockerd, folder) as process:
            try:
                said = process.communicate(timeout=dice.uniform(0.5, 1.3))[0]
            except subprocess.TimeoutExpired:
                process.kill()
            else:
                break
    assert "done 'began\\nended'\n" == (said or finished(dockerd, folder))
    assert "began\n" == (folder / "began").read_text()
    assert [] == dockerd.names()


async def test_a_container_stays_until_its_outcome_is_kept(executor, dockerd):
    """When the outcome could not be kept, the next attempt gets it from the same container."""

    class Forgetful(Attempt):
        async def step(self, name, call):
            await super().step(name, call)
            raise ConnectionError

    work = executor(command="cat /proc/sys/kernel/random/uuid")
    with pytest.raises(ConnectionError):
        await work.bind(Forgetful()).execute()
    left = dockerd.names()
    first = LogLine(work.execution.logs[0].line)
    outcome = await work.bind(Attempt()).execute()

    assert (left, first.line) == ([outcome["container"]], outcome["output"])
