"""The same containers on Podman's socket."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.errors import (
    ActionTimeout,
    ImageUnavailable,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    ProgramFailed,
)
from circuit_breaker.executors import StandaloneContext
from circuit_breaker.executors.docker import DockerExecutor
from tests.services.dockerd import until
from tests.services.images import BUSYBOX

pytestmark = [pytest.mark.service("podman"), pytest.mark.timeout(180)]


@pytest.fixture
def executor(podman, tmp_path):
    """Makes executors of busybox on Podman, of which no container may be left when the test ends."""
    operated = DockerExecutor.under(base_url=podman.address, mounts=[tmp_path], artifacts=[tmp_path])
    yield lambda **parameters: operated(**{"image": BUSYBOX, **parameters})
    assert [] == podman.names()


async def test_a_container_gives_what_it_prints(executor):
    """B1: standard input, standard output and error, and the exit code."""
    outcome = await executor(command=["sh", "-c", "cat; echo err >&2"], input={"a": [1]}).execute()

    assert ({"a": [1]}, "err", 0) == (outcome["output"], outcome["stderr"], outcome["exit_code"])
    assert outcome["digest"].startswith("sha256:")


async def test_files_go_in_and_come_out(executor, tmp_path):
    """B1: input as a file, output from a file, and artifacts."""
    outcome = await executor(
        command=["sh", "-c", "cat /in/x >/out/deep/y; mkdir /out/deep/z; echo a >/out/deep/z/a"],
        input=[1, 2],
        input_file="/in/x",
        output_file="/out/deep/y",
        artifacts=["/out/deep/z"],
        artifacts_to=str(tmp_path),
    ).execute()

    assert [1, 2] == outcome["output"]
    assert "a\n" == (tmp_path / outcome["container"] / "z" / "a").read_text()


async def test_a_container_can_do_little(executor):
    """B1: nobody, without capabilities or network, on a root that is read-only."""
    script = "id -u; grep CapBnd /proc/self/status; ls /sys/class/net; touch /x 2>&1; touch /tmp/x && echo ok"
    lines = (await executor(command=["sh", "-c", script]).execute())["output"].split("\n")

    assert ["65534", "CapBnd:\t0000000000000000", "lo"] == lines[:3]
    assert "Read-only file system" in lines[3]
    assert "ok" == lines[4]


async def test_faults_are_typed(executor):
    """A program that fails, one that hangs, and an image that is not there."""
    with pytest.raises(ProgramFailed, match="exit code 3: no"):
        await executor(command=["sh", "-c", "echo no >&2; exit 3"]).execute()
    with pytest.raises(ActionTimeout):
        await executor(command="sleep 60", timeout=0.5).execute()
    with pytest.raises(ImageUnavailable):
        await executor(image="127.0.0.1:1/no/such:1").execute()


async def test_two_that_do_the_same_work_share_its_container(executor, tmp_path, podman, monkeypatch):
    """Whoever comes second joins the container that runs, and gets all of its output."""
    monkeypatch.setattr("circuit_breaker.executors.docker.engine.DockerEngine.remove", lambda *_: None)
    tmp_path.chmod(0o777)
    context = StandaloneContext()
    parameters = {
        "command": ["sh", "-c", "echo out; echo err >&2; echo x >>/folder/ran; sleep 2; echo end"],
        "volumes": [f"{tmp_path}:/folder"],
    }
    async with asyncio.TaskGroup() as group:
        one = group.create_task(executor(**parameters).bind(context).execute())
        await until((tmp_path / "ran").exists)
        two = group.create_task(executor(**parameters).bind(context).execute())

    assert "out\nend" == one.result()["output"] == two.result()["output"]
    assert "err" == two.result()["stderr"]
    assert "x\n" == (tmp_path / "ran").read_text()
    podman.clear()


async def test_what_was_left_behind_is_swept(executor, monkeypatch):
    """Podman lists and dates its containers in its own way."""
    with monkeypatch.context() as patched:
        patched.setattr("circuit_breaker.executors.docker.engine.DockerEngine.remove", lambda *_: None)
        name = (await executor(command="true").execute())["container"]
    kind = type(executor())

    assert [] == await kind.sweep()
    assert [] == await kind.sweep(keep=["other"])
    assert [name] == await kind.sweep(older_than=0)


async def test_files_and_shared_directories_go_together(executor, tmp_path):
    """Podman tells of every path where it leads: only a link is refused."""
    work = executor(
        command=["sh", "-c", "ls /data | wc -l >/out/deep/n"],
        volumes=[f"{tmp_path}:/data:ro"],
        input=1,
        input_file="/in/x",
        output_file="/out/deep/n",
    )
    linked = executor(command="true", volumes=[f"{tmp_path}:/data"], output_file="/proc/../bin/sh/x")

    assert 0 == (await work.execute())["output"]
    with pytest.raises(ParameterInvalid):
        await linked.execute()
    with pytest.raises(OutputInvalid, match="'/bin/sh' is a link"):
        await linked.update_context(output_file="/bin/sh/x").execute()


async def test_a_disk_is_not_filled(executor):
    """A container with files of its own is ended when it writes more than the operator allows."""
    kind = type(executor()).under(max_disk="4m")
    work = kind(
        image=BUSYBOX, command=["sh", "-c", "head -c 9000000 /dev/zero >/out/a; sleep 60"], output_file="/out/b"
    )

    with pytest.raises(OutputTooLarge, match="wrote more than 4194304 bytes"):
        await work.execute()
