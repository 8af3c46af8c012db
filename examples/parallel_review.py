"""A program is read by three reviewers at once, and goes on when all of them are done.

A split gives each branch the data as it was. The join waits for every branch and unites what they found: different keys
by itself, the list of remarks, to which all of them add, by a function.
"""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from circuit_breaker import Engine, Token, Workflow, connect, field, flow, states

LONGEST_LINE, LONGEST_FUNCTION, LEAST_DOCUMENTED = 120, 15, 0.3

submitted, layout, documentation, functions = states("submitted", "layout", "documentation", "functions")
layout_read, documentation_read, functions_read = states("layout_read", "documentation_read", "functions_read")
reviewed, accepted, sent_back = states("reviewed", "accepted", "sent_back")


def read_layout(token: Token) -> dict[str, Any]:
    """How long the longest line is."""
    lines = Path(token.data["file"]).read_text(encoding="utf-8").splitlines()
    remarks = [f"line {n} has {len(line)} characters" for n, line in enumerate(lines, 1) if len(line) > LONGEST_LINE]
    return {"longest_line": max(map(len, lines), default=0), "remarks": remarks}


def read_documentation(token: Token) -> dict[str, Any]:
    """Which share of the functions and classes says what it is for."""
    tree = ast.parse(Path(token.data["file"]).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    silent = [node.name for node in found if not ast.get_docstring(node)]
    share = 1 - len(silent) / len(found) if found else 1.0
    return {"documented": round(share, 2), "remarks": [f"{name} has no docstring" for name in silent]}


async def read_functions(token: Token) -> dict[str, Any]:
    """How long the longest function is."""
    tree = ast.parse(await asyncio.to_thread(Path(token.data["file"]).read_text, encoding="utf-8"))
    sizes = {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    remarks = [f"{name} has {size} lines" for name, size in sizes.items() if size > LONGEST_FUNCTION]
    return {"longest_function": max(sizes.values(), default=0), "remarks": remarks}


def united(tokens: Sequence[Token]) -> dict[str, Any]:
    """The data of all branches, with the remarks of all of them."""
    remarks = [remark for token in tokens for remark in token.data["remarks"]]
    return {key: value for token in tokens for key, value in token.data.items()} | {"remarks": remarks}


good_enough = (field("documented") >= LEAST_DOCUMENTED) & (field("longest_line") <= LONGEST_LINE)

parallel_review = Workflow(
    "parallel_review",
    flow(submitted >> (layout, documentation, functions)).transition("hand_out"),
    flow(layout >> layout_read).transition("read_layout").action(read_layout),
    flow(documentation >> documentation_read).transition("read_documentation").action(read_documentation),
    flow(functions >> functions_read).transition("read_functions").action(read_functions),
    flow((layout_read, documentation_read, functions_read) >> reviewed).transition("collect").merge(united),
    flow(reviewed >> accepted).transition("accept").guard(good_enough),
    flow(reviewed >> sent_back).transition("send_back").priority(-1),
    initial=submitted,
)


async def main() -> None:
    async with Engine(parallel_review, storage=connect("memory://")) as engine:
        for file in map(Path, sys.argv[1:] or sorted(Path(__file__).parent.glob("*.py"))):
            case = await engine.run(await engine.start("parallel_review", data={"file": str(file), "remarks": []}))
            data = case.data
            print(f"{file.name}: {case.state}, {data['documented']:.0%} documented, {len(data['remarks'])} remarks")
            print(*(f"  {remark}\n" for remark in data["remarks"][:3]), sep="", end="")


if __name__ == "__main__":
    asyncio.run(main())
