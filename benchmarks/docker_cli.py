"""Docker's own command line: the floor under every container, with the same limits as far as they cost something.

It starts an engine of its own, as ours does, and needs the standard library and the test services only.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.timing import report
from tests.services.dockerd import running
from tests.services.images import BUSYBOX

ROUNDS = 15
LIMITS = (
    *("--network=none", "--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--memory=512m", "--memory-swap=512m", "--cpus=1", "--pids-limit=128", "--user=65534:65534"),
    *("--tmpfs=/tmp:rw,noexec,nosuid,nodev,mode=1777,size=512m", "--ulimit=nofile=1024", "--ulimit=nproc=16384"),
    *("--log-driver=local", "--log-opt=max-size=20m", "--log-opt=max-file=2", "--log-opt=compress=false"),
)


def one(address: str, word: str) -> float:
    program = shutil.which("docker", path="/usr/bin:/usr/local/bin") or "docker"
    begun = time.perf_counter()
    command = [program, "run", "--rm", *LIMITS, BUSYBOX, "echo", word]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"DOCKER_HOST": address})
    return time.perf_counter() - begun


def run() -> float:
    with running() as engine:
        one(engine.address, "warm")
        return statistics.median(one(engine.address, "hello") for _ in range(ROUNDS)) * 1e3


def many() -> float:
    with running() as engine, ThreadPoolExecutor(8) as pool:
        begun = time.perf_counter()
        list(pool.map(one, [engine.address] * 50, map(str, range(50))))
        return time.perf_counter() - begun


if __name__ == "__main__":
    report("docker-cli", {"run": ("ms", run), "many": ("s", many)})
