"""The rules of the house, each a function from the parsed modules to the faults in them."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import attrs

ROOT = "circuit_breaker"

# From the ground up: an arrow leads to an earlier name only. The facade is the package's own __init__;
# the command line, which is written as a user's program is, stands on it.
FLOORS = (
    "errors", "lazy", "invocation", "wire", "data", "source", "net", "rules", "workflow", "attempts", "outgoing", "llm",
    "engine", "storage",
    "executors", "functions", "agents", "app", "server", "client", "testing", "facade", "cli",
)  # fmt: skip

FORBIDDEN = {
    "net": {"rules"},
    "rules": {"net"},
    "invocation": {"errors", "lazy"},
    "attempts": {"wire", "net", "rules", "workflow"},
    "outgoing": {"wire", "net", "rules", "workflow"},
    "engine": {"storage", "executors", "llm", "agents", "app", "server"},
    "llm": {"workflow", "engine", "storage", "executors", "functions", "agents"},
    "agents": {"workflow"},
    "server": set(FLOORS) - {"errors", "lazy", "wire", "app"},
    "client": {"engine", "storage", "app", "server"},
}
EXCEPTIONS = {("circuit_breaker.agents.bridge", "workflow")}
"""Prefixes of modules, each with a floor that they may know all the same."""

PURE = ("errors", "wire", "data", "source", "net", "rules", "workflow")
IMPURE = {
    "asyncio", "concurrent", "glob", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "tempfile",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip
MAY = {"circuit_breaker.rules.javascript": {"concurrent", "threading", "time"}}  # a script needs its watchdog
BUFFERS = {"StringIO", "BytesIO"}  # the only part of io that does no I/O

HOMES = {
    "aiobotocore": "executors.serverless*", "asyncpg": "storage.postgres*", "cattrs": "wire", "click": "cli*",
    "docker": "executors.docker*", "mcp": "*.mcp*", "nats": "*.nats*", "numpy": "net.statespace.arrays",
    "quickjs": "rules.javascript", "redis": "storage.redis*", "rich": "cli*", "sqlite3": "storage.sqlite*",
    "tiktoken": "llm.vocabulary",
}  # fmt: skip
ONE_HOME = ("cel_expr_python", "cronsim", "jsonschema_rs", "quickjs", "re2", "tenacity", "yaml")

EXTRAS = {
    "aiobotocore", "asyncpg", "cel_expr_python", "httpx2", "mcp", "nats", "numpy", "quickjs", "re2", "redis",
    "tiktoken", "uvloop",
}  # fmt: skip
HEAVY = ("aiohttp", "click", "difflib", "docker", "jsonschema_rs", "quickjs", "rich", "sqlite3", "structlog", "yaml")
UNSAFE = {"dill", "cloudpickle", "marshal", "pickle", "shelve"}


@attrs.frozen
class Import:
    """One imported name, absolute and dotted: ``lazy`` inside a function, ``typing`` for type checkers only."""

    target: str
    line: int
    lazy: bool = False
    typing: bool = False

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]


@attrs.frozen(slots=False)
class Module:
    """One parsed source file under its dotted name."""

    name: str
    tree: ast.Module
    package: bool = False

    @property
    def floor(self) -> str:
        return floor_of(self.name)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(self._imports(self.tree, lazy=False, typing=False))

    def _imports(self, node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = typing or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, lazy, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = self._source(node)
            yield from (Import(f"{source}.{alias.name}", node.lineno, lazy, typing) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from self._imports(child, lazy=lazy, typing=typing)

    def _source(self, node: ast.ImportFrom) -> str:
        parents = self.name.split(".")
        kept = parents[: len(parents) - node.level + self.package] if node.level else []
        return ".".join([*kept, *([node.module] if node.module else [])])

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call with its function as text, such as ``"loop.create_task"``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, ast.unparse(node.func)


House = Mapping[str, Module]


def floor_of(name: str) -> str:
    """The part of the house that a dotted name belongs to; a public name of the package itself is the facade's."""
    part = name.removeprefix(ROOT).lstrip(".").partition(".")[0]
    return part if part in FLOORS else "facade"


def parse(sources: Mapping[str, str]) -> House:
    """The modules of a mapping from dotted name (ending in ``.__init__`` for a package) to source text."""
    found = {}
    for dotted, source in sources.items():
        name = dotted.removesuffix(".__init__")
        found[name] = Module(name, ast.parse(source), package=name != dotted)
    return found


def read(root: Path) -> House:
    """The modules of the package that lies in a directory."""
    files = sorted(root.rglob("*.py"))
    return parse({".".join(file.relative_to(root.parent).with_suffix("").parts): file.read_text() for file in files})


def _excepted(name: str, floor: str) -> bool:
    """Whether a module, or a package that it is in, may know a floor that its own may not."""
    return any(f"{name}.".startswith(f"{prefix}.") and floor == known for prefix, known in EXCEPTIONS)


def arrows_go_down(house: House) -> Iterator[str]:
    """An import leads to a lower floor, and never along an arrow that the design forbids."""
    for module in house.values():
        for found in module.imports:
            if found.library != ROOT or found.target == f"{ROOT}.__version__":
                continue
            here, there = module.floor, floor_of(found.target)
            upward = FLOORS.index(there) > FLOORS.index(here)
            forbidden = there in FORBIDDEN.get(here, ()) and not _excepted(module.name, there)
            if here != there and (upward or forbidden):
                yield f"{module.name}:{found.line}: {here} imports {found.target}"


def pure_packages_stay_pure(house: House) -> Iterator[str]:
    """The pure half imports no clock, randomness, task, file, socket or logger, and calls none."""
    for module in house.values():
        if module.floor not in PURE:
            continue
        impure = IMPURE - MAY.get(module.name, set())
        for found in module.imports:
            if found.library in impure or (found.target.startswith("io.") and found.target[3:] not in BUFFERS):
                yield f"{module.name}:{found.line}: imports {found.target}"
        for call, name in module.calls():
            base, _, last = name.rpartition(".")
            clock = last in {"now", "today", "utcnow"} and base.rpartition(".")[2] in {"datetime", "date"}
            if clock or name in {"open", "input"} or (base == "io" and last not in BUFFERS):
                yield f"{module.name}:{call.lineno}: calls {name}"


def nothing_is_evaluated(house: House) -> Iterator[str]:
    """No text becomes code, no bytes become objects, and no shell reads a command."""
    for module in house.values():
        yield from (f"{module.name}:{i.line}: imports {i.target}" for i in module.imports if i.library in UNSAFE)
        for call, name in module.calls():
            shell = any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in call.keywords)
            named = {"eval", "exec", "compile", "builtins.eval", "builtins.exec", "os.system", "os.popen"}
            if shell or name in named or name.endswith("create_subprocess_shell"):
                yield f"{module.name}:{call.lineno}: calls {name}"


def tasks_have_owners(house: House) -> Iterator[str]:
    """A task is started by a task group: never by asyncio's function or by the loop."""
    for module in house.values():
        for call, name in module.calls():
            base, _, last = name.rpartition(".")
            ownerless = base in {"", "asyncio"} or "loop" in base.rpartition(".")[2]
            if last == "ensure_future" or (last == "create_task" and ownerless):
                yield f"{module.name}:{call.lineno}: calls {name}"


def only_the_command_line_prints(house: House) -> Iterator[str]:
    """Printing belongs to the command line; reading the environment to it and to the settings."""
    for module in house.values():
        if module.floor == "cli":
            continue
        yield from (f"{module.name}:{call.lineno}: calls print" for call, name in module.calls() if name == "print")
        if module.name.startswith(f"{ROOT}.app.settings"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}:
                yield f"{module.name}:{node.lineno}: reads {ast.unparse(node)}"


def libraries_have_one_home(house: House) -> Iterator[str]:
    """Each outside library is imported in its own place only."""
    for library in sorted({*HOMES, *ONE_HOME}):
        users = {m.name: i.line for m in house.values() for i in m.imports if i.library == library}
        pattern = f"{ROOT}.{HOMES.get(library, '*')}"
        strangers = [name for name in users if not fnmatchcase(name, pattern)]
        extra = list(users)[1:] if library in ONE_HOME else []
        yield from (f"{name}:{users[name]}: imports {library}" for name in dict.fromkeys([*strangers, *extra]))


def imports_stand_at_the_top(house: House) -> Iterator[str]:
    """Inside a function only an optional extra, a heavy library, or our own module made for one, is imported."""
    lazy = EXTRAS | set(HEAVY)
    for module in house.values():
        for found in module.imports:
            own = house.get(found.target) or house.get(found.target.rpartition(".")[0])
            made_for_one = own is not None and any(i.library in lazy and not i.lazy for i in own.imports)
            if found.lazy and found.library not in lazy and not made_for_one:
                yield f"{module.name}:{found.line}: imports {found.target} inside a function"


def there_are_no_rings(house: House) -> Iterator[str]:
    """Modules form no ring by the imports that run."""
    graph = {}
    for module in house.values():
        targets = [i.target for i in module.imports if not i.lazy and not i.typing]
        known = (t if t in house else t.rpartition(".")[0] for t in targets)
        graph[module.name] = {name for name in known if name in house and name != module.name}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as ring:
        yield " -> ".join(ring.args[1])


Rule = Callable[[House], Iterator[str]]

RULES: tuple[Rule, ...] = (
    arrows_go_down,
    pure_packages_stay_pure,
    nothing_is_evaluated,
    tasks_have_owners,
    only_the_command_line_prints,
    libraries_have_one_home,
    imports_stand_at_the_top,
    there_are_no_rings,
)
