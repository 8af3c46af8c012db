"""Images without a registry: imported from a tar archive of what this machine has."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

BUSYBOX = "circuit-breaker.test/busybox:latest"
PASSWD = b"root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


def busybox() -> str | None:
    """The statically linked busybox of this machine, or None."""
    program = shutil.which("busybox", path="/bin:/usr/bin")
    return program if program is not None and b"/ld-" not in Path(program).read_bytes()[:4096] else None


def tree(program: str) -> bytes:
    """A tar archive of a system in which every program is busybox."""
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("app", 0o755), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        _add(tar, "bin/busybox", Path(program).read_bytes(), 0o755)
        _add(tar, "etc/passwd", PASSWD, 0o644)
        for name in names:
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
    return archive.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def add_busybox(client: docker.APIClient, name: str = BUSYBOX, *changes: str) -> None:
    """Adds an image of busybox to an engine, with changes such as ``"USER app"``."""
    program = busybox()
    assert program is not None
    repository, _, tag = name.rpartition(":")
    client.import_image_from_data(tree(program), repository=repository, tag=tag, changes=list(changes))
