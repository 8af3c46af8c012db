"""Going on after an approval: only from a document that was given out, and only with the calls that were shown."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.errors import ActionError, DataInvalid, ExecutorInvalid, LLMError, ParameterInvalid
from circuit_breaker.executors import AgentExecutor, AssistantExecutor, StandaloneContext, StepExecutor
from circuit_breaker.executors.models import seal
from circuit_breaker.executors.models.seal import Seal
from circuit_breaker.llm.tools import tool
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

LONG = "a text that nobody can guess, of more than 32 characters"
WANTED = ModelTurn(calls=(("delete", {"path": "/tmp/a"}),))  # noqa: S108 - nothing is written there
deleted: list[str] = []


@pytest.fixture(autouse=True)
def nothing_deleted():
    deleted.clear()


@tool
def delete(path: str) -> str:
    """Deletes a file."""
    deleted.append(path)
    return "gone"


def under(kind=AssistantExecutor, *turns, **settings):
    """The executor over a model that wants to delete a file, or says these things."""
    return kind.under(providers=[ScriptedProvider(*turns or (WANTED, "done"), name="openai")], **settings)


GIVEN = {"tools": [delete], "approve": ["delete"]}


async def asked(kind):
    """What waits for approval, as somebody outside has it."""
    outcome = await kind(input="Clean.", **GIVEN).execute()
    return json.loads(json.dumps(outcome["approval"]))


async def test_another_instance_goes_on_with_what_was_approved():
    """K11: the document and the digest, as they were given out, are all that is needed."""
    kind = under()
    approval = await asked(kind)
    outcome = await kind(resume=approval["document"], approvals=approval["digest"], **GIVEN).execute()

    assert ("completed", ["/tmp/a"]) == (outcome["status"], deleted)  # noqa: S108


@pytest.mark.parametrize("how", ["arguments", "no seal", "another seal", "longer"])
async def test_a_document_that_was_changed_is_refused(how):
    """K11: what was not given out here is an error that says what to give, and nothing runs."""
    kind = under()
    approval = await asked(kind)
    document = copy.deepcopy(approval["document"])
    if how == "arguments":
        document = json.loads(json.dumps(document).replace("/tmp/a", "/etc/passwd"))  # noqa: S108
    elif how == "longer":
        document["iteration"] = 0
    else:
        document["seal"] = None if how == "no seal" else "0" * 64
    with pytest.raises(ParameterInvalid, match="changed since") as wrong:
        await kind(resume=document, approvals=approval["digest"], **GIVEN).execute()

    assert ("parameter 'resume'", []) == (wrong.value.faults[0].place, deleted)


async def test_a_bare_yes_is_refused():
    """K11: true approves whatever is there, so it is a fault of the parameter."""
    kind = under()
    approval = await asked(kind)
    with pytest.raises(ParameterInvalid, match="parameter 'approvals'"):
        await kind(resume=approval["document"], approvals=True, **GIVEN).execute()

    assert [] == deleted


async def test_a_yes_for_something_else_asks_again():
    """K11: a digest of other calls counts for nothing: the outcome asks again, and the model is not asked."""
    kind = under()
    approval = await asked(kind)
    outcome = await kind(resume=approval["document"], approvals="sha256:0", **GIVEN).execute()

    assert ("approval_needed", []) == (outcome["status"], deleted)


async def test_operators_may_share_a_seal():
    """K11: with the same seal another executor takes the document; with another one, or for another tenant, not."""
    approval = await asked(under(seal=LONG))
    given = {"resume": approval["document"], "approvals": approval["digest"], **GIVEN}
    for other in (under(), under(seal=LONG[::-1]), under(seal=LONG, tenant="b")):
        with pytest.raises(ParameterInvalid, match="let the operator give a seal"):
            await other(**given).execute()

    assert "completed" == (await under(AssistantExecutor, "done", seal=LONG)(**given).execute())["status"]


async def test_a_yes_is_carried_out_once():
    """K11: the same document with the same yes does nothing a second time, and says what to do instead."""
    kind = under()
    approval = await asked(kind)
    given = {"resume": approval["document"], "approvals": approval["digest"], **GIVEN}
    await kind(**given).execute()
    for said in (approval["digest"], False, {approval["calls"][0]["digest"]: True}):
        with pytest.raises(ParameterInvalid, match="was carried out already"):
            await kind(**{**given, "approvals": said}).execute()

    assert ["/tmp/a"] == deleted  # noqa: S108


async def test_asking_again_makes_no_second_yes():
    """K11: whoever has the same calls shown twice has two documents, and still may carry out one of them only."""
    kind = under(AssistantExecutor, WANTED, "done", "done")
    first = await asked(kind)
    second = (await kind(resume=first["document"], **GIVEN).execute())["approval"]
    assert first["digest"] == second["digest"]
    await kind(resume=second["document"], approvals=second["digest"], **GIVEN).execute()
    with pytest.raises(ParameterInvalid, match="was carried out already"):
        await kind(resume=first["document"], approvals=first["digest"], **GIVEN).execute()

    assert ["/tmp/a"] == deleted  # noqa: S108


async def test_the_next_calls_need_a_yes_of_their_own():
    """K11: after a yes the same work may ask for another, also for calls that look the same."""
    kind = under(AssistantExecutor, WANTED, WANTED, "done")
    approval = await asked(kind)
    for status in ("approval_needed", "completed"):
        outcome = await kind(resume=approval["document"], approvals=approval["digest"], **GIVEN).execute()
        approval = outcome.get("approval")
        assert status == outcome["status"]

    assert ["/tmp/a"] * 2 == deleted  # noqa: S108


async def test_the_same_work_may_try_again():
    """K11: work that failed after the yes and is tried again, under its own key, is not refused."""
    kind = under(AssistantExecutor, WANTED, LLMError("no"), "done")
    approval = await asked(kind)
    work = StandaloneContext()
    given = {"resume": approval["document"], "approvals": approval["digest"], **GIVEN}
    with pytest.raises(ActionError):
        await kind(**given).bind(work).execute()

    assert "completed" == (await kind(**given).bind(work).execute())["status"]


def test_of_very_many_decisions_the_oldest_are_forgotten(monkeypatch):
    """K11: what was decided is remembered for as long as there is room, so that a process does not grow for ever."""
    monkeypatch.setattr(seal, "MOST_USED", 2)
    monkeypatch.setattr(seal, "_USED", {})
    document = Seal().on({"a": 1})
    for decision in ("one", "two", "three", "one"):
        Seal().use(document, {}, [decision], work=decision + str(len(seal._USED)))
    with pytest.raises(DataInvalid, match="carried out already"):
        Seal().use(document, {}, ["one"], work="other")


def test_a_seal_is_long_and_in_no_repr():
    """A short text could be guessed; a long one is a secret."""
    with pytest.raises(ExecutorInvalid, match="32 characters"):
        AssistantExecutor.under(seal="short")

    settings = AssistantExecutor.under(seal=LONG).settings
    assert LONG not in f"{settings!r} {settings.sealing!r}"


def test_another_process_has_another_seal():
    """K11: without a text of the operator's a document is good for the process that gave it out."""
    program = "from circuit_breaker.executors.models.seal import Seal; print(Seal().on({'a': 1})['seal'])"
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

    with pytest.raises(DataInvalid, match="not given out here"):
        Seal().opened({"a": 1, "seal": made}, {})
    assert {"a": 1} == Seal().opened(Seal().on({"a": 1}), {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=3).filter(lambda name: name != "seal"), JSON))
def test_a_seal_holds_on_the_way_through_json(document):
    """K11: a document that was written and read, also where 1.0 becomes 1, is still the one that was given out."""
    seal = Seal()
    away = json.loads(
        json.dumps(seal.on(document)), parse_float=lambda text: int(n) if (n := float(text)).is_integer() else n
    )

    assert document == seal.opened(away, {})


@pytest.mark.parametrize("strange", [{1: 2, "a": 3}, {"a": {1, 2}}, {"a": float("inf")}, {"seal": "\ud800"}])
def test_what_is_no_document_is_none_of_ours(strange):
    """K11: values that JSON does not have are refused as any other document that was not given out."""
    with pytest.raises(DataInvalid, match="not given out here"):
        Seal().opened(strange, {})


begun, worked, answered, done = states("begun", "worked", "answered", "done")


def approving(document="results.agent.approval.document"):
    """An agent whose calls a person approves; the executor is the engine's to say."""
    given = {"task": "Clean.", **GIVEN, "result": "agent"}
    waits = field("results.agent.status") == "approval_needed"
    return Workflow(
        "approving",
        flow(begun >> worked).transition("work").execute(AgentExecutor, **given),
        flow(worked >> answered).transition("decide").guard(waits).manual(),
        flow(worked >> done).transition("finish").guard(~waits),
        flow(answered >> worked)
        .transition("go_on")
        .execute(AgentExecutor, **given, resume=field(document), approvals=field("approved")),
    )


async def decided(storage, workflow, forge):
    """The case after an answer that came to another process, whose seal is another."""
    first = {AgentExecutor: under(AgentExecutor, seal=LONG)}
    second = {AgentExecutor: under(AgentExecutor, "done", seal=LONG[::-1])}
    async with Engine(workflow, storage=storage, executors=first) as engine:
        waiting = await engine.run(await engine.start("approving", data={}))
    async with Engine(workflow, storage=storage, executors=second) as engine:
        approval = waiting.token.results["agent"]["approval"]
        case = await engine.fire(waiting, "decide", by="ann", data=forge(approval))
        return await engine.run(case)


async def test_a_document_of_the_journal_needs_no_seal(tmp_path):
    """K11: what the journal has of a case is good in every process; the answer carries the digest only."""
    storage = connect(f"sqlite:///{tmp_path / 'journal.db'}")
    case = await decided(storage, approving(), lambda approval: {"approved": approval["digest"]})

    assert ("done", ["/tmp/a"]) == (case.state, deleted)  # noqa: S108


async def test_a_document_from_the_data_of_a_case_is_not_that_of_the_journal(tmp_path):
    """K11: what somebody wrote into the data of a case is refused unless it is, word for word, what was given out."""

    def forge(approval):
        text = json.dumps(approval["document"]).replace("/tmp/a", "/etc/passwd")  # noqa: S108
        return {"approved": approval["digest"], "given": json.loads(text)}

    storage = connect(f"sqlite:///{tmp_path / 'journal.db'}")
    case = await decided(storage, approving("given"), forge)

    assert ("answered", []) == (case.state, deleted)


async def test_an_old_yes_is_no_yes_to_what_comes_next():
    """K11: the answer that stays in the data of a case approves nothing in a second round."""
    again = ModelTurn(calls=(("delete", {"path": "/etc/passwd"}),))
    kind = AgentExecutor.under(providers=[ScriptedProvider(WANTED, again, "done", name="openai")])
    async with Engine(approving(), storage=connect("memory://"), executors={AgentExecutor: kind}) as engine:
        case = await engine.run(await engine.start("approving", data={}))
        said = {"approved": case.token.results["agent"]["approval"]["digest"]}
        case = await engine.run(await engine.fire(case, "decide", by="ann", data=said))
        case = await engine.run(await engine.fire(case, "decide", by="ann", data={}))

    assert ("worked", ["/tmp/a"]) == (case.state, deleted)  # noqa: S108
    assert "/etc/passwd" in case.token.results["agent"]["approval"]["calls"][0]["arguments"]


async def test_the_steps_of_a_step_have_what_the_journal_knows():
    """K11: the document of a step of an earlier outcome is found in the results of the case, and no deeper."""
    approval = await asked(under(seal=LONG))
    outcome = {"approval": {"document": approval["document"]}}
    other = under(AssistantExecutor, "done", seal=LONG[::-1])
    given = {"resume": approval["document"], "approvals": approval["digest"], **GIVEN}

    class Known(StandaloneContext):
        results = {"count": 5, "steps": {"results": {"ask": outcome}}}  # noqa: RUF012 - it is read only

    steps = [{"executor": other, "name": "go_on", "context": given}]
    told = await StepExecutor(steps=steps).bind(Known()).execute()
    assert "completed" == told["results"]["go_on"]["status"]

    Known.results = {"page": {"body": {"approval": outcome["approval"]}}}
    with pytest.raises(ParameterInvalid, match="changed since"):
        await other(**given).bind(Known()).execute()
