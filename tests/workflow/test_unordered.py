"""What is given as a set has no order, and nothing depends on it."""

from __future__ import annotations

import subprocess
import sys

from circuit_breaker import Workflow, flow, states

PROGRAM = """
from circuit_breaker import Workflow, flow, states
a, b = states("a", "b")
def act(token): pass
paid = flow(a >> b).transition("t").action(act).retry(retry_on={"timeout", "OSError", "busy"})
paid = paid.roles(*{"ann", "bob", "eve"})
print(Workflow("w", paid).version)
"""


def test_a_version_does_not_depend_on_the_order_of_a_set():
    """A program that is started again, with another seed for hashes, has the same version of the same definition."""
    versions = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3", "4")
    }

    assert 1 == len(versions)


def test_roles_and_codes_are_the_same_in_any_order():
    """The order in which roles are given means nothing."""
    a, b = states("a", "b")
    one, other = (Workflow("w", flow(a >> b).transition("t").roles(*names)) for names in (("x", "y"), ("y", "x", "x")))

    assert one.version == other.version
