"""``python -m benchmarks [NAME...] [--json]``: measures us and our peers in one run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks import environment
from benchmarks.registry import Row, chosen, discover, rows
from benchmarks.table import line, table

NO_PEERS = "The peers are not installed, so their columns are empty: python -m benchmarks --setup-peers"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmarks that are named, or all; answers 0, or 2 when a name is unknown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark, or how its name begins")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and stop")
    parser.add_argument("--setup-peers", action="store_true", help="make the peers' environment, then stop")
    options = parser.parse_args(arguments)
    if options.setup_peers:
        environment.set_up()
        return 0
    try:
        picked = chosen(discover(), options.names)
    except LookupError as unknown:
        parser.error(str(unknown))
    if options.list:
        print("\n".join(found.name for found in picked))
        return 0
    if not environment.installed():
        print(NO_PEERS, file=sys.stderr)
    done: list[Row] = []
    for found in picked:
        for row in rows(found, environment.measure):
            done.append(row)
            if options.json:
                print(line(row), flush=True)
    if not options.json:
        Console().print(table(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
