"""A registry of container images with one image in it, as the distribution specification has it, in this process.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@attrs.define(slots=False)
class Registry:
    """One image: a layer, which is a tar archive, and what it says about itself."""

    layer: bytes
    port: int = 0
    asked: list[str] = attrs.field(factory=list)

    @property
    def image(self) -> str:
        return f"127.0.0.1:{self.port}/team/tool"

    @property
    def config(self) -> bytes:
        layers = {"type": "layers", "diff_ids": [digest(self.layer)]}
        system = {"architecture": "amd64", "os": "linux", "rootfs": layers, "config": {"User": "app"}}
        return json.dumps(system).encode()

    @property
    def manifest(self) -> bytes:
        def part(kind: str, content: bytes) -> dict[str, object]:
            return {"mediaType": kind, "size": len(content), "digest": digest(content)}

        layer = part("application/vnd.docker.image.rootfs.diff.tar", self.layer)
        config = part("application/vnd.docker.container.image.v1+json", self.config)
        return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).encode()

    def answer(self, path: str) -> tuple[bytes, str] | None:
        """What there is at a path, and its type."""
        self.asked.append(path)
        if path == "/v2/":
            return b"{}", "application/json"
        if path in {"/v2/team/tool/manifests/1", f"/v2/team/tool/manifests/{digest(self.manifest)}"}:
            return self.manifest, MANIFEST
        blobs = {f"/v2/team/tool/blobs/{digest(content)}": content for content in (self.layer, self.config)}
        return (blobs[path], "application/octet-stream") if path in blobs else None


@contextmanager
def serving(layer: bytes) -> Iterator[Registry]:
    """A registry that listens until the end."""
    registry = Registry(layer)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = registry.answer(self.path)
            content, kind = found or (b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', "application/json")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        registry.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
