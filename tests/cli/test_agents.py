"""The command line: agents, their executions and conversations."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import click
import jsonschema_rs
import pytest

from circuit_breaker.cli import completing
from circuit_breaker.cli.providers import VARIABLES

HELPER = (
    "id: helper\ndescription: It helps.\ntags: [kind]\nprompts: {system: You help.}\ntools: [calculator]\nmemory: {}\n"
)
ASKER = """\
id: asker
prompts: {user_template: "{question}"}
inputs: [question]
tools: [calculator]
approve: [calculator]
"""
SLOW = '''
"""A model that takes its time, and notes what it is asked."""

from pathlib import Path

from circuit_breaker.agents import AgentDefinition, AgentMemory
from circuit_breaker.agents.bridge.staff import Staff
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools import tool
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider


def note(line):
    with Path("calls.log").open("a") as log:
        log.write(line + "\\n")


@tool
def count(text: str) -> int:
    """Counts."""
    note("tool")
    return len(text)


def answer(request):
    note(f"model {len(request.messages)}")
    said = sum(bool(message.tool_results) for message in request.messages)
    if not said:
        return ToolCall(id="1", name="count", arguments='{"text": "abc"}')
    slow = 0 if Path("quick").exists() else 60
    return ModelTurn(says="There are three.", after=slow)


agent = AgentDefinition(id="slow", llm_provider="scripted", tools=["count"], memory=AgentMemory())
staff = Staff(agents=[agent], settings=ModelSettings(providers=[ScriptedProvider(always=answer)]))
'''

TWO_CALLS = """
from circuit_breaker.agents import AgentDefinition
from circuit_breaker.agents.bridge import Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.testing import ModelTurn, ScriptedProvider


def answer(request):
    if any(message.tool_results for message in request.messages):
        return "Both."
    return ModelTurn(calls=[("calculator", {"expression": "1 + 1"}), ("calculator", {"expression": "2 + 2"})])


agent = AgentDefinition(id="two", llm_config={"model": "m"}, tools=["calculator"], approve=["calculator"])
staff = Staff(agents=[agent], settings=ModelSettings(providers=[ScriptedProvider(always=answer)]))
"""


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """Nobody's keys are used by a test."""
    for name in (*VARIABLES, "MAX_CONCURRENT_EXECUTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def agents(cb, here):
    """Two agents in files, of which one is registered."""
    (here / "agents").mkdir()
    (here / "agents" / "helper.yaml").write_text(HELPER)
    (here / "asker.yaml").write_text(ASKER)
    (here / "agents" / "notes.txt").write_text("no agent")
    cb("agents", "register", "agents")
    return here


def waiting(cb) -> str:
    """An execution that waits for a person."""
    cb("agents", "run", "asker.yaml", "-i", "question=6 * 7", "--no-wait")
    [execution] = cb("agents", "executions", "asker", "--json").records
    return execution["execution"]


# Definitions


def test_agents_are_registered_listed_and_shown(cb, agents):
    """M1, M7: agents come from files and folders; they are listed, also by tag, and shown as they were written."""
    assert "asker" in cb("agents", "register", "asker.yaml").out
    listed = cb("agents", "list").out

    assert "helper" in listed
    assert "It helps." in listed
    assert ["helper"] == [one["id"] for one in cb("agents", "list", "--tag", "kind", "--json").records]
    assert [] == cb("agents", "list", "--capability", "none", "--json").records
    assert "circuit_breaker: 1\nid: helper\n" in cb("agents", "show", "helper").out
    assert "helper" == cb("agents", "show", "helper", "--json").document["id"]


def test_nothing_is_registered_when_one_is_wrong(cb, agents):
    """M6: all faults of a file are told with line and column, and no agent of it is kept; no key is shown."""
    (agents / "bad.yaml").write_text(
        "agents:\n- id: good\n- id: bad\n  llm_config: {api_key: hunter2}\n  limits: {tokens: -1}\n"
    )
    (agents / "tool.yaml").write_text("agents:\n- {id: good}\n- {id: other, tools: [nothing]}\n")
    wrong = cb("agents", "register", "bad.yaml", code=3).err

    assert "4:25 agents[1].llm_config.api_key" in wrong
    assert "5:20 agents[1].limits.tokens" in wrong
    assert "hunter2" not in wrong
    assert "nothing" in cb("agents", "register", "tool.yaml", code=3).err
    assert ["helper"] == [one["id"] for one in cb("agents", "list", "--json").records]


def test_files_that_are_none_of_agents(cb, agents):
    """M6: a file that is missing, no text, or has the agent of another file, is one clear error."""
    (agents / "binary.yaml").write_bytes(b"\xff")
    (agents / "again.yaml").write_text("id: helper")

    assert "cannot be read" in cb("agents", "register", "missing.yaml", code=4).err
    assert "no text in UTF-8" in cb("agents", "register", "binary.yaml", code=3).err
    assert "so has another file" in cb("agents", "register", "agents", "again.yaml", code=3).err


def test_agents_are_exported_and_imported(cb, agents):
    """M1: what is exported is one text, which another journal reads; the schema knows it."""
    cb("agents", "register", "asker.yaml")
    (agents / "all.yaml").write_text(cb("agents", "export").out)
    cb("agents", "import", "all.yaml", "--storage", "sqlite:///other.db")
    schema = cb("agents", "schema").document

    assert cb("agents", "export").out == cb("agents", "export", "--storage", "sqlite:///other.db").out
    assert jsonschema_rs.is_valid(schema, cb("agents", "export", "helper", "--json").document)


def test_an_agent_is_removed(cb, agents):
    """M1: an agent that was removed takes no work."""
    cb("agents", "remove", "helper")

    assert "no agents" in cb("agents", "list").out
    assert "there is no agent 'helper'" in cb("agents", "remove", "helper", code=4).err
    assert "there is no agent 'helper'" in cb("agents", "run", "helper", code=4).err


# Running


def test_an_agent_runs_with_live_events(cb, agents):
    """I1, I10: the answer is on standard output, calls of tools and what it took on standard error."""
    done = cb("agents", "run", "helper", "-i", "message=6 * 7")

    assert 'The tool says: {"expression": "6 * 7", "result": "42"}\n' == done.out
    for told in ("no key of a provider", "of helper", "calls calculator", "calculator gave", "tokens, $0"):
        assert told in done.err


def test_events_are_lines_of_json(cb, agents):
    """I1: with --json every event is printed as it is kept, and a replay prints the same."""
    live = cb("agents", "run", "helper", "-i", "message=6 * 7", "--json").out
    [execution] = cb("agents", "executions", "--json").records
    replayed = cb("agents", "replay", execution["execution"], "--json").out

    assert live == replayed
    assert list(range(1, execution["events"] + 1)) == [json.loads(line)["sequence"] for line in live.splitlines()]
    assert "execution_complete" == json.loads(live.splitlines()[-1])["type"]


def test_an_execution_is_replayed_from_any_number(cb, agents):
    """ZB9: events that were stored are shown again, from any number."""
    cb("agents", "run", "helper", "-i", "message=6 * 7")
    [execution] = cb("agents", "executions", "--json").records
    last = execution["events"]

    assert "The tool says" in cb("agents", "replay", execution["execution"]).out
    again = cb("agents", "replay", execution["execution"], "--after", last - 1, "--json", "--follow").records
    assert [last] == [event["sequence"] for event in again]
    assert f"no events above {last}" in cb("agents", "replay", execution["execution"], "--after", last).err
    for following in ([], ["--follow"]):
        beyond = cb("agents", "replay", execution["execution"], "--after", 99, *following, code=1).err
        assert f"has {last} events, and none with the number 99" in beyond
    assert "there is no execution" in cb("agents", "replay", "unknown", code=4).err


def test_inputs_are_given_in_several_ways(cb, agents):
    """P1: inputs are texts, files or JSON, one by one or as one object."""
    (agents / "question.txt").write_text("from a file")
    run = ("agents", "run", "asker.yaml")

    assert "You said: from a file" in cb(*run, "-i", "question=@question.txt").out
    assert "You said: [1, 2]" in cb(*run, "-i", "question:=[1, 2]").out
    assert "You said: a=b" in cb(*run, "--data", '{"question": "a=b"}').out
    assert "is missing" in cb(*run, code=1).err
    assert "input.other" in cb(*run, "-i", "question=x", "-i", "other=y", code=1).err
    for wrong in ("question", "=x", "question=@missing", "question:=[1"):
        cb(*run, "-i", wrong, code=2)


def test_an_agent_of_a_file_needs_no_registering(cb, agents):
    """M1: an agent in a file runs at once; of several, one must be named."""
    (agents / "two.yaml").write_text("agents: [{id: one}, {id: two}]")

    assert "name one of one, two" in cb("agents", "run", "two.yaml", code=2).err
    assert "You said: hi" in cb("agents", "run", "two", "--agents", "two.yaml", "-i", "message=hi").out


def test_executions_are_found_by_their_context(cb, agents):
    """ZA29: executions are found by any path of their context, by agent, status and conversation."""
    cb("agents", "run", "helper", "-i", "message=a", "--context", "user_context.user_id=ann", "--context", "order=7")
    cb("agents", "run", "helper", "-i", "message=b")
    find = ("agents", "executions", "--json")

    assert ["a"] == [one["input"]["message"] for one in cb(*find, "--context", "user_context.user_id=ann").records]
    assert ["a"] == [one["input"]["message"] for one in cb(*find, "--context", "order=7").records]
    assert 2 == len(cb(*find, "helper", "--status", "completed").records)
    assert [] == cb(*find, "--status", "failed").records
    assert 1 == len(cb(*find, "--limit", "1").records)
    assert "no executions" in cb("agents", "executions", "--conversation", "x").out
    assert "tokens, $0" in cb("agents", "executions").out
    cb(*find, "--context", "order", code=2)


def test_a_list_of_executions_fits_into_a_narrow_terminal(cb, agents, monkeypatch):
    """Where there is little room, an execution is one line that begins with its whole id."""
    cb("agents", "run", "helper", "-i", "message=hi")
    (kept,) = cb("agents", "executions", "--json").records
    monkeypatch.setenv("COLUMNS", "80")
    _, line = cb("agents", "executions").out.splitlines()

    assert [kept["id"], "helper", "completed"] == line.split()[:3]


def test_a_key_makes_it_run_once(cb, agents):
    """ZB10: with the same key there is one execution, however often it is asked for."""
    outputs = [cb("agents", "run", "helper", "-i", "message=hi", "--key", "one").out for _ in range(2)]

    assert outputs[0] == outputs[1]
    assert 1 == len(cb("agents", "executions", "--json").records)


def test_the_script_answers_in_the_form_that_is_asked_for(cb, agents):
    """ZB11: without a key an agent with an output schema gives a value that fits it."""
    schema = "{type: array, items: {type: integer}, minItems: 2}"
    (agents / "lister.yaml").write_text(f"id: lister\noutput_schema: {schema}")

    assert "[0,0]\n" == cb("agents", "run", "lister.yaml", "-i", "message=hi").out


def test_who_answers_can_be_chosen(cb, agents, monkeypatch):
    """ZA14: a provider and a model take the place of those that the agent names; an unknown one is told."""
    (agents / "other.yaml").write_text("id: other\nllm_provider: openai\nllm_config: {model: gpt-4o}")
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://localhost:1")
    run = ("agents", "run", "other.yaml", "-i", "message=hi")

    assert "You said: hi" in cb(*run, "-p", "scripted").out
    assert "there is no provider 'nobody'" in cb(*run, "-p", "nobody", code=2).err
    failed = cb(*run, "-p", "ollama", "-m", "llama3", "--timeout", "20", code=1).err
    assert "failed" in failed
    assert "no key of a provider" not in failed


def test_how_many_run_at_once_is_said_by_the_environment(cb, agents, monkeypatch):
    """ZA12: MAX_CONCURRENT_EXECUTIONS is a whole number, and read by the command line."""
    monkeypatch.setenv("MAX_CONCURRENT_EXECUTIONS", "many")
    assert "MAX_CONCURRENT_EXECUTIONS" in cb("agents", "run", "helper", "-i", "message=hi", code=2).err

    monkeypatch.setenv("MAX_CONCURRENT_EXECUTIONS", "1")
    cb("agents", "run", "helper", "-i", "message=hi")


# A person decides


@pytest.mark.parametrize(("said", "answer"), [("y\n", "42"), ("n\n", "not approved"), ("\n", "not approved")])
def test_a_person_is_asked_while_it_runs(cb, agents, said, answer):
    """K9: a call that needs approval is shown, and made after a yes only."""
    done = cb("agents", "run", "asker.yaml", "-i", "question=6 * 7", stdin=said)

    assert answer in done.out
    assert "call calculator with" in done.err


@pytest.mark.parametrize("said", ["", "y\n"])
def test_the_end_of_the_input_decides_nothing(cb, agents, said):
    """K9: who hangs up before every call is decided leaves all of them open, and is told how to decide later."""
    (agents / "two.py").write_text(TWO_CALLS)
    told = cb("agents", "run", "two", "--import", "two.py", "-i", "message=go", stdin=said).err
    [execution] = cb("agents", "executions", "--json").records
    decide = f"circuit-breaker agents approve {execution['execution']} --import two.py"

    assert ("pending", "approval") == (execution["status"], execution["waiting_for"])
    assert decide in told
    assert decide in cb("agents", "approve", execution["execution"], "--import", "two.py", stdin=said).err
    assert "Both." in cb("agents", "approve", execution["execution"], "--import", "two.py", stdin="y\ny\n").out


def test_an_approval_can_come_later(cb, agents):
    """K9: an execution that waits is told with the command to type; a yes from another process lets it go on."""
    told = cb("agents", "run", "asker.yaml", "-i", "question=6 * 7", "--no-wait").err
    [execution] = cb("agents", "executions", "--json").records
    assert f"circuit-breaker agents approve {execution['execution']}" in told
    assert ["calls", "digest"] == sorted(execution["approval"])

    assert "42" in cb("agents", "approve", execution["execution"], "--yes", "--by", "ann").out
    assert "waits for nobody" in cb("agents", "approve", execution["execution"], "--no", code=1).err


def test_an_approval_is_asked_for_or_bound_to_a_digest(cb, agents):
    """K9: without an option each call is asked about; a digest is a yes to exactly these calls."""
    one = waiting(cb)
    assert "give the digest" in cb("agents", "approve", one, "--digest", "0" * 64, code=1).err
    assert "not approved" in cb("agents", "approve", one, "--no").out
    cb("agents", "remove", "asker")

    cb("agents", "run", "asker.yaml", "-i", "question=2 * 3", "--no-wait")
    two = cb("agents", "executions", "asker", "--json").records[-1]["execution"]
    assert '"6"' in cb("agents", "approve", two, stdin="y\n").out


def test_an_execution_is_cancelled(cb, agents):
    """ZB10: an execution that waits is cancelled, with who did it and why; one that is over stays as it is."""
    one = waiting(cb)

    assert f"{one} is cancelled" in cb("agents", "cancel", one, "--by", "ann", "--reason", "late").out
    document = cb("agents", "cancel", one, "--json").document
    assert ("cancelled", "cancelled by ann: late") == (document["status"], document["error"]["message"])
    assert "cancelled by ann: late" in cb("agents", "resume", one, code=1).err


# Talking


def test_a_talk_is_remembered(cb, agents):
    """J5, K11: lines are said one after the other in one conversation, which goes on another time."""
    done = cb("agents", "chat", "helper", "-c", "monday", stdin="one\n\n/usage\ntwo\n/unknown\n/quit\nthree\n")
    cb("agents", "chat", "helper", "six", "-c", "monday")
    history = cb("agents", "chat", "helper", "-c", "monday", stdin="/history\n").out

    assert ["one", "two"] == [line.rpartition("said: ")[2] for line in done.out.splitlines()]
    assert "tokens taken" in done.err
    assert "there is no /unknown" in done.err
    assert 1 == done.err.count("no key of a provider")
    assert ["one", "two", "six"] == [line for line in history.splitlines() if line in ("one", "two", "six")]


def test_a_talk_is_forgotten(cb, agents):
    """J6: /clear removes what was said; before anything was said there is nothing to clear."""
    cb("agents", "chat", "helper", "-c", "a", stdin="one\n/clear\ntwo\n")
    done = cb("agents", "chat", "helper", stdin="/clear\n/history\n")

    assert "one" not in cb("agents", "export", "-c", "a", "--markdown").out
    assert 2 == done.err.count("nothing was said yet")


def test_a_talk_with_an_agent_of_another_kind(cb, agents):
    """L6: only agents with a memory have conversations, and one of a workflow needs to know that."""
    (agents / "others.yaml").write_text("agents: [{id: plain}, {id: flow, type: workflow, workflow: w}]")
    chat = ("agents", "chat", "--agents", "others.yaml")

    assert "has no memory" in cb(*chat, "plain", "hi", "-c", "a", code=1).err
    assert "You said: hi" in cb(*chat, "plain", "hi").out
    for told in (cb(*chat, "flow", "hi", code=4).err, cb(*chat, "flow", stdin="hi\n", code=4).err):
        assert "agent 'flow' is bound to workflow 'w', which is not known here" in told
        assert "name it with --workflow" in told


def test_a_talk_that_waits_for_a_person(cb, agents):
    """K9: while a call in a conversation waits for a yes, nothing else is said in it, and the command is told."""
    (agents / "careful.yaml").write_text("id: careful\ntools: [calculator]\napprove: [calculator]\nmemory: {}\n")
    cb("agents", "chat", "careful.yaml", "first", "-c", "a")
    cb("agents", "run", "careful", "-i", "message=6 * 7", "--conversation", "a", "--no-wait")
    [waits] = cb("agents", "executions", "--status", "pending", "--json").records
    told = cb("agents", "chat", "careful", "second", "-c", "a", code=1).err

    assert f"circuit-breaker agents approve {waits['execution']}" in told
    cb("agents", "approve", waits["execution"], "--yes")
    assert "You said: third" in cb("agents", "chat", "careful", "third", "-c", "a").out


def test_conversations_are_listed_exported_and_imported(cb, agents):
    """J6, P7: conversations are listed for an agent, printed as JSON or Markdown, and read again."""
    cb("agents", "chat", "helper.yaml", "six", "-c", "a", "--agents", "agents", code=4)
    cb("agents", "chat", "helper", "hello you", "-c", "a")
    (agents / "talk.json").write_text(cb("agents", "export", "-c", "a").out)

    assert "b\n" == cb("agents", "import", "talk.json", "--id", "b").out
    assert {"conversation": "c"} == cb("agents", "import", "talk.json", "--id", "c", "--json").document
    assert "already" in cb("agents", "import", "talk.json", code=1).err
    assert ["a", "b", "c"] == [one["id"] for one in cb("agents", "conversations", "helper", "--json").records]
    assert "hello you" in cb("agents", "conversations").out
    assert "no conversations" in cb("agents", "conversations", "nobody").out
    assert cb("agents", "export", "-c", "b", "--markdown").out.startswith("# hello you")
    assert "there is no conversation 'x'" in cb("agents", "export", "-c", "x", code=4).err


def test_an_imported_conversation_keeps_nothing_personal(cb, agents):
    """J6, AJ2: what the guardrails of its agent hide is hidden in a conversation that is read from a file."""
    (agents / "shy.yaml").write_text("id: shy\nmemory: {}\nguardrails: [personal_data]\nprompts: {system: You help.}\n")
    cb("agents", "register", "shy.yaml")
    cb("agents", "chat", "shy", "I am MAIL", "-c", "a")
    (agents / "talk.json").write_text(cb("agents", "export", "-c", "a").out.replace("MAIL", "ann@example.org"))
    cb("agents", "import", "talk.json", "--id", "b")

    assert "I am [EMAIL]" in cb("agents", "export", "-c", "b").out
    assert "ann@example.org" not in cb("agents", "export", "-c", "b").out


@pytest.mark.parametrize("wrong", [{"turns": None}, {"title": 5}, {"turns": 10**9}, {"context": {"x": 1}}], ids=str)
def test_a_conversation_that_is_none_is_refused_with_its_place(cb, agents, wrong):
    """J6: a file in which something is wrong is invalid input that names it, and nothing is kept of it."""
    cb("agents", "chat", "helper", "hello", "-c", "a")
    document = cb("agents", "export", "-c", "a").document
    document["conversation"] |= wrong
    (agents / "talk.json").write_text(json.dumps(document))
    told = cb("agents", "import", "talk.json", "--id", "b", code=1).err

    assert next(iter(wrong)) in told
    assert ["a"] == [one["id"] for one in cb("agents", "conversations", "--json").records]


def test_what_was_spent_is_told(cb, agents):
    """P15: tokens and dollars are added up by agent, model and day."""
    for text in ("a", "b"):
        cb("agents", "run", "helper", "-i", f"message={text}")
    [row] = cb("agents", "cost", "--json").records
    [detailed] = cb("agents", "cost", "--by", "model", "--by", "day", "--agent", "helper", "--json").records
    used = [one["usage"] for one in cb("agents", "executions", "--json").records]

    assert ("helper", 2, "0") == (row["agent"], row["executions"], row["dollars"])
    assert sum(one["input_tokens"] for one in used) == row["input_tokens"] == detailed["input_tokens"]
    assert "scripted/demo" == detailed["model"]
    assert "helper" in cb("agents", "cost").out
    assert "no executions" in cb("agents", "cost", "--agent", "nobody").out


def test_a_journal_that_is_not_there(cb, here):
    """A mistyped journal is told, and none is made; nothing is kept of what only asks."""
    for command in (["list"], ["executions"], ["conversations"], ["run", "x"], ["chat", "x", "hi"], ["resume", "x"]):
        assert "there is no journal" in cb("agents", *command, code=5).err
    assert not (here / "circuit_breaker.db").exists()


def test_ids_are_completed(cb, agents):
    """The tab key offers agents and executions."""
    cb("agents", "run", "helper", "-i", "message=hi")
    [execution] = cb("agents", "executions", "--json").records
    context = click.Context(click.Command("x"))

    assert ["helper"] == [item.value for item in completing.agents(context, None, "he")]
    assert ["helper"] == [item.value for item in completing.agents(context, None, "helper")]
    assert [] == completing.agents(context, None, "x")
    assert [execution["execution"]] == [item.value for item in completing.executions(context, None, "")]


# Real processes


@contextmanager
def command(*arguments, **options):
    """A command in a process of its own, which is gone at the end."""
    line = [sys.executable, "-m", "circuit_breaker.cli", "agents", *arguments]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def until(ready, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def slow(here):
    """A module with an agent whose second answer takes its time; gives what it was asked so far."""
    (here / "slow.py").write_text(SLOW)

    def asked() -> list[str]:
        log = here / "calls.log"
        return log.read_text().split("\n")[:-1] if log.exists() else []

    return asked


def test_a_killed_execution_goes_on(cb, here, slow):
    """P14: a process that is killed is followed by another, which makes no finished call again."""
    with command("run", "slow", "--import", "slow.py", "-i", "message=go", stdout=subprocess.PIPE) as killed:
        until(lambda: len(slow()) == 3)
        killed.kill()
    [execution] = cb("agents", "executions", "--json").records
    assert execution["interrupted"]
    assert "interrupted" in cb("agents", "executions").out
    (here / "quick").touch()
    done = cb("agents", "resume", execution["execution"], "--import", "slow.py")

    assert "running" == execution["status"]
    assert done.out.endswith("There are three.\n")
    assert "goes on where it was" in done.err
    assert ["model 1", "tool", "model 3", "model 3"] == slow()


def test_an_interrupted_run_says_how_to_go_on(cb, here, slow):
    """P14: Ctrl-C leaves the execution where it is, and says what to type."""
    with command("run", "slow", "--import", "slow.py", "-i", "message=go", stdout=subprocess.PIPE) as stopped:
        until(lambda: len(slow()) == 3)
        stopped.send_signal(signal.SIGINT)
        told = stopped.communicate()[1]
    [execution] = cb("agents", "executions", "--json").records

    assert 130 == stopped.returncode
    assert f"to go on: circuit-breaker agents resume {execution['execution']}" in told
    assert "running" == execution["status"]


def test_a_killed_talk_goes_on(cb, here, slow):
    """J6: a turn whose process was killed is brought to its end before the next thing is said."""
    talk = ("chat", "slow", "--import", "slow.py", "-c", "a")
    with command(*talk, "one", stdout=subprocess.PIPE) as killed:
        until(lambda: len(slow()) == 3)
        killed.kill()
    (here / "quick").touch()
    done = cb("agents", *talk, "two")
    history = cb("agents", "export", "-c", "a", "--markdown").out.splitlines()

    assert "first goes on what was left behind" in done.err
    assert ["one", "two"] == [line for line in history if line in ("one", "two")]


def test_a_talk_at_a_terminal(cb, here, slow):
    """K11: at a terminal Ctrl-C ends the answer and not the talk, and how to go on is told at the end."""
    master, terminal = pty.openpty()
    with command("chat", "slow", "--import", "slow.py", stdin=terminal, stdout=terminal) as talk:
        os.write(master, b"go\n")
        until(lambda: len(slow()) == 3)
        talk.send_signal(signal.SIGINT)
        until(lambda: "cancelled" in cb("agents", "executions").out)
        (here / "quick").touch()
        os.write(master, b"again\n")
        until(lambda: "completed" in cb("agents", "executions").out)
        os.write(master, b"/quit\n")
        told = talk.communicate()[1]
    os.close(terminal)
    os.close(master)

    assert 0 == talk.returncode
    assert "stopped; what was begun is forgotten" in told
    [conversation] = cb("agents", "conversations", "--json").records
    assert f"to go on: circuit-breaker agents chat slow --conversation {conversation['id']}" in told
    assert 1 == conversation["turns"]
