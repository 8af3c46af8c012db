"""The house of the design, held by reading every import and every call of the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import (
    HEAVY,
    ROOT,
    RULES,
    House,
    Rule,
    arrows_go_down,
    imports_stand_at_the_top,
    libraries_have_one_home,
    nothing_is_evaluated,
    only_the_command_line_prints,
    parse,
    pure_packages_stay_pure,
    read,
    tasks_have_owners,
    there_are_no_rings,
)


def named(rule: Rule) -> str:
    return rule.__name__


@pytest.fixture(scope="module")
def package() -> House:
    return read(Path(__file__).parent.parent / ROOT)


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_the_package_keeps_the_rule(rule, package):
    """Every module of the package keeps every rule of the house."""
    assert [] == list(rule(package))


VIOLATIONS = [
    (
        arrows_go_down,
        {"net.marking": "from circuit_breaker.rules import Rule"},
        "net imports circuit_breaker.rules.Rule",
    ),
    (arrows_go_down, {"net.marking": "from ..rules.verdict import Verdict"}, "circuit_breaker.rules.verdict.Verdict"),
    (
        arrows_go_down,
        {"rules.policy": "import circuit_breaker.net.marking"},
        "rules imports circuit_breaker.net.marking",
    ),
    (arrows_go_down, {"rules.__init__": "from .. import net"}, "rules imports circuit_breaker.net"),
    (
        arrows_go_down,
        {"workflow.case": "from circuit_breaker import Engine"},
        "workflow imports circuit_breaker.Engine",
    ),
    (
        arrows_go_down,
        {"workflow.case": "def f():\n    from circuit_breaker import engine"},
        "circuit_breaker.workflow.case:2",
    ),
    (arrows_go_down, {"engine.ports": "from circuit_breaker.storage import Memory"}, "engine imports"),
    (arrows_go_down, {"engine.x": "if TYPE_CHECKING:\n    from circuit_breaker.app import A"}, "engine imports"),
    (arrows_go_down, {"engine.ports": "from circuit_breaker.executors import BaseExecutor"}, "engine imports"),
    (arrows_go_down, {"llm.router": "from circuit_breaker.engine import Engine"}, "llm imports"),
    (arrows_go_down, {"outgoing.session": "from circuit_breaker.workflow import Case"}, "outgoing imports"),
    (arrows_go_down, {"rules.policy": "from circuit_breaker.outgoing import Session"}, "rules imports"),
    (arrows_go_down, {"agents.loop": "from circuit_breaker.workflow import Case"}, "agents imports"),
    (arrows_go_down, {"server.rest": "from circuit_breaker.engine import Engine"}, "server imports"),
    (arrows_go_down, {"client.http": "from circuit_breaker.storage import connect"}, "client imports"),
    (pure_packages_stay_pure, {"net.marking": "import asyncio"}, "imports asyncio"),
    (pure_packages_stay_pure, {"rules.policy": "from os import path"}, "imports os.path"),
    (pure_packages_stay_pure, {"rules.policy": "import threading"}, "imports threading"),
    (pure_packages_stay_pure, {"workflow.case": "from datetime import datetime\ndatetime.now()"}, "calls datetime.now"),
    (pure_packages_stay_pure, {"workflow.case": "import datetime as d\nd.date.today()"}, "calls d.date.today"),
    (pure_packages_stay_pure, {"workflow.documents": "open('a')"}, "calls open"),
    (pure_packages_stay_pure, {"workflow.documents": "import io\nio.open('a')"}, "calls io.open"),
    (pure_packages_stay_pure, {"workflow.documents": "from io import FileIO"}, "imports io.FileIO"),
    (nothing_is_evaluated, {"rules.policy": "eval('1')"}, "calls eval"),
    (nothing_is_evaluated, {"rules.policy": "exec('1')"}, "calls exec"),
    (nothing_is_evaluated, {"engine.bus": "import pickle"}, "imports pickle"),
    (nothing_is_evaluated, {"executors.step": "subprocess.run('ls', shell=True)"}, "calls subprocess.run"),
    (nothing_is_evaluated, {"executors.step": "await_(asyncio.create_subprocess_shell('ls'))"}, "subprocess_shell"),
    (tasks_have_owners, {"engine.bus": "asyncio.create_task(f())"}, "calls asyncio.create_task"),
    (tasks_have_owners, {"engine.bus": "create_task(f())"}, "calls create_task"),
    (tasks_have_owners, {"engine.bus": "self._loop.create_task(f())"}, "calls self._loop.create_task"),
    (
        tasks_have_owners,
        {"engine.bus": "asyncio.get_running_loop().create_task(f())"},
        "get_running_loop().create_task",
    ),
    (tasks_have_owners, {"engine.bus": "asyncio.ensure_future(f())"}, "calls asyncio.ensure_future"),
    (only_the_command_line_prints, {"engine.bus": "print('here')"}, "calls print"),
    (only_the_command_line_prints, {"storage.memory": "os.environ['HOME']"}, "reads os.environ"),
    (libraries_have_one_home, {"engine.bus": "import cattrs"}, "imports cattrs"),
    (libraries_have_one_home, {"engine.bus": "import sqlite3"}, "imports sqlite3"),
    (libraries_have_one_home, {"workflow.a": "import yaml", "workflow.b": "import yaml"}, "workflow.b:1: imports yaml"),
    (imports_stand_at_the_top, {"engine.bus": "def f():\n    import json"}, "imports json inside a function"),
    (
        imports_stand_at_the_top,
        {"engine.a": "", "engine.b": "def f():\n    from . import a"},
        "circuit_breaker.engine.a",
    ),
    (there_are_no_rings, {"net.a": "from . import b", "net.b": "from circuit_breaker.net.a import x"}, " -> "),
]


@pytest.mark.parametrize(
    ("rule", "sources", "fault"), VIOLATIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_violation_is_found(rule, sources, fault):
    """Each rule names the module that breaks it."""
    faults = list(rule(parse({f"{ROOT}.{name}": source for name, source in sources.items()})))

    assert len(faults) == 1
    assert fault in faults[0]


ALLOWED = [
    (
        arrows_go_down,
        {"workflow.case": "from circuit_breaker.net import Net\nfrom ..rules import Rule\nfrom .token import T"},
    ),
    (arrows_go_down, {"server.rest": "from circuit_breaker import __version__\nfrom circuit_breaker.app import start"}),
    (arrows_go_down, {"agents.bridge": "from circuit_breaker.workflow import Token"}),
    (arrows_go_down, {"llm.transport": "from circuit_breaker import outgoing\noutgoing.Session"}),
    (arrows_go_down, {"engine.actions": "from circuit_breaker.attempts import repeated"}),
    (pure_packages_stay_pure, {"rules.javascript": "import threading"}),
    (pure_packages_stay_pure, {"workflow.history": "import io\nio.StringIO()", "engine.clock": "import time"}),
    (nothing_is_evaluated, {"rules.policy": "re.compile('a')\nsubprocess.run(['ls'], shell=False)"}),
    (tasks_have_owners, {"engine.bus": "group.create_task(f())\nself._tasks.create_task(f())"}),
    (only_the_command_line_prints, {"cli.main": "print(os.environ)", "app.settings": "os.environ"}),
    (
        libraries_have_one_home,
        {"storage.sqlite": "import sqlite3", "wire": "import cattrs", "workflow.text": "import yaml"},
    ),
    (imports_stand_at_the_top, {"rules.javascript": "def f():\n    import quickjs"}),
    (
        imports_stand_at_the_top,
        {"storage.redis": "import redis", "storage.__init__": "def f():\n    from . import redis"},
    ),
    (there_are_no_rings, {"net.a": "if TYPE_CHECKING:\n    from . import b", "net.b": "from . import a"}),
]


@pytest.mark.parametrize(("rule", "sources"), ALLOWED, ids=lambda value: named(value) if callable(value) else "")
def test_what_the_design_allows_is_no_fault(rule, sources):
    """A rule lets through what the design allows."""
    assert [] == list(rule(parse({f"{ROOT}.{name}": source for name, source in sources.items()})))


FIRST_NAMES = {"Workflow", "field", "flow", "rule", "states"}


@pytest.mark.parametrize("touched", [set(), FIRST_NAMES], ids=["import circuit_breaker", "its first names"])
def test_importing_the_package_loads_nothing_heavy(touched):
    """``import circuit_breaker``, and taking the names that define a workflow, load no driver, server or provider."""
    probe = (
        "import sys, circuit_breaker as package\n"
        f"[getattr(package, name) for name in package.__all__ if name in {touched!r}]\n"
        f"sys.stdout.write(' '.join(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert not result.stdout
