"""What the tests of the command line share: commands in this process, in an empty directory."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

from circuit_breaker.cli.program import program

ORDERS = '''
"""A workflow with everything that a command can do to a case."""

from circuit_breaker import BaseExecutor, State, Workflow, field, flow, rule, states

packed = State("packed", message="It is packed up.")
new, paid, packed, sent, broken, lost = states("new", "paid", packed, "sent", "broken", "lost")


class Label(BaseExecutor):
    name: str

    def execute_internal(self, context):
        self.execution.progress(0.5, "half a label")
        self.execution.log("printing")
        return {"label": f"to {self.name}"}


@rule("worth sending")
def worth_sending(token):
    return token.data.get("amount", 0) > 0


def wrap(token):
    return {"wrapped": True}


def fail(token):
    raise RuntimeError("the box is too small")


orders = Workflow(
    "orders",
    flow(new >> paid).transition("pay").on_signal("payment"),
    flow(paid >> packed).transition("pack").guard(worth_sending).execute(Label, name=field("name"), result="label"),
    flow(packed >> sent).transition("send").roles("clerk").manual(),
    flow(packed >> broken).transition("squeeze").action(fail).manual(),
    flow(packed >> lost).transition("lose").after("1h"),
)
plain = Workflow(
    "plain",
    flow(new >> paid).transition("pay").guard(field("amount") > 10).manual(),
    flow(paid >> sent).transition("send"),
)
timed = Workflow("timed", flow(new >> paid).transition("remind").after(0).action(wrap))
other = 3
'''


@attrs.frozen
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        """The one JSON document that it printed."""
        return json.loads(self.out)

    @property
    def records(self):
        """The JSON documents that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self):
        return self.document["error"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty directory to work in, with one module of workflows in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIRCUIT_BREAKER_STORAGE", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, "orders", raising=False)
    (tmp_path / "orders.py").write_text(ORDERS)
    return tmp_path


@pytest.fixture
def cb(here):
    """Runs a command; the exit code must be the one that is expected."""

    def run(*arguments: object, code: int = 0, stdin: str | None = None) -> Done:
        result = CliRunner().invoke(program, [str(argument) for argument in arguments], input=stdin)
        assert code == result.exit_code, result.output
        return Done(result.exit_code, result.stdout, result.stderr)

    return run
