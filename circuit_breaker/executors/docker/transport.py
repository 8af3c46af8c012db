"""The engine's socket in the file system, as requests reach it: a connection that fails leaves nothing open."""

from __future__ import annotations

import socket
from typing import Any

import docker
from docker.transport import unixconn

__all__ = ["client_at"]


class _Connection(unixconn.UnixHTTPConnection):
    def connect(self) -> None:
        """Connects; the library's own leaves its socket to the garbage collector where nobody answers."""
        found = socket.socket(socket.AF_UNIX)
        try:
            found.settimeout(self.timeout)
            found.connect(self.unix_socket)
        except BaseException:
            found.close()
            raise
        self.sock = found


class _Pool(unixconn.UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        return _Connection(self.base_url, self.socket_path, self.timeout)  # type: ignore[arg-type]  # seconds


class _Adapter(unixconn.UnixHTTPAdapter):
    def get_connection(self, url: Any, proxies: Any = None) -> Any:  # noqa: ARG002  # a local socket has no proxy
        with self.pools.lock:
            if url not in self.pools:
                self.pools[url] = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
            return self.pools[url]


def client_at(address: str, *, version: str, timeout: float) -> Any:  # of some methods there are no types
    """The library's client for an engine's address, such as ``"unix:///run/docker.sock"``; to be closed."""
    client = docker.APIClient(base_url=address, version=version, timeout=timeout)  # type: ignore[arg-type]
    if address.startswith("unix://"):
        client.mount("http+docker://", _Adapter("http+" + address, timeout))  # type: ignore[arg-type]
    return client
