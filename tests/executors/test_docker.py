"""What a container is given, and what becomes of what it says; on a real engine."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.errors import ActionError, ImageUnavailable, ParameterInvalid
from circuit_breaker.executors import LogLine, MemoryOutcomes, StandaloneContext, cached
from circuit_breaker.executors.docker import DockerExecutor
from circuit_breaker.executors.secrets import secret
from tests.services.dockerd import until
from tests.services.images import BUSYBOX, add_busybox

pytestmark = [pytest.mark.service("dockerd"), pytest.mark.timeout(180)]

ECHO_INPUT = "sh -c 'echo $INPUT'"


@pytest.fixture
def executor(dockerd, tmp_path):
    """Makes executors of busybox on the engine, of which no container may be left when the test ends."""
    (tmp_path / "artifacts").mkdir()
    operated = DockerExecutor.under(
        base_url=dockerd.address,
        mounts=[tmp_path],
        artifacts=[tmp_path / "artifacts"],
        volumes=["cache"],
        secrets={"KEY": "hunter2-hunter2"},
    )
    yield lambda **parameters: operated(**{"image": BUSYBOX, **parameters})
    assert [] == dockerd.names()


async def test_a_container_gives_what_it_prints(executor):
    """B1, A9, F10, F16: it is created, run and removed; the outcome has its output, exit code, time, image, digest."""
    outcome = await executor(command="echo hello").execute()

    assert ("completed", 0, "hello", "", BUSYBOX) == tuple(
        outcome[name] for name in ("status", "exit_code", "output", "stderr", "image")
    )
    assert outcome["digest"].startswith("sha256:")
    assert outcome["container"].startswith("circuit-breaker-")
    assert 0 <= outcome["duration"] < 60


async def test_a_workflow_runs_a_container(executor):
    """B1, D20: a transition runs an image with variables and input of its token; the output is in the data."""
    raw, processed = states("raw", "processed")
    kind = type(executor())
    work = Workflow(
        "work",
        flow(raw >> processed)
        .transition("process")
        .execute(kind, image=BUSYBOX, command=ECHO_INPUT, environment={"INPUT": field("file")}, result="done"),
    )

    async with Engine(work, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("work", data={"file": "a.csv"}))
    assert ("processed", "a.csv") == (case.state, case.token.results["done"]["output"])


@pytest.mark.parametrize(
    ("command", "form", "output"),
    [
        ("echo '{\"a\": [1, 2]}'", "auto", {"a": [1, 2]}),
        ("echo '{\"a\"'", "auto", '{"a"'),
        ("echo 5", "text", "5"),
        ("echo 5", "json", 5),
        ("printf '\\377'", "base64", "/w=="),
        ("echo 5", "none", None),
    ],
)
async def test_output_is_read_as_asked(executor, command, form, output):
    """B1: JSON where it is JSON, or as the author says."""
    assert output == (await executor(command=command, output=form).execute())["output"]


async def test_input_reaches_the_standard_input(executor):
    """B1: the input is JSON on the standard input, which ends; three million characters go through both ways."""
    text = "x" * 3_000_000
    outcome = await executor(command="cat", input={"text": text}, max_output=4_000_000).execute()

    assert {"text": text} == outcome["output"]
    assert 0 == (await executor(command="true", input=text).execute())["exit_code"]


async def test_input_and_output_go_through_files(executor):
    """B1: the input can be a file that is whole before the program begins, and the output a file that it writes."""
    outcome = await executor(
        command=["sh", "-c", "echo ignored; wc -c </in/deep/input.json >/out/result.json"],
        input=list(range(1000)),
        input_file="/in/deep/input.json",
        output_file="/out/result.json",
    ).execute()

    assert len(json.dumps(list(range(1000)), separators=(",", ":"))) == outcome["output"]


async def test_artifacts_are_copied_out(executor, tmp_path):
    """B1: files and directories that it wrote are copied into a directory that the operator allowed."""
    outcome = await executor(
        command=["sh", "-c", "mkdir /out/tree; echo a >/out/tree/a; echo b >/out/b"],
        artifacts=["/out/tree", "/out/b"],
        artifacts_to=str(tmp_path / "artifacts"),
    ).execute()

    place = tmp_path / "artifacts" / outcome["container"]
    assert str(place) == outcome["artifacts_to"]
    assert {"/out/tree": str(place / "tree"), "/out/b": str(place / "b")} == outcome["artifacts"]
    assert "a\n" == (place / "tree" / "a").read_text()


async def test_a_directory_is_shared(executor, tmp_path):
    """B1: a volume is read, and written to unless it is read-only."""
    (tmp_path / "data").mkdir(mode=0o777)
    (tmp_path / "data").chmod(0o777)
    (tmp_path / "data" / "in").write_text("shared")
    outcome = await executor(
        command=["sh", "-c", "cat /data/in; cat /data/in >/data/out; cat /data/in >/same/out2 || true"],
        volumes=[f"{tmp_path}/data:/data", f"{tmp_path}/data:/same:ro", "cache:/cache"],
    ).execute()

    assert "shared" == outcome["output"] == (tmp_path / "data" / "out").read_text()
    assert "Read-only file system" in outcome["stderr"]


async def test_a_container_can_do_little(executor):
    """B1: nobody, without capabilities or network, on a root that is read-only, but with a place for files."""
    script = (
        "id -u; grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status; ls /sys/class/net;"
        "touch /x 2>&1; touch /tmp/x && echo ok; ulimit -n"
    )
    lines = (await executor(command=["sh", "-c", script]).execute())["output"].split("\n")

    assert ["65534", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "lo"] == lines[:4]
    assert "Read-only file system" in lines[4]
    assert ["ok", "1024"] == lines[5:]


async def test_an_image_may_say_who_it_runs_as(executor, dockerd):
    """B1: the user of an image stays if it is a number and not root; the author can give another."""
    client = dockerd.client()
    add_busybox(client, "circuit-breaker.test/app:1", "USER 1000", "WORKDIR /app", 'ENTRYPOINT ["/bin/id"]')
    client.close()

    assert 1000 == (await executor(image="circuit-breaker.test/app:1", command="-u").execute())["output"]
    assert 7 == (await executor(image="circuit-breaker.test/app:1", command="-u", user="7").execute())["output"]
    other = executor(image="circuit-breaker.test/app:1", entrypoint="/bin/pwd")
    assert "/app" == (await other.execute())["output"]
    assert "/etc" == (await other.update_context(working_dir="/etc").execute())["output"]


async def test_shell_metacharacters_mean_nothing(executor):
    """ZA23: whatever a parameter holds is one word to the program."""
    words = ["$(touch /tmp/x)", "`id`", "; exit 3", "&& false", "| cat", "a'b\"c", "*", "\n", "ä"]
    outcome = await executor(command=["printf", "%s|", *words], environment={"X": "$(id)"}, output="text").execute()

    assert "|".join(words) + "|" == outcome["output"]


async def test_lines_are_told_as_they_come(executor):
    """B1: each line is passed on when it is printed, with its stream, and not when the program ends."""
    seen: list[tuple[float, str, str]] = []

    class Listener(StandaloneContext):
        def log(self, line, *, stream="stdout"):
            seen.append((time.monotonic(), line, stream))

    await executor(command=["sh", "-c", "echo 1; sleep 0.6; echo 2 >&2"]).bind(Listener()).execute()
    assert [("1", "stdout"), ("2", "stderr")] == [(line, stream) for _, line, stream in seen]
    assert seen[1][0] - seen[0][0] > 0.4


async def test_a_secret_is_given_and_never_shown(executor, dockerd):
    """A secret that a container echoes is in no line, outcome, label or name; the container had it."""
    script = "echo $TOKEN >&2; echo {$TOKEN}; echo -n $TOKEN | wc -c >/out/n; echo $TOKEN >/out/t"
    work = executor(command=["sh", "-c", script], environment={"TOKEN": secret("KEY")})
    outcome = await work.update_context(output_file="/out/t").execute()

    assert "***" == outcome["output"] == outcome["stderr"]
    assert "hunter2" not in f"{work!r} {outcome} {work.logs}"
    assert LogLine("{***}") in work.logs
    assert 15 == (await work.update_context(output_file="/out/n").execute())["output"]


async def test_labels_say_whose_a_container_is(executor, dockerd):
    """A container has the labels of its author, and those by which it is found again."""
    work = executor(command="sleep 60", labels={"team": "a"}, platform="linux/amd64")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work.execute())
        await until(dockerd.names)
        client = dockerd.client()
        labels = client.inspect_container(dockerd.names()[0])["Config"]["Labels"]
        client.close()
        task.cancel()

    key = work.execution.idempotency_key
    assert ("a", "DockerExecutor", "1", key, BUSYBOX) == (
        labels["team"],
        *(labels[f"circuit-breaker.{name}"] for name in ("executor", "attempt", "key", "image")),
    )


async def test_many_containers_share_few_places(dockerd):
    """50 containers through 8 places: never more than 8 at a time, and none is left."""
    kind = DockerExecutor.under(base_url=dockerd.address, concurrency=8)
    most, over = 0, asyncio.Event()

    async def watch():
        nonlocal most
        while not over.is_set():
            most = max(most, len(await asyncio.to_thread(dockerd.names)))
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        async with asyncio.TaskGroup() as inner:
            runs = [inner.create_task(kind(image=BUSYBOX, command=["echo", str(n)]).execute()) for n in range(50)]
        over.set()

    assert list(range(50)) == [run.result()["output"] for run in runs]
    assert 1 < most <= 8
    assert [] == dockerd.names()


def test_a_script_runs_a_container(executor):
    """A8: execute_sync gives the same."""
    assert "hi" == executor(command="echo hi").execute_sync()["output"]


async def test_nothing_is_started_with_wrong_parameters(executor, dockerd):
    """A4: nothing has run when a parameter is wrong."""
    with pytest.raises(ParameterInvalid):
        await executor(user="root").execute()
    assert [] == dockerd.names()


async def test_the_same_work_on_another_image_is_done_again(executor, dockerd):
    """An outcome is kept under the digest of the image: what another build has under the same tag does its own work."""
    name = "circuit-breaker.test/rebuilt:latest"
    operated = type(executor())
    remembered = cached(operated, MemoryOutcomes())
    seen = []
    for words in ("one", "two"):
        client = dockerd.client()
        add_busybox(client, name, f"ENV WORDS {words}")
        client.close()
        for _ in range(2):
            outcome = await remembered(image=name, command="sh -c 'echo $WORDS'").execute()
            seen.append((outcome["output"], "cached" in outcome))

    assert [("one", False), ("one", True), ("two", False), ("two", True)] == seen


@pytest.mark.parametrize("shared", ["artifacts", "volumes"])
async def test_what_is_not_in_the_outcome_cannot_be_kept(executor, tmp_path, shared):
    """Artifacts and shared directories are left elsewhere: such a container is not cacheable, and says so."""
    given = {
        "artifacts": {"artifacts": ["/out/a"], "artifacts_to": str(tmp_path / "artifacts")},
        "volumes": {"volumes": [f"{tmp_path}:/data:ro"]},
    }
    remembered = cached(type(executor()), MemoryOutcomes())
    with pytest.raises(ActionError, match=f"with {shared} cannot be kept") as caught:
        await remembered(image=BUSYBOX, command="touch /out/a", **given[shared]).execute()

    assert "not_cacheable" == caught.value.code


async def test_an_image_that_is_not_there_has_no_kept_outcome(executor):
    """Where the image cannot be had, that is the error, as without a cache."""
    with pytest.raises(ImageUnavailable):
        await cached(type(executor()), MemoryOutcomes())(image="circuit-breaker.test/none", pull="never").execute()
