"""Requests to an engine: pulling images, waiting, versions; and the life of a container when others interfere."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests.exceptions

from circuit_breaker.errors import ImageUnavailable, ServiceFailed, ServiceUnavailable
from circuit_breaker.executors.docker import DockerExecutor
from circuit_breaker.executors.docker.engine import DockerEngine
from circuit_breaker.executors.docker.reading import read_container
from circuit_breaker.executors.docker.run import Run
from circuit_breaker.executors.docker.settings import DockerSettings
from circuit_breaker.executors.docker.streams import Stopped, Streams, beside
from circuit_breaker.executors.docker.transport import client_at
from circuit_breaker.executors.output import Output
from circuit_breaker.executors.secrets import Redaction
from tests.services.images import BUSYBOX, busybox, tree
from tests.services.registry import serving

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def engine(dockerd):
    with DockerEngine.open(dockerd.address, answer_within=60, redaction=Redaction()) as opened:
        yield opened
        dockerd.clear()


@pytest.mark.service("dockerd")
async def test_an_image_is_pulled_once(dockerd):
    """A missing image is pulled, and then it is there; 'always' asks the registry again; the digest is told."""
    with serving(tree(busybox())) as registry:
        kind = DockerExecutor.under(base_url=dockerd.address, registries=[f"127.0.0.1:{registry.port}"])
        outcome = await kind(image=f"{registry.image}:1", command="/bin/id -u").execute()
        asked = len(registry.asked)
        again = await kind(image=f"{registry.image}:1", command="/bin/id -u", platform="linux/amd64").execute()

        assert (65534, asked) == (outcome["output"], len(registry.asked))
        await kind(image=f"{registry.image}@{outcome['digest']}", command="/bin/id", pull="always").execute()
    assert outcome["digest"] == again["digest"]
    assert asked < len(registry.asked)


@pytest.mark.service("dockerd")
async def test_an_image_that_a_registry_does_not_have(dockerd):
    """The error says what the registry said, or that the image broke on its way."""
    with serving(tree(busybox()) + bytes(1024)) as registry:
        kind = DockerExecutor.under(base_url=dockerd.address)
        with pytest.raises(ImageUnavailable, match="manifest unknown"):
            await kind(image=f"{registry.image}:2").execute()
        registry.answer = broken(registry)
        with pytest.raises(ImageUnavailable, match="cannot be pulled"):
            await kind(image=f"{registry.image}:1").execute()


def broken(registry):
    """The answers of a registry whose layers are not what they are called."""
    right = registry.answer

    def answer(path):
        found = right(path)
        return (b"something else", found[1]) if found and "/blobs/" in path else found

    return answer


@pytest.mark.service("dockerd")
def test_waiting_has_an_end(engine, dockerd):
    """A container that still runs has no exit code yet; one that was removed is an error."""
    identity = engine.create({"Image": BUSYBOX, "Cmd": ["sleep", "60"]}, name="waiting", platform=None)
    engine.start(identity)

    assert engine.wait(identity, 0.1) is None
    engine.remove(identity)
    engine.remove(identity)
    with pytest.raises(ServiceFailed):
        engine.wait(identity, 0.1)


class Newer(BaseHTTPRequestHandler):
    """An engine that no longer speaks the oldest version that we do."""

    def do_GET(self):
        told = {"ApiVersion": "1.47", "MinAPIVersion": "1.44"} if self.path == "/version" else {"message": self.path}
        content = json.dumps(told).encode()
        self.send_response(200 if self.path == "/version" else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_DELETE(self):
        """Somebody else removes the container already, or it cannot be removed; or the engine breaks off."""
        if not self.path.startswith("/v1.47/containers/gone"):
            self.send_response(409 if "busy" in self.path else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def newer():
    with ThreadingHTTPServer(("127.0.0.1", 0), Newer) as server, beside(server.serve_forever):
        try:
            address = f"tcp://127.0.0.1:{server.server_port}"
            with DockerEngine.open(address, answer_within=60, redaction=Redaction()) as opened:
                yield opened
        finally:
            server.shutdown()


def test_a_removal_that_somebody_else_has_begun_is_no_error(newer):
    """A conflict is as good as done; a refusal, and an engine that breaks off, are errors."""
    newer.remove("busy")
    with pytest.raises(ServiceFailed):
        newer.remove("stuck")
    with pytest.raises(ServiceUnavailable, match="no answer from the container engine"):
        newer.remove("gone")


def test_an_engine_that_wants_a_newer_version_gets_it(newer):
    """The oldest version that we speak is used, unless the engine no longer does."""
    assert newer.image("a") is None
    with pytest.raises(ServiceFailed, match=r"/v1\.47/containers/json"):
        newer.containers("a")


class FakeEngine:
    """An engine in which somebody else is always faster."""

    def __init__(self, found=None, conflicts=99, status=409):
        self.found = found
        self.conflicts = conflicts
        self.status = status
        self.removed = []

    def create(self, document, *, name, platform):
        self.conflicts -= 1
        if self.conflicts >= 0:
            raise ServiceFailed("taken", status=self.status)
        return "new"

    def container(self, name):
        return self.found

    def unmark(self, name):
        """Nothing is marked."""

    def remove(self, identity):
        self.removed.append(identity)


@pytest.fixture
def run():
    """Makes runs of which only the beginning is looked at."""
    loop = asyncio.new_event_loop()

    def made(engine):
        values = DockerExecutor.executor_config.read({"image": "a"})[0]
        container = read_container(values, DockerSettings())[0]
        streams = Streams(Output("stdout", print), Output("stderr", print), loop)
        return Run(
            engine=engine,
            name="a",
            container=container,
            document={},
            found=None,
            streams=streams,
            harvest=dict,
            check=lambda: None,
            most_written=1,
            began=print,
        )

    yield made
    loop.close()


def test_a_container_that_somebody_else_was_faster_to_create_is_joined(run):
    """The name is taken: whoever has it does the same work, and is joined when it runs."""
    found = {"Id": "theirs", "State": {"Status": "running"}}
    joined = run(FakeEngine(found))

    assert "theirs" == joined._created()
    assert found == joined.found


def test_a_name_that_is_free_again_is_taken(run):
    """The container that had the name is gone before it can be joined."""
    assert "new" == run(FakeEngine(conflicts=2))._created()


@pytest.mark.parametrize(("status", "words"), [(409, "the name of the container, 'a', is taken"), (500, "taken")])
def test_a_container_that_cannot_be_created(run, monkeypatch, status, words):
    """A name that stays taken by something that does not run is an error, as every other refusal is."""
    monkeypatch.setattr("circuit_breaker.executors.docker.run._TRIES", 2)

    with pytest.raises(ServiceFailed, match=words):
        run(FakeEngine({"Id": "theirs", "State": {"Status": "exited"}}, status=status)).work()


def test_a_run_that_was_stopped_before_it_began_does_nothing(run):
    """No container is created for somebody who has gone."""
    engine = FakeEngine(conflicts=0)
    stopped = run(engine)
    stopped.stop()

    with pytest.raises(Stopped):
        stopped.work()
    assert [] == engine.removed


@pytest.mark.parametrize(("ended", "counts"), [("00:00:10", 0.0), ("02:00:00", 7200.0)])
def test_the_time_of_a_container_is_that_in_which_it_ran(run, ended, counts):
    """One that ended in its time, which is an hour here, is no timeout, whenever it is found; one that ran on is."""
    state = {"Status": "exited", "StartedAt": "2020-01-01T00:00:00Z", "FinishedAt": f"2020-01-01T{ended}Z"}

    assert counts == run(FakeEngine())._running_for(state)
    assert run(FakeEngine())._running_for({**state, "Status": "running"}) > 3600


def test_output_for_a_loop_that_is_gone_stops_the_run(run):
    """A thread that outlives its event loop does not go on reading."""
    loop = asyncio.new_event_loop()
    streams = Streams(Output("stdout", str), Output("stderr", str), loop)
    loop.close()

    with pytest.raises(Stopped):
        streams.take(1, b"a\n")


def test_a_reader_waits_for_a_loop_that_is_behind():
    """Nothing is read ahead of an event loop that does not come to it; when that is stopped, the reader ends."""
    loop = asyncio.new_event_loop()
    seen = []
    streams = Streams(Output("stdout", seen.append), Output("stderr", seen.append), loop)
    raised = []

    def read():
        try:
            for number in range(100):
                streams.take(1, b"%d\n" % number)
        except Stopped as stopped:
            raised.append(stopped)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join(0.5)
    behind = len(seen)
    streams.stop()
    thread.join(5)
    loop.close()

    assert 1 < behind < 20
    assert 1 == len(raised)


def test_an_error_beside_the_work_is_raised_when_it_is_done():
    """What goes wrong in the other thread is not lost."""
    with pytest.raises(ZeroDivisionError), beside(lambda: 1 / 0):
        pass


def test_a_socket_that_nobody_answers_is_closed_at_once(tmp_path):
    """No socket is left to the garbage collector when an engine went away between two requests."""
    client = client_at(f"unix://{tmp_path / 'gone.sock'}", version="1.41", timeout=1)
    before = len([*Path("/proc/self/fd").iterdir()])
    errors = []
    for _ in range(3):
        with pytest.raises(requests.exceptions.ConnectionError) as refused:
            client.ping()
        errors.append(refused)  # its frames would keep a socket alive
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    client.close()
