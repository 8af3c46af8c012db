"""Agents at work for the cases of a command."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session

DESK = """
import json

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import PlaceAgent, Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.testing import ScriptedProvider

new, sorted_, told, done = states("new", "sorted", "told", "done")
desk = Workflow(
    "desk",
    flow(new >> sorted_).transition("sort").manual(),
    flow(sorted_ >> told).transition("tell").agent("teller", output_mapping={"data.text": "text"}, required=False),
    flow(told >> done).transition("end").manual(),
)
sorter = AgentDefinition(id="sorter", llm_config={"model": "m"}, prompts=AgentPrompts(user_template="Sort it."))
teller = AgentDefinition(id="teller", llm_config={"model": "m"}, prompts=AgentPrompts(user_template="Tell it."))
place = PlaceAgent(
    workflow="desk", place="new", agent="sorter", output_mapping={"data.kind": "text"}, auto_transition="sort"
)
model = ScriptedProvider("news", "It is news.")
staff = Staff(agents=[sorter, teller], places=[place], settings=ModelSettings(providers=[model]))
"""

ALONE = """circuit_breaker: 1
name: alone
states: [new, told]
transitions:
  - name: tell
    from: new
    to: told
    manual: true
    steps: [{agent: nobody}]
"""


@pytest.fixture
def desk(here, monkeypatch):
    """The name of a module with a workflow and its staff."""
    monkeypatch.delitem(sys.modules, "desk", raising=False)
    (here / "desk.py").write_text(DESK)
    return "desk.py"


def test_agents_work_while_a_case_runs(cb, desk):
    """The agent of the place and that of the transition have done their work when the case rests."""
    case = cb("run", desk, "--id", "c", "--json").document
    [token] = case["tokens"]
    assert (["told"], {"kind": "news", "text": "It is news."}) == (case["states"], token["data"])


def test_a_person_goes_on_from_there(cb, desk):
    """What to type next names the module that knows the agents."""
    said = cb("run", desk, "--id", "c").out
    assert "fire c end -w desk.py" in said
    assert "done" in cb("fire", "c", "end", "-w", desk).out


async def test_places_are_looked_after_while_the_engine_is_open(desk):
    """A session opens one engine after the other: what the places of a closed one kept is nobody's any more."""
    session = Session.of(Output(json=True), Onward("sqlite:///w.db", (desk,)))
    for number in range(2):
        async with session.engine(existing=False, working=True) as engine:
            await engine.start("desk", id=f"{number}")
            assert await session.busy()
        assert not await session.busy()


def test_firing_alone_has_its_agents(cb, desk):
    """Without running on, the action of the transition that is fired is carried out all the same."""
    cb("start", desk, "--id", "c")
    assert "sorted" in cb("fire", "c", "sort", "--no-run", "-w", desk).out


def test_work_takes_up_what_agents_left(cb, desk):
    """A case that was only started is worked on by whoever works next."""
    cb("start", desk, "--id", "c")
    assert {"counts": {"waiting": 1}} == cb("work", "--until-idle", "-w", desk, "--json").document


def test_looking_at_a_case_asks_nobody(cb, desk):
    """Only commands that let cases go on have agents at work."""
    cb("start", desk, "--id", "c")
    cb("explain", "c", "-w", desk)
    assert "new" in cb("explain", "c", "-w", desk, "--json").out


def test_without_a_staff_the_environment_says_who_answers(cb, here, monkeypatch):
    """An agent that nobody has registered is named, whoever could answer."""
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:9")
    (here / "alone.yaml").write_text(ALONE)
    cb("start", "alone.yaml", "--id", "c")
    done = cb("fire", "c", "tell", "-w", "alone.yaml", "--json", code=3)
    assert "there is no agent 'nobody'" in json.dumps(done.document)
    assert "" == done.err
    monkeypatch.delenv("OLLAMA_BASE_URL")
    assert "only Ollama on this machine" in cb("fire", "c", "tell", "-w", "alone.yaml", code=3).err


def test_what_the_agents_cannot_do_is_told_first(cb, desk, here):
    """W5: a workflow that asks for an agent that there is not is refused before a case begins."""
    (here / "desk.py").write_text(DESK.replace("agents=[sorter, teller]", "agents=[sorter]"))
    done = cb("run", desk, "--id", "c", "--json", code=3)
    assert "there is no agent 'teller'" in json.dumps(done.error)


def test_work_leaves_alone_what_it_has_no_agents_for(cb, desk, here):
    """Where the staff is left out, no case fails for it; what is recommended says that a definition is needed."""
    (here / "desk.py").write_text(DESK.replace('.transition("sort").manual()', '.transition("sort").on_signal("go")'))
    cb("start", desk, "--id", "c")
    assert "cannot be carried out: its transition 'tell' asks an agent" in cb("work", "--until-idle").err
    assert "name it with --workflow" in cb("signal", "c", "go", code=4).err
    assert "waiting" == cb("show", "c", "--json").document["status"]
    assert "told" in cb("signal", "c", "go", "-w", desk).out


def test_a_module_with_a_staff_has_no_strangers(cb, desk, here):
    """``check`` knows the agents of a module, and names those that are not there."""
    assert [] == cb("check", desk, "--json").document["warnings"]
    (here / "desk.py").write_text(DESK.replace("agents=[sorter, teller]", "agents=[sorter]"))
    sys.modules.pop("desk")
    [warning] = cb("check", desk, "--json").document["warnings"]
    assert "transition 'tell' asks agent 'teller', whom no staff here has" == warning


TOOLED = """
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.llm import ToolCall, tool
from circuit_breaker.testing import ScriptedProvider


@tool
def stock(article: str) -> int:
    "How many there are."
    return 3


model = ScriptedProvider(ToolCall(id="1", name="stock", arguments='{"article": "a"}'), "Three.")
clerk = AgentDefinition(
    id="clerk", llm_config={"model": "m"}, prompts=AgentPrompts(user_template="How many?"), tools=("stock",)
)
staff = Staff(agents=[clerk], settings=ModelSettings(providers=[model], tools=[stock]))
"""


def test_an_agent_of_a_staff_runs_alone(cb, here, monkeypatch):
    """A tool that a staff names and its module holds is one tool; a module is no file of agents."""
    monkeypatch.delitem(sys.modules, "tooled", raising=False)
    (here / "tooled.py").write_text(TOOLED)
    assert "Three." in cb("agents", "run", "clerk", "--import", "tooled.py").out
    assert "--import tooled.py" in cb("agents", "register", "tooled.py", code=3).err


ASKING = """
from circuit_breaker import Workflow, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import PlaceAgent, Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.testing import ModelTurn, ScriptedProvider

new, told, done = states("new", "told", "done")
asking = Workflow(
    "asking", flow(new >> told).transition("tell").KIND, flow(told >> done).transition("end").manual()
)
teller = AgentDefinition(
    id="teller",
    llm_config={"model": "m"},
    prompts=AgentPrompts(user_template="Tell it."),
    tools=["calculator"],
    approve=["calculator"],
)


def answer(request):
    if any(message.tool_results for message in request.messages):
        return "Told."
    return ModelTurn(calls=[("calculator", {"expression": "6 * 7"})])


PLACES = []
staff = Staff(agents=[teller], places=PLACES, settings=ModelSettings(providers=[ScriptedProvider(always=answer)]))
"""
PLACED = 'PLACES = [PlaceAgent(workflow="asking", place="new", agent="teller", auto_transition="tell")]'


def approving(text: str) -> str:
    """The execution that a command tells to approve, with the module that knows its agent."""
    return re.search(r"circuit-breaker agents approve (\S+) --import asking.py", text)[1]


def test_a_transition_that_needs_a_yes_says_how_to_give_it(cb, here):
    """K9: whoever runs the case is told the call, the execution and the command that decides; then the case goes on."""
    (here / "asking.py").write_text(ASKING.replace("KIND", 'agent("teller")'))
    running = [sys.executable, "-u", "-m", "circuit_breaker.cli", "run", "asking.py", "--id", "c"]
    with subprocess.Popen(running, stdout=subprocess.PIPE, text=True) as run:
        told = next(line for line in run.stdout if "approval needed" in line)
        cb("agents", "approve", approving(told), "--import", "asking.py", "--yes")
        rest = run.communicate(timeout=30)[0]

    assert "calculator" in told
    assert "case c is waiting in told" in rest


def test_a_place_that_needs_a_yes_says_how_to_give_it(cb, here):
    """K9: a case that rests since the agent of its place asks says so, with the command that decides."""
    (here / "asking.py").write_text(ASKING.replace("KIND", "manual()").replace("PLACES = []", PLACED))
    told = cb("run", "asking.py", "--id", "c").out
    cb("agents", "approve", approving(told), "--import", "asking.py", "--yes")
    cb("work", "--until-idle", "-w", "asking.py")

    assert "teller waits for a yes or no to calculator" in told
    assert "told" == cb("show", "c", "--json").document["state"]
