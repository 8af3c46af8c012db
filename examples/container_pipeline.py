"""A pipeline of containers: a text is counted in one, its report is written by another, and a third checks the sum.

Each step reads its input as JSON and has no network, no rights and little memory. A text that the first step cannot
read goes to a person. The image is made here, from the busybox of this machine, so nothing is downloaded.

It needs a Docker or Podman engine (at DOCKER_HOST, or where they usually listen) and a statically linked busybox, as
Debian's packages docker.io and busybox-static have them.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

import docker
from docker.errors import DockerException

from circuit_breaker import Case, Engine, Workflow, connect, field, flow, states, template
from circuit_breaker.executors import DockerExecutor

IMAGE = "circuit-breaker.example/busybox:latest"
PROGRAMS = ("awk", "grep", "head", "sed", "sh", "sha256sum", "sort", "tr", "uniq", "wc")

COUNT = """
text=$(cat); [ "$text" != '""' ] || { echo 'there is no text' >&2; exit 3; }
echo "$text" | tr -cs '[:alpha:]' '\\n' | tr '[:upper:]' '[:lower:]' | grep . | sort | uniq -c | sort -rn | head -n 3 |
awk 'BEGIN { printf "[" }
     { printf "%s{\\"word\\": \\"%s\\", \\"count\\": %d}", (NR > 1 ? ", " : ""), $2, $1 }
     END { print "]" }'
"""
REPORT = """
tr '{' '\\n' | awk -F '[":,}]+' '/word/ { print $3 "," $5 }' >/out/report.csv
echo "wrote the report" >&2
"""


def pipeline(container: type[DockerExecutor], folder: Path) -> Workflow:
    """Texts are counted and reported; one that cannot be read waits for a person."""
    received, counted, reported, checked, unclear = states("received", "counted", "reported", "checked", "unclear")
    return Workflow(
        "text",
        flow(received >> counted)
        .transition("count")
        .execute(container, image=IMAGE, command=["sh", "-c", COUNT], input=field("text"), memory="32m", result="words")
        .timeout(60)
        .on_failure(unclear),
        flow(counted >> reported)
        .transition("report")
        .execute(
            container,
            image=IMAGE,
            command=["sh", "-c", REPORT],
            input=field("results.words.output"),
            artifacts=["/out/report.csv"],
            artifacts_to=str(folder),
            result="report",
        ),
        flow(reported >> checked)
        .transition("check")
        .execute(
            container,
            image=IMAGE,
            command="sha256sum /data/report.csv",
            volumes=[template("{results.report.artifacts_to}:/data:ro")],
            result="sum",
        ),
        flow(unclear >> received).transition("rewrite").manual(),
    )


def build(client: docker.APIClient, busybox: str) -> None:
    """Makes the image: busybox under the names of the programs that are used."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        program = tarfile.TarInfo("bin/busybox")
        content = Path(busybox).read_bytes()
        program.size, program.mode = len(content), 0o755
        tar.addfile(program, io.BytesIO(content))
        for name in (*PROGRAMS, "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    client.import_image_from_data(archive.getvalue(), repository=IMAGE.partition(":")[0], tag="latest")


def prepared(address: str | None) -> str:
    """What is missing here, or an empty text when the image is ready."""
    busybox = shutil.which("busybox", path="/bin:/usr/bin")
    if busybox is None or b"/ld-" in Path(busybox).read_bytes()[:4096]:
        return "There is no statically linked busybox here to make an image of: apt-get install busybox-static"
    if address is None and not Path("/var/run/docker.sock").exists():
        return "There is no container engine here: apt-get install docker.io, or set DOCKER_HOST"
    try:
        client = docker.APIClient(base_url=address, version="auto")
    except DockerException as error:
        return f"No container engine answers: {error}"
    try:
        build(client, busybox)
    except DockerException as error:
        return f"The engine does not take the image: {error}"
    finally:
        client.close()
    return ""


def show(case: Case) -> None:
    """What became of a text."""
    print(f"{case.data['text']!r} is {case.state}")
    results = case.token.results
    if case.state == "checked":
        print("  the most frequent words:", results["words"]["output"])
        print("  the report:", Path(results["report"]["artifacts"]["/out/report.csv"]).read_text().split())
        print("  its sum:", results["sum"]["output"].split()[0])
    else:
        print("  because", case.history.by_type("ActionFailed")[-1].error["message"])


async def run(address: str | None, folder: Path) -> None:
    container = DockerExecutor.under(base_url=address, mounts=[folder], artifacts=[folder])
    async with Engine(pipeline(container, folder), storage=connect("memory://")) as engine:
        for text in ("To be or not to be: that is the question. To be!", ""):
            show(await engine.run(await engine.start("text", data={"text": text})))


def main() -> None:
    address = os.environ.get("DOCKER_HOST")
    if missing := prepared(address):
        print(missing)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # for the containers, which are nobody
        asyncio.run(run(address, folder))


if __name__ == "__main__":
    main()
