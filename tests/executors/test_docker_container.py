"""What a definition may ask of a container, and what the engine is asked to create; without an engine."""

from __future__ import annotations

import shlex
import socket
import string
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import ExecutorInvalid, ParameterInvalid
from circuit_breaker.executors.docker import DockerExecutor
from circuit_breaker.executors.docker.document import creation, name_of
from circuit_breaker.executors.docker.image import Image, Reference
from circuit_breaker.executors.docker.mounts import Unusable
from circuit_breaker.executors.docker.reading import read_container
from circuit_breaker.executors.docker.run import is_leftover, moment
from circuit_breaker.executors.docker.settings import DockerSettings, size
from circuit_breaker.executors.secrets import secret

ROOTLESS = Image("sha256:1", "sha256:2", "1000:1000")


def values_of(**parameters):
    return DockerExecutor.executor_config.read({"image": "tool", **parameters})[0]


def container_of(settings=None, **parameters):
    container, faults = read_container(values_of(**parameters), settings or DockerSettings())
    assert [] == faults
    return container


def faults_of(settings=None, **parameters):
    return [str(fault) for fault in read_container(values_of(**parameters), settings or DockerSettings())[1]]


def document_of(settings=None, image=ROOTLESS, podman=False, **parameters):
    settings = settings or DockerSettings()
    container = container_of(settings, **parameters)
    return creation(container, image, settings=settings, environment={"A": "1"}, labels={"l": "1"}, podman=podman)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_a_command_line_is_split_as_a_shell_would(words):
    """ZA23: a text becomes the words that a shell would make of it, whatever they hold; a list is taken as it is."""
    assert tuple(words) == container_of(command=shlex.join(words)).command == container_of(command=words).command


def test_a_command_never_reaches_a_shell():
    """ZA23: what means something to a shell is a word like any other."""
    assert ("echo", "$(id)", "`id`", ";", "rm", "*", "&&", ">x") == container_of(
        command="echo '$(id)' '`id`' ';' rm * && >x"
    ).command


NAME = st.from_regex(r"[a-z0-9]{1,8}([._-][a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(
    registry=st.sampled_from(["", "localhost:5000/", "registry.example/", "127.0.0.1:8080/"]),
    path=st.lists(NAME, min_size=1, max_size=3),
    tag=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
)
def test_the_name_of_an_image_is_read(registry, path, tag):
    """B1: an image is named as everywhere: registry, path, tag; without a tag the latest is meant."""
    name = registry + "/".join(path)
    assert (name, tag) == (Reference.read(f"{name}:{tag}").name, Reference.read(f"{name}:{tag}").tag)
    assert "latest" == Reference.read(name).tag


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("nginx:latest", "docker.io/library/nginx"),
        ("team/tool", "docker.io/team/tool"),
        ("localhost/tool", "localhost/tool"),
        ("registry.example:5000/a/b:1", "registry.example:5000/a/b"),
        ("tool@sha256:" + "0" * 64, "docker.io/library/tool"),
        ("sha256:" + "0" * 64, ""),
    ],
)
def test_the_registry_of_an_image_is_known(text, full):
    """What an operator allows is compared with the full name."""
    assert full == Reference.read(text).full_name


@pytest.mark.parametrize("text", ["Nginx", "a b", "a:b:c", "../a", "a/", "-a", "a:", "a@sha256:1", "a\n", "a;rm -rf"])
def test_a_name_that_is_none_is_a_fault(text):
    """B1: a name that no image can have is refused before anything runs, with the parameter and a remedy."""
    assert [f"parameter 'image': {text!r} is no name of an image (write it as"] == [
        fault[: fault.index(" 'python")] for fault in faults_of(image=text)
    ]


def test_everything_that_is_wrong_is_told_at_once():
    """A5, A13: every parameter that the operator does not allow, or that makes no sense, is named with a remedy."""
    with pytest.raises(ParameterInvalid) as error:
        DockerExecutor(
            image="A",
            command="echo 'open",
            environment={"A=B": "1"},
            volumes=["/etc:/etc"],
            working_dir="here",
            user="root",
            network="host",
            memory="lots",
            cpus=64,
            pids=0,
            timeout=1e9,
            labels={"circuit-breaker.key": "x"},
            platform="Linux!",
            input_file="/x",
            output_file="/tmp/x",  # noqa: S108 - in a container
            max_output=10**12,
            artifacts=["../x"],
            artifacts_to="/",
        ).check()

    assert [
        *("image", "command", "environment", "volumes", "working_dir", "user", "network", "memory", "cpus", "pids"),
        *("timeout", "labels", "platform", "input_file", "output_file", "max_output", "artifacts", "artifacts_to"),
    ] == [fault.place.split("'")[1] for fault in error.value.faults]
    assert all(fault.remedy for fault in error.value.faults)


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"input_file": "/in/x"}, "parameter 'input_file': is where the input goes, and there is none"),
        ({"artifacts": ["/out/x"]}, "parameter 'artifacts': and 'artifacts_to' belong together"),
        (
            {"artifacts": ["/a/r", "/b/r"], "artifacts_to": "/"},
            "parameter 'artifacts': '/b/r' has the name of another",
        ),
        ({"output": "none", "output_file": "/out/x"}, "parameter 'output_file': is given, and output is 'none'"),
        ({"command": ["a\0b"]}, "parameter 'command': holds a NUL character"),
        ({"environment": {"A": "\0"}}, "parameter 'environment': A holds a NUL character"),
        ({"environment": {"A": object()}}, "parameter 'environment': A is no JSON"),
        ({"input": object()}, "parameter 'input': is no JSON"),
        ({"user": "a b"}, "parameter 'user': 'a b' is no user"),
        ({"user": "00"}, "parameter 'user': '00' is root"),
        ({"user": "1000:0"}, "parameter 'user': '1000:0' is root"),
        ({"user": "app"}, "parameter 'user': 'app' may be root in the image"),
        ({"user": "1000:staff"}, "parameter 'user': '1000:staff' may be root in the image"),
        ({"memory": "1k"}, "parameter 'memory': '1k' is out of bounds"),
        ({"volumes": ["data"]}, "parameter 'volumes': 'data' is no volume"),
        ({"volumes": ["data:/data:xx"]}, "parameter 'volumes': 'data:/data:xx' is no volume"),
        ({"volumes": ["data:/data"]}, "parameter 'volumes': 'data' is no named volume that the operator allows"),
        ({"volumes": ["./x:/data"]}, "parameter 'volumes': './x' is no absolute path"),
        ({"working_dir": "/proc/1"}, "parameter 'working_dir': '/proc/1' belongs to the system"),
        ({"output_file": "/x"}, "parameter 'output_file': '/x' is gone when the program has ended"),
    ],
)
def test_a_contradiction_is_a_fault(parameters, fault):
    """A5: what cannot be is told with the parameter and the value."""
    faults = faults_of(DockerSettings(artifacts=["/"]), **parameters)

    assert 1 == len(faults)
    assert faults[0].startswith(fault)


def test_a_pull_that_is_not_allowed_is_a_fault():
    """The operator says whether images are pulled, and from where."""
    local, ours = DockerSettings(pulls=False), DockerSettings(registries=["registry.example/team"])

    assert "the operator allows no pulling" in faults_of(local, pull="always")[0]
    assert "'docker.io/library/tool' may not be pulled" in faults_of(ours, pull="always")[0]
    assert [] == faults_of(ours, image="registry.example/team/tool", pull="always")
    assert ours.may_pull("registry.example/team/tool")
    assert not ours.may_pull("registry.example/teams/tool")


def test_volumes_lie_below_what_the_operator_allows(tmp_path):
    """B1: a host path is followed through its symbolic links, and must then lie below an allowed directory."""
    allowed, secret_place = tmp_path / "allowed", tmp_path / "secret"
    for folder in (allowed / "data", secret_place):
        folder.mkdir(parents=True)
    (allowed / "escape").symlink_to(secret_place)
    (allowed / "inside").symlink_to(allowed / "data")
    settings = DockerSettings(mounts=[allowed], volumes=["cache"])

    container = container_of(settings, volumes=[f"{allowed}/inside:/data:ro", f"{allowed}:/all", "cache:/cache"])
    assert [(str(allowed / "data"), True), (str(allowed), False), ("cache", False)] == [
        (volume.source, volume.read_only) for volume in container.volumes
    ]
    for outside in (
        secret_place,
        allowed / "escape",
        f"{allowed}/../secret",
        "/",
        f"{allowed}x",
        f"{allowed}/escape/no",
    ):
        assert "lies outside of what the operator allows" in faults_of(settings, volumes=[f"{outside}:/x"])[0]
    assert "make it first" in faults_of(settings, volumes=[f"{allowed}/no:/x"])[0]
    assert "there are two at '/x'" in faults_of(settings, volumes=[f"{allowed}:/x", "cache:/x"])[0]
    assert "lies in a volume" in faults_of(settings, volumes=["cache:/c"], input=1, input_file="/c/x")[0]


def test_no_container_gets_the_socket_of_an_engine(tmp_path):
    """Who controls the engine controls the machine: neither its socket nor a directory above it is mounted."""
    settings = DockerSettings(mounts=["/"], base_url=f"unix://{tmp_path}/own.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "other.sock"))
        for path in ("/var/run/docker.sock", "/run", "/", tmp_path, tmp_path / "other.sock"):
            assert "no container may control the engine" in faults_of(settings, volumes=[f"{path}:/x"])[0]


def test_a_container_is_secure_unless_more_is_asked_for():
    """B1: no network, no capabilities, no new privileges, a root it cannot write to, and a limit to everything."""
    document = document_of()
    host = document["HostConfig"]

    assert ("none", True, True, ["ALL"], ["no-new-privileges"]) == tuple(
        host[name] for name in ("NetworkMode", "Init", "ReadonlyRootfs", "CapDrop", "SecurityOpt")
    )
    assert (512 * 2**20, 512 * 2**20, 10**9, 128) == tuple(
        host[name] for name in ("Memory", "MemorySwap", "NanoCpus", "PidsLimit")
    )
    assert {"nofile", "nproc", "fsize", "core"} == {limit["Name"] for limit in host["Ulimits"]}
    assert "noexec,nosuid,nodev" in host["Tmpfs"]["/tmp"]  # noqa: S108 - in the container
    assert {"max-size", "max-file"} <= host["LogConfig"]["Config"].keys()
    assert not host["Mounts"]
    assert not {"Privileged", "Devices", "Binds", "PidMode", "AutoRemove", "Runtime"} & host.keys()
    assert "1000:1000" == document["User"]
    assert "OpenStdin" in document
    assert not document["OpenStdin"]


@pytest.mark.parametrize("user", ["", "0", "00", "root", "0:0", "root:root", "app", "app:app", "1000:0", "0:5", "7:x"])
def test_an_image_of_root_runs_as_nobody(user):
    """B1: where the image says root, a name (it may mean root) or nothing, nobody runs, unless the author says whom."""
    image = Image("sha256:1", "sha256:1", user)

    assert "65534:65534" == document_of(image=image)["User"]
    assert "1000:1000" == document_of(image=image, user="1000")["User"]
    assert "1000:5" == document_of(image=image, user="1000:5")["User"]
    assert "root" == document_of(DockerSettings(allow_root=True), image=image, user="root")["User"]


def test_an_operator_may_trust_the_names_of_images():
    """B1: a name, or root's group, counts where the operator allows root; an image of root runs as nobody even then."""
    trusting = DockerSettings(allow_root=True)
    users = {
        user: document_of(trusting, Image("sha256:1", "sha256:1", user))["User"] for user in ("app", "7:0", "root")
    }

    assert {"app": "app", "7:0": "7:0", "root": "65534:65534"} == users


def test_a_number_without_a_group_has_that_of_the_same_number():
    """B1: what group the image gives to a user does not count, since it may be root's."""
    assert "1000:1000" == document_of(image=Image("sha256:1", "sha256:1", "1000"))["User"]


def test_a_way_to_a_volume_that_changed_is_refused(tmp_path):
    """B1: who put a link in place of a directory, after it was allowed, gets nothing mounted."""
    (tmp_path / "data").mkdir()
    (tmp_path / "other").mkdir()
    settings = DockerSettings(mounts=[tmp_path], volumes=["cache"])
    container = container_of(settings, volumes=[f"{tmp_path}/data:/data", "cache:/cache"])
    for volume in container.volumes:
        volume.check(settings)
    (tmp_path / "data").rmdir()
    for elsewhere, words in (("other", "leads elsewhere by now"), ("..", "outside of what the operator allows")):
        (tmp_path / "data").symlink_to(tmp_path / elsewhere)
        with pytest.raises(Unusable, match=words):
            container.volumes[0].check(settings)
        (tmp_path / "data").unlink()


def test_what_is_asked_for_is_in_the_document():
    """B1, F2: image, command, environment, working directory and resources are those of the parameters."""
    settings = DockerSettings(networks=["none", "bridge"], runtime="runsc", volumes=["cache"])
    document = document_of(
        settings,
        command="run --fast",
        entrypoint=["/tool"],
        working_dir="/app",
        memory="64m",
        cpus=0.5,
        pids=9,
        network="bridge",
        labels={"team": "a"},
        input={"a": 1},
        volumes=["cache:/cache:ro"],
        output_file="/out/x",
    )
    host = document["HostConfig"]

    assert ("sha256:1", ["run", "--fast"], ["/tool"], ["A=1"], "/app", {"team": "a", "l": "1"}) == tuple(
        document[name] for name in ("Image", "Cmd", "Entrypoint", "Env", "WorkingDir", "Labels")
    )
    assert (64 * 2**20, 5 * 10**8, 9, "bridge", "runsc", False) == tuple(
        host[name] for name in ("Memory", "NanoCpus", "PidsLimit", "NetworkMode", "Runtime", "ReadonlyRootfs")
    )
    assert [{"Type": "volume", "Source": "cache", "Target": "/cache", "ReadOnly": True}] == host["Mounts"]
    assert document["StdinOnce"]
    assert "k8s-file" == document_of(podman=True)["HostConfig"]["LogConfig"]["Type"]


def test_the_environment_holds_texts_secrets_and_json():
    """B1: a value that is no text is given as JSON; a reference to a secret stays one."""
    environment = {"A": "x", "B": 1, "C": {"d": [True, None]}, "D": secret("KEY")}

    assert {"A": "x", "B": "1", "C": '{"d":[true,null]}', "D": secret("KEY")} == dict(
        container_of(environment=environment).environment
    )


def test_directories_of_files_are_made_unless_they_are_shared():
    """B1: a file of the output has a directory to be written to; one in a volume has its own."""
    settings = DockerSettings(volumes=["cache"], artifacts=["/"])
    container = container_of(
        settings,
        volumes=["cache:/cache"],
        output_file="/out/a",
        artifacts=["/out/b", "/cache/c", "/deep/er/d"],
        artifacts_to="/",
    )

    assert ("/out", "/deep/er") == container.directories
    assert container.is_shared(PurePosixPath("/cache/x/y"))


@given(st.text(string.printable, max_size=20), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_the_same_work_has_the_same_name(key, parameters):
    """The name of a container says which work it is of, and no other work has it."""
    name = name_of("E", key, parameters)

    assert name == name_of("E", key, dict(reversed(parameters.items())))
    assert 4 == len(
        {name, name_of("F", key, parameters), name_of("E", key + "x", parameters), name_of("E", key, {"": 0.5})}
    )
    assert PurePosixPath(name).name == name


@pytest.mark.parametrize(
    ("text", "bytes_"), [("1", 1), (7, 7), ("512m", 2**29), ("1.5 GiB", 3 * 2**29), ("2K", 2048), ("1tb", 2**40)]
)
def test_a_size_is_read(text, bytes_):
    """Units are powers of 1024."""
    assert bytes_ == size(text)


@pytest.mark.parametrize("text", ["", "m", "0", "-1", 0, True, None, 1.5, "1x", "1 2"])
def test_a_size_that_is_none_is_refused(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is no size"):
        size(text)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("base_url", "ssh://host"),
        ("mounts", ["relative"]),
        ("artifacts", "/surely/not/there"),
        ("max_memory", "lots"),
        ("max_cpus", 0),
        ("max_pids", 1.5),
        ("concurrency", 0),
        ("max_time", True),
    ],
)
def test_a_wrong_setting_is_refused(setting, value):
    """The operator is told which setting is wrong, and how."""
    with pytest.raises(ExecutorInvalid, match=f"setting '{setting}'"):
        DockerExecutor.under(**{setting: value})


STATES = [
    ("running", 0, 1, False),
    ("running", 0, 2, False),
    ("paused", 0, 2, False),
    ("created", 0, 1, True),
    ("exited", 0, 2, False),
    ("exited", 1, 1, False),
    ("exited", 1, 2, True),
    ("dead", 1, 2, True),
]


@pytest.mark.parametrize(("status", "exit_code", "attempt", "leftover"), STATES)
def test_a_container_of_the_same_work_is_joined_or_of_no_use(status, exit_code, attempt, leftover):
    """One that runs, or ended while nobody watched, is used; one that never began or failed an attempt is not."""
    found = {"State": {"Status": status, "ExitCode": exit_code}}

    assert leftover is is_leftover(found, attempt)


def test_times_of_engines_are_read():
    """Docker writes nanoseconds and UTC, Podman an offset; what has not been is 0."""
    assert 1.5 == moment("1970-01-01T00:00:01.500000000Z") == moment("1970-01-01T01:00:01.500000000+01:00")
    assert 0 == moment("0001-01-01T00:00:00Z")
