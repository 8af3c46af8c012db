"""The command ``verify``."""

from __future__ import annotations

import json
from html import unescape

import jsonschema_rs
import pytest

from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.pnml import PetriNet, to_pnml
from circuit_breaker.workflow.verification import KINDS

DEFINITIONS = """
from circuit_breaker import Workflow, field, flow, rule, states

a, b, c, d, e, f = states("a", "b", "c", "d", "e", "f")


@rule("lucky")
def lucky(token):
    return token.data["number"] == 7


sound = Workflow("sound", flow(a >> b).transition("go").manual())
lost = Workflow(
    "lost",
    flow(a >> b).transition("left").manual(),
    flow(a >> c).transition("right").manual(),
    flow((b, c) >> d).transition("join"),
)
perhaps = Workflow("perhaps", flow(a >> b).transition("go").guard(lucky))
both = Workflow(
    "both",
    flow(a >> (b, c)).transition("split"),
    flow(b >> d).transition("left").action(lambda token: {}),
    flow(c >> e).transition("right").action(lambda token: {}),
    flow((d, e) >> f).transition("join"),
)
order = Workflow(
    "order",
    flow(a >> b).transition("high").guard(field("score") >= 5),
    flow(a >> c).transition("low").guard(field("score") <= 5),
)
"""


@pytest.fixture(autouse=True)
def definitions(here):
    (here / "work.py").write_text(DEFINITIONS)


@pytest.mark.parametrize(
    ("target", "code", "shown"),
    [
        (("work.py:sound",), 0, "✓ sound is sound (2 markings, 1 edge)"),
        (("work.py:both",), 0, "✓ both is sound if no two branches set the same key differently before 'join' (6 m"),
        (("work.py:both", "--strict"), 2, "is sound if"),
        (("work.py:lost",), 1, "'join' waits for a token in 'c'"),
        (("work.py:perhaps",), 2, "? perhaps is not decided: perhaps a case"),
        (("work.py:sound", "--limit", 1), 2, "not decided within 1 markings"),
        (("work.py:sound", "--time", 0), 2, "not decided within the time given"),
        (("work.py:order",), 0, "decided-by-order"),
        (("work.py:order", "--strict"), 1, "warning [decided-by-order]"),
        (("work.py:sound", "--property", "never(b)"), 1, "never(b) does not hold"),
    ],
)
def test_the_exit_code_is_the_verdict(cb, target, code, shown):
    """0 is sound, 1 is not, 2 is not decided."""
    result = cb("verify", *target, code=code)

    assert shown in result.out


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("missing.yaml", "cannot be read"),
        ("missing.pnml", "cannot be read"),
        ("work.py:gone", "has no 'gone'"),
        ("broken.pnml", "broken.pnml"),
        ("broken.yaml", "broken.yaml"),
    ],
)
def test_what_is_wrong_is_told(cb, here, target, told):
    """Bad input is 3, whatever is wrong with it."""
    (here / "broken.pnml").write_text("<pnml")
    (here / "broken.yaml").write_text("transitions: 3")

    assert told in cb("verify", target, code=3).err


def test_a_property_that_says_nothing_is_bad_input(cb):
    """With how to write one, or with the names that there are."""
    assert "write never(a, b)" in cb("verify", "work.py:sound", "--property", "nothing", code=3).err
    assert "no state or transition 'x'" in cb("verify", "work.py:sound", "--property", "never(x)", code=3).err


def test_programs_read_it(cb):
    """Verdict, markings, edges, and findings with their ways."""
    found = cb("verify", "work.py:lost", "--json", code=1).document

    assert ("lost", "not sound", False) == (found["workflow"], found["verdict"], found["sound"])
    assert (3, 2) == (found["markings"], found["edges"])
    assert ["left"] == found["findings"][0]["counterexample"]["transitions"]


def test_code_hosts_read_it(cb):
    """SARIF has a rule for each kind of finding, and each finding where it is written, with its way."""
    run = cb("verify", "work.py:lost", "--sarif", code=1).document["runs"][0]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]

    assert set(KINDS) == {each["id"] for each in run["tool"]["driver"]["rules"]}
    assert ("starved-join", "error", "work.py", 17) == (
        result["ruleId"], result["level"], place["artifactLocation"]["uri"], place["region"]["startLine"],
    )  # fmt: skip
    (step,) = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert "left" in step["location"]["message"]["text"]


def test_a_net_is_verified(cb, here):
    """A net in PNML; its tokens have arrived where nothing leads on."""
    net = Net(("p", "q", "r"), (NetTransition("go", (Arc("p"), Arc("q")), (Arc("r"),)),))
    (here / "net.pnml").write_text(to_pnml(PetriNet(net, {"p": 1}, name="net")))

    assert "net is not sound" in cb("verify", "net.pnml", code=1).out


def test_documents_are_verified(cb, here):
    """A definition in YAML; its findings are where they are written."""
    (here / "work.yaml").write_text(
        "circuit_breaker: 1\nname: w\nstates: [a, b]\n"
        "transitions:\n  - name: go\n    from: a\n    to: b\n    guard: data.score > 8\n"
    )
    result = cb("verify", "work.yaml", "--sarif", code=1)

    assert "work.yaml" in json.dumps(result.document)


@pytest.mark.parametrize(
    "wrong", [("verify",), ("verify", "work.py:sound", "--limit", "x"), ("verify", "--no", "x"), ("statespace",)]
)
def test_wrong_use_is_bad_input(cb, wrong):
    """2 says that something is not decided, so that a wrong command is 3."""
    assert "Usage:" in cb(*wrong, code=3).err


def test_two_targets_are_no_framework(cb):
    """A word before the target must be the name of a framework."""
    assert "langgraph" in cb("verify", "langraph", "work.py:sound", code=3).err
    assert "say which graph of langgraph: langgraph module:graph" in cb("verify", "langgraph", code=3).err
    assert "--property is for" in cb("verify", "langgraph", "work:x", "--property", "never(a)", code=3).err


@pytest.mark.parametrize(
    ("file", "shown"), [("way.svg", "<svg"), ("way.html", "Verification"), ("way.md", "starved-join")]
)
def test_the_way_is_drawn(cb, here, file, shown):
    """--draw writes a picture of the way to the first finding, or a page with all of them."""
    cb("verify", "work.py:lost", "--draw", file, code=1)

    assert shown in (here / file).read_text()


def test_a_page_names_what_the_proof_stands_on(cb, here):
    """The verdict on the page and in the document is as on the screen; the document has the form that is published."""
    cb("verify", "work.py:both", "--draw", "way.html")
    condition = "no two branches set the same key differently before 'join'"

    assert f"both is sound if {condition}." in unescape((here / "way.html").read_text())
    found = cb("verify", "work.py:both", "--json").document
    assert ("sound if", [condition]) == (found["verdict"], found["conditions"])
    jsonschema_rs.validator_for(cb("schema", "verification").document).validate(found)


@pytest.mark.parametrize(
    ("target", "file", "told"), [("work.py:lost", "way.xyz", "name end with"), ("net.pnml", "way.svg", "for workflows")]
)
def test_what_cannot_be_drawn_is_told(cb, target, file, told):
    """A suffix that means nothing, and a net."""
    assert told in cb("verify", target, "--draw", file, code=3).err
