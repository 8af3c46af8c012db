"""Containers, images and engines that are not what they should be: what was not allowed stays out of reach."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import tarfile
import time

import pytest

from circuit_breaker.errors import OutputInvalid, OutputTooLarge, ParameterInvalid
from circuit_breaker.executors.docker import DockerExecutor
from circuit_breaker.executors.docker.engine import answers
from tests.services.dockerd import missing, running, until
from tests.services.images import BUSYBOX, busybox, tree

pytestmark = [pytest.mark.service("dockerd"), pytest.mark.timeout(180)]
LINKED = "circuit-breaker.test/linked:1"


@pytest.fixture
def folder(tmp_path):
    """A directory that containers may change."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    return shared


@pytest.fixture
def executor(dockerd, folder):
    """Makes executors of busybox on the engine, of which no container may be left when the test ends."""
    operated = DockerExecutor.under(
        base_url=dockerd.address, mounts=[folder], artifacts=[folder], max_disk="4m", concurrency=2
    )
    yield lambda **parameters: operated(**{"image": BUSYBOX, **parameters})
    assert [] == dockerd.names()


async def test_artifacts_go_through_no_link(executor, folder, tmp_path):
    """A container that puts a link in place of the directory of its artifacts has nothing written elsewhere."""
    (folder / "out").mkdir()
    (tmp_path / "victim").mkdir()
    swap = f"echo evil >/work/job; rmdir /shared/out; ln -s {tmp_path}/victim /shared/out"
    work = executor(
        command=["sh", "-c", swap],
        volumes=[f"{folder}:/shared"],
        artifacts=["/work/job"],
        artifacts_to=str(folder / "out"),
    )

    with pytest.raises(OutputInvalid, match="is no directory any more"):
        await work.execute()
    assert [] == list((tmp_path / "victim").iterdir())


async def test_a_volume_that_changed_while_it_waited_is_not_mounted(executor, folder):
    """A path that was allowed before the wait for a place must be what it was when the container begins."""
    (folder / "sub").mkdir()
    swap = ["sh", "-c", "sleep 1; rmdir /shared/sub; ln -s /etc /shared/sub"]
    one_place = type(executor()).under(concurrency=1)
    first = one_place(image=BUSYBOX, command=swap, volumes=[f"{folder}:/shared"])
    second = one_place(image=BUSYBOX, command="cat /x/passwd", volumes=[f"{folder}/sub:/x"])
    done, refused = await asyncio.gather(first.execute(), second.execute(), return_exceptions=True)

    assert "completed" == done["status"]
    assert isinstance(refused, ParameterInvalid)


@pytest.fixture
def linked(dockerd):
    """An image in which ``/link`` leads to ``/shared``."""
    archive = io.BytesIO(tree(busybox()))
    with tarfile.open(fileobj=archive, mode="a") as tar:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/shared"
        tar.addfile(entry)
    client = dockerd.client()
    client.import_image_from_data(archive.getvalue(), repository=LINKED.partition(":")[0], tag="1")
    client.close()


@pytest.mark.parametrize("target", ["/shared", "/link"])
async def test_a_link_of_an_image_leads_to_no_volume(executor, linked, folder, target):
    """The engine, which may do anything, is not sent into a directory of this machine through a link."""
    (folder / "private").mkdir(mode=0o700)
    path = "/link/private/out" if target == "/shared" else "/shared/private/out"
    work = executor(image=LINKED, command="true", volumes=[f"{folder}:{target}"], output_file=path)

    with pytest.raises(OutputInvalid, match="'/link' is a link in the container"):
        await work.execute()
    assert 0o700 == (folder / "private").stat().st_mode & 0o7777


async def test_a_disk_is_not_filled(executor):
    """A container with files of its own is ended when it writes more than the operator allows."""
    work = executor(command=["sh", "-c", "head -c 9000000 /dev/zero >/out/a; sleep 60"], output_file="/out/b")
    begun = time.monotonic()

    with pytest.raises(OutputTooLarge, match="wrote more than 4194304 bytes"):
        await work.execute()
    assert time.monotonic() - begun < 30


async def test_a_hung_engine_keeps_nobody_waiting():
    """Who is cancelled goes on after about a second; the container is removed when the engine answers again."""
    if reason := missing():
        pytest.skip(f"Docker: {reason}")
    with running() as own:
        work = DockerExecutor.under(base_url=own.address)(image=BUSYBOX, command="sleep 300")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work.execute())
            await until(own.runs_any)
            pid = own.process.pid
            os.kill(pid, signal.SIGSTOP)
            try:
                begun = time.monotonic()
                assert not await asyncio.to_thread(answers, own.address)
                task.cancel()
                await asyncio.wait([task])
                took = time.monotonic() - begun
            finally:
                os.kill(pid, signal.SIGCONT)
        assert task.cancelled()
        assert took < 4
        await until(lambda: not own.names())


def test_an_engine_that_is_not_there_does_not_answer(tmp_path):
    """Nothing is waited for where nobody listens."""
    assert not answers(f"unix://{tmp_path}/no.sock")
