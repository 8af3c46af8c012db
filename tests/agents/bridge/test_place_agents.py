"""Place agents: once for each token that enters, at its time, without holding it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import attrs
import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import PlaceAgent, PlaceAgents, Schedule, dump_places, load_places
from circuit_breaker.agents.bridge.attendance import Attendance
from circuit_breaker.agents.bridge.visits import Visit, Visits
from circuit_breaker.errors import AgentInvalid, DataInvalid, DocumentInvalid, RateLimitExceeded
from circuit_breaker.testing import ManualClock, ModelTurn
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.events import TokenChanged, TransitionFired
from tests.agents.bridge.office import Office, keeping, office, submitted

pending, sorted_, archived = states("pending", "sorted", "archived")
FORM = {"type": "object", "properties": {"category": {"type": "string"}}, "required": ["category"]}


def classifier(**changes: Any) -> AgentDefinition:
    """Says of which kind a text is."""
    given: dict[str, Any] = {
        "id": "content-classifier",
        "llm_config": {"model": "m", "temperature": 0.9},
        "prompts": AgentPrompts(system="You classify.", user_template="{content}"),
        "inputs": ("content",),
        "output_schema": {**FORM, "additionalProperties": False},
    }
    return AgentDefinition(**given | changes)


def intake(**metadata: Any) -> Workflow:
    return Workflow(
        "intake",
        flow(pending >> sorted_).transition("sort").guard(field("category") != "unclear").manual(),
        flow(pending >> archived).transition("archive").manual(),
        metadata=metadata,
    )


def placed(**changes: Any) -> PlaceAgent:
    given: dict[str, Any] = {
        "workflow": "intake",
        "place": "pending",
        "agent": "content-classifier",
        "input_mapping": {"content": "data.content"},
        "output_mapping": {"data.category": "category", "metadata.classifier": "agent_id"},
    }
    return PlaceAgent(**given | changes)


def says(category: str, **turn: Any) -> ModelTurn:
    return ModelTurn(says=json.dumps({"category": category}), **turn)


def at_intake(*turns: Any, **options: Any) -> Any:
    return office(intake(), says=turns, agents=[classifier()], **options)


async def only_visit(places: PlaceAgents) -> Any:
    [visit] = await places.visits.listed()
    return visit


async def test_a_token_that_enters_is_worked_on_where_it_stands():
    """O3 O4: nobody fires anything; the outputs are on the token, which has not moved."""
    async with at_intake(says("news")) as at, keeping(at, placed()) as places:
        case = await at.case()
        await places.settle()
        case = await at.engine.get(case)
        visit = await only_visit(places)
        [execution] = await at.executions()
        [change] = [event for event in await at.engine.history(case) if isinstance(event, TokenChanged)]
    assert ("pending", "news", "content-classifier") == (case.state, case.data["category"], case.metadata["classifier"])
    assert ("completed", execution.id, 1) == (visit.status, visit.execution, visit.runs)
    assert ("agent:content-classifier", execution.id) == (change.by, change.key)


async def test_the_parameters_of_the_place_count():
    """O1 O5: llm_config of the place takes the place of the agent's."""
    async with at_intake(says("news")) as at, keeping(at, placed(llm_config={"temperature": 0.1})) as places:
        await at.case()
        await places.settle()
    assert 0.1 == at.model.requests[0].temperature


async def test_the_transition_fires_when_the_outputs_are_written():
    """O1 O3: auto_transition moves the token on, by the agent."""
    async with at_intake(says("news")) as at, keeping(at, placed(auto_transition="sort")) as places:
        case = await at.case()
        await places.settle()
        case = await at.engine.get(case)
        [fired] = [event for event in await at.engine.history(case) if isinstance(event, TransitionFired)]
    assert ("sorted", "agent:content-classifier") == (case.state, fired.by)


async def test_a_refused_transition_is_recorded():
    """A guard holds for agents too: the outputs stay on the token, and the visit says why it did not fire."""
    async with at_intake(says("unclear")) as at, keeping(at, placed(auto_transition="sort")) as places:
        case = await at.case()
        await places.settle()
        visit, case = await only_visit(places), await at.engine.get(case)
    assert ("pending", "unclear", "completed") == (case.state, case.data["category"], visit.status)
    assert "transition 'sort' did not fire" in visit.reason


async def test_a_token_that_is_changed_before_it_is_moved_stays_and_the_visit_says_so():
    """ZB12: a person changes the token after the answer was written: the transition would fire for something else."""

    class Slow(Attendance):
        async def _fire(self, visit: Visit, written: int) -> str:
            await self.engine.change_token(visit.case, visit.token, Change(data={"note": "Wait."}), by="ann")
            return await super()._fire(visit, written)

    async with at_intake(says("news")) as at, keeping(at, placed(auto_transition="sort")) as places:
        case = await at.case()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("circuit_breaker.agents.bridge.places.Attendance", Slow)
            await places.settle()
        visit, case = await only_visit(places), await at.engine.get(case)
    assert ("pending", "completed") == (case.state, visit.status)
    assert "transition 'sort' did not fire: the token was changed" in visit.reason


async def test_what_is_tried_again_counts_once():
    """O5: max_executions is how often the agent is asked; each time may be tried again as retry says."""
    busy = [RateLimitExceeded("slow down", provider="p")] * 8
    place = placed(retry={"max_attempts": 3, "backoff_seconds": 0}, schedule=Schedule(max_executions=1))
    async with at_intake(*busy, says("news")) as at, keeping(at, place) as places:
        await at.case()
        await places.settle()
        visit = await only_visit(places)
        assert ("completed", 1, 3) == (visit.status, visit.runs, len(await at.executions()))


async def test_conditions_are_judged_on_the_token():
    """O1 O7: where they do not hold nothing is asked; when the token is changed they are judged again."""
    condition = [field("data.content").exists(), field("metadata.status") == "unclassified"]
    async with at_intake(says("news")) as at, keeping(at, placed(trigger_conditions=condition)) as places:
        case = await at.case(status="known")
        await places.settle()
        before = await only_visit(places)
        assert [] == at.model.requests
        await at.engine.change_token(case, f"{case.id}.1", Change(metadata={"status": "unclassified"}), by="ann")
        await places.settle()
        after = await only_visit(places)
    assert ("unmet", "completed") == (before.status, after.status)
    assert "metadata.status" in before.reason


@pytest.mark.parametrize("schedule", [Schedule(), Schedule(interval=60, max_executions=3)])
async def test_the_result_is_discarded_when_the_token_has_left(schedule):
    """ZB12: a person moves the token meanwhile; nothing is written, and the visit and the execution are kept."""
    async with at_intake(says("news", after=0.2)) as at, keeping(at, placed(schedule=schedule)) as places:
        case = await at.case()
        await asked(at)
        await at.engine.fire(case, "archive", by="ann")
        await places.settle()
        case, visit = await at.engine.get(case), await only_visit(places)
        [execution] = await at.executions()
    assert ("archived", {"content": "A text."}) == (case.state, case.data)
    assert ("discarded", "completed", execution.id) == (visit.status, execution.status, visit.execution)
    assert "had left 'pending'" in visit.reason


async def asked(at: Office) -> None:
    """Returns once the model is asked."""
    async with asyncio.timeout(20):
        while not at.model.requests:  # noqa: ASYNC110 - the model tells nobody
            await asyncio.sleep(0.005)


async def test_the_result_is_discarded_when_the_token_was_changed():
    """ZB12: what was true of the token when the agent was asked is not true any more."""
    async with at_intake(says("news", after=0.2)) as at, keeping(at, placed()) as places:
        case = await at.case()
        await asked(at)
        await at.engine.change_token(case, f"{case.id}.1", Change(data={"content": "Another."}), by="ann")
        await places.settle()
        case, visit = await at.engine.get(case), await only_visit(places)
    assert ({"content": "Another."}, "discarded") == (case.data, visit.status)
    assert "was changed" in visit.reason


async def test_a_token_that_has_left_before_its_time_is_left_alone():
    """O2: an initial delay gives a person time; nothing is asked of a model for a token that is gone."""
    slow = placed(schedule=Schedule(initial_delay=0.2))
    async with at_intake() as at, keeping(at, slow) as places:
        case = await at.case()
        await places.settle()
        await at.engine.fire(case, "archive")
        await asyncio.sleep(0.25)
        await places.settle()
        visit = await only_visit(places)
    assert ("left", []) == (visit.status, at.model.requests)


async def test_a_failure_is_recorded_and_the_token_stays():
    """A place agent that fails changes nothing."""
    async with at_intake(*["no JSON"] * 20) as at, keeping(at, placed()) as places:
        case = await at.case()
        await places.settle()
        visit, after = await only_visit(places), await at.engine.get(case)
    assert ("failed", {"content": "A text."}) == (visit.status, after.data)


async def test_an_agent_that_fails_is_asked_again():
    """O1: the retries of the place count."""
    retry = {"max_attempts": 2, "backoff_seconds": 0}
    async with at_intake(*["no JSON"] * 3, says("news")) as at, keeping(at, placed(retry=retry)) as places:
        await at.case()
        await places.settle()
        visit = await only_visit(places)
        executions = await at.executions()
    assert ("completed", ["failed", "completed"]) == (visit.status, [each.status for each in executions])


async def test_each_visit_is_one():
    """O3: a token that comes back is worked on again, and one that is seen twice is not."""
    again = Workflow(
        "intake",
        flow(pending >> sorted_).transition("sort").manual(),
        flow(sorted_ >> pending).transition("back").manual(),
    )
    async with office(again, says=[says("a"), says("b")], agents=[classifier()]) as at:
        async with keeping(at, placed()) as places:
            case = await at.case()
            await places.settle()
        async with keeping(at, placed()) as places:  # another process, which has read nothing yet
            await places.settle()
            await at.engine.fire(case, "sort")
            await at.engine.fire(case, "back")
            await places.settle()
            visits = await places.visits.listed(case=case.id)
        assert ["completed", "completed"] == [visit.status for visit in visits]
        assert "b" == (await at.engine.get(case)).data["category"]


async def test_two_processes_work_once(tmp_path):
    """Two engines on one storage keep one place: each token is worked on by one of them."""
    url = f"sqlite:///{tmp_path}/work.db"
    async with (
        at_intake(url=url, always=says("a")) as one,
        at_intake(url=url, always=says("b")) as two,
        keeping(one, placed()) as here,
        keeping(two, placed()) as there,
    ):
        for _ in range(5):
            await one.case()
        async with asyncio.timeout(10):
            while [v.status for v in await here.visits.listed()] != ["completed"] * 5:
                await here.settle()
                await there.settle()
        executions = await one.executions()
    assert (5, 5) == (len(executions), len(one.model.requests) + len(two.model.requests))


async def ticking(at: Office, places: PlaceAgents, clock: ManualClock, seconds: float) -> Any:
    """The only visit when so much time has passed and everything due is done."""
    await clock.advance(seconds)
    await places.settle()
    return await only_visit(places)


async def test_an_interval_works_again_and_again():
    """O2: every interval as long as the token stays, at most max_executions times."""
    clock, times = ManualClock(), Schedule(initial_delay=5, interval=60, max_executions=3)
    async with at_intake(always=says("news"), clock=clock) as at, keeping(at, placed(schedule=times)) as places:
        await at.case()
        runs = [(await ticking(at, places, clock, wait)).runs for wait in (0, 5, 30, 30, 60, 60)]
        assert ([0, 1, 1, 2, 3, 3], "completed") == (runs, (await only_visit(places)).status)


async def test_times_that_were_missed_are_kept_once():
    """A schedule that nobody kept because nothing was running: one execution, late, and the number of the missed."""
    clock, times = ManualClock(), Schedule(interval=60)
    async with at_intake(always=says("news"), clock=clock) as at:
        async with keeping(at, placed(schedule=times)) as places:
            await at.case()
            await ticking(at, places, clock, 0)
        await clock.advance(600)
        async with keeping(at, placed(schedule=times)) as places:
            visit = await ticking(at, places, clock, 0)
    assert (2, 9) == (visit.runs, visit.missed)
    assert visit.due == visit.entered + timedelta(seconds=660)


async def test_missed_times_can_be_skipped():
    """With missed="skip" what is late is not done, and that is recorded."""
    clock, times = ManualClock(), Schedule(initial_delay=10, missed="skip")
    async with at_intake(clock=clock) as at:
        async with keeping(at, placed(schedule=times)) as places:
            await at.case()
            await places.settle()
        await clock.advance(600)
        async with keeping(at, placed(schedule=times)) as places:
            visit = await ticking(at, places, clock, 0)
    assert ("skipped", 1, 0) == (visit.status, visit.missed, visit.runs)


async def test_everything_is_checked_before_work_begins():
    """Unknown places, transitions, agents and inputs are refused together when the work is to begin."""
    wrong = [
        placed(place="pendign", name="a"),
        placed(auto_transition="srot", name="b"),
        placed(agent="nobody", name="c"),
        placed(input_mapping={"text": "data.content"}, name="d"),
        placed(trigger_conditions=["no_such_rule"], name="e"),
    ]
    async with at_intake() as at:
        with pytest.raises(AgentInvalid) as caught:
            async with keeping(at, *wrong):
                pass
    told = str(caught.value)
    for part in ("'pendign'", "did you mean 'sort'", "no agent 'nobody'", "no input 'text'", "no_such_rule"):
        assert part in told


async def test_a_transition_that_leaves_another_place_is_refused():
    """O3: an auto_transition that would never move the token on is refused with those that do, if there are any."""
    on = flow(pending >> sorted_).transition("sort"), flow(sorted_ >> archived).transition("archive").manual()
    last = placed(place="archived", name="last", auto_transition="sort")
    async with office(Workflow("intake", *on), agents=[classifier()]) as at:
        with pytest.raises(AgentInvalid) as caught:
            async with keeping(at, placed(auto_transition="archive"), last):
                pass
    told = str(caught.value)
    assert "transition 'archive' does not leave state 'pending' (name one that does: 'sort')" in told
    assert "transition 'sort' does not leave state 'archived' (leave auto_transition out" in told


async def test_a_workflow_that_may_not_use_the_agent_is_refused():
    """W5: what is forbidden is refused when the work is to begin."""
    forbidding = classifier(allowed_workflows=())
    async with office(intake(), agents=[forbidding]) as at:
        with pytest.raises(AgentInvalid, match="may not use agent 'content-classifier'"):
            async with keeping(at, placed()):
                pass


async def test_several_place_agents_have_names():
    """Two of one name are refused, for what was done is kept under it."""
    async with at_intake() as at:
        with pytest.raises(AgentInvalid, match="is there twice"):
            async with keeping(at, placed(), placed(timeout=5)):
                pass


def test_a_place_agent_goes_to_yaml_and_back():
    """O1 O5: all of the example of the documents is written and read."""
    example = placed(
        trigger_conditions=[field("data.content").exists(), field("metadata.status") == "unclassified"],
        llm_config={"temperature": 0.1, "max_tokens": 200, "stop": ["CLASSIFICATION COMPLETE"]},
        auto_transition="move_to_categorized",
        schedule=Schedule(initial_delay=5, max_executions=1),
        retry={"max_attempts": 2, "backoff_seconds": 15},
        timeout="30s",
    )
    text = dump_places([example])
    [read] = load_places(text)
    assert text == dump_places([read])
    assert (example.schedule, example.policy, 30.0) == (read.schedule, read.policy, read.limit)
    assert example.rule == read.rule


def test_faults_of_a_document_are_all_told():
    """Every fault has its line."""
    text = """circuit_breaker: 1
workflow: intake
place_agents:
  - place: pending
    agent: a
    schedule: {initial_delay: -1, intervall: 5}
  - place: pending
    agent: b
    output_mapping: {state.x: y}
"""
    with pytest.raises(DocumentInvalid) as caught:
        load_places(text)
    assert "line 6" in str(caught.value)
    assert "did you mean 'interval'" in str(caught.value)


def test_every_fault_of_a_schedule_is_named():
    """Times and numbers that are none are refused together."""
    with pytest.raises(AgentInvalid) as caught:
        Schedule(initial_delay=-1, interval=0.1, max_executions=0, missed="maybe")  # type: ignore[arg-type]
    assert ["initial_delay", "interval", "max_executions", "missed"] == [f.place for f in caught.value.faults]


def test_every_fault_of_a_place_agent_is_named():
    """What is wrong with one is told at once."""
    with pytest.raises(AgentInvalid) as caught:
        placed(agent="", name="a b", retry=0, output_mapping={"state": "x"}, schedule=5, timeout="soon")
    places = {fault.place for fault in caught.value.faults}
    assert {"agent", "name", "retry", "output_mapping.state", "schedule", "timeout"} == places


async def test_an_input_that_the_token_has_not_is_a_failure():
    """What the agent needs and the token has not is told, and no model is asked."""
    lacking = placed(input_mapping={"content": "data.no_such_field"})
    async with at_intake() as at, keeping(at, lacking) as places:
        await at.case()
        await places.settle()
        visit = await only_visit(places)
    assert ("failed", []) == (visit.status, at.model.requests)
    assert "input.content: is missing; it comes from 'data.no_such_field' of the token" in visit.reason


async def test_an_output_that_the_answer_has_not_is_a_failure():
    """A mapping that names what is not there changes nothing."""
    free = classifier(output_schema=FORM)
    lacking = placed(output_mapping={"data.x": "kind"})
    async with office(intake(), says=[says("news")], agents=[free]) as at, keeping(at, lacking) as places:
        case = await at.case()
        await places.settle()
        visit, after = await only_visit(places), await at.engine.get(case)
    assert ("failed", {"content": "A text."}) == (visit.status, after.data)


async def test_an_action_that_holds_the_token_is_waited_for():
    """The answer is written when the action that holds the token has ended where it began."""
    failing = asyncio.Event()

    async def fail(token: Any) -> None:
        await failing.wait()
        raise ValueError("no")

    workflow = Workflow("intake", flow(pending >> sorted_).transition("sort").manual().action(fail))
    async with office(workflow, says=[says("news", after=0.1)], agents=[classifier()]) as at:
        async with keeping(at, placed()) as places, asyncio.TaskGroup() as group:
            case = await at.case()
            await asked(at)
            attempt = group.create_task(refused(at, case))
            await asyncio.sleep(0.2)
            failing.set()
            await attempt
            await places.settle()
            visit = await only_visit(places)
        assert ("completed", "news") == (visit.status, (await at.engine.get(case)).data["category"])


async def refused(at: Office, case: Any) -> None:
    """Fires a transition whose action fails."""
    with pytest.raises(ValueError, match="no"):
        await at.engine.fire(case, "sort")


async def test_conditions_that_do_not_hold_are_looked_at_at_the_next_time():
    """O2: with an interval a token that does not fit yet is judged again at each time."""
    clock, times = ManualClock(), Schedule(interval=60)
    wanted = placed(schedule=times, trigger_conditions=[field("metadata.status") == "unclassified"])
    async with at_intake(always=says("news"), clock=clock) as at, keeping(at, wanted) as places:
        case = await at.case()
        before = await ticking(at, places, clock, 0)
        await at.engine.change_token(case, f"{case.id}.1", Change(metadata={"status": "unclassified"}))
        after = await ticking(at, places, clock, 60)
    assert (0, 1) == (before.runs, after.runs)
    assert before.reason.startswith("unmet: ")


async def test_a_case_of_an_unknown_definition_is_left_to_others(tmp_path):
    """Where nobody here knows the workflow of a case, its visits wait for somebody who does."""
    later, clock, url = placed(schedule=Schedule(initial_delay=10)), ManualClock(), f"sqlite:///{tmp_path}/w.db"
    async with at_intake(clock=clock, url=url) as at, keeping(at, later) as places:
        await at.case()
        await places.settle()
        assert await places.next_due() == clock.now() + timedelta(seconds=10)
    async with office(agents=[classifier()], clock=clock, url=url) as at, keeping(at, later) as places:
        visit = await ticking(at, places, clock, 10)
    assert ("due", []) == (visit.status, at.model.requests)


async def test_visits_are_found_by_what_they_are_about():
    """By case, token, place agent and status; a status that is none is refused."""
    async with at_intake(says("news"), says("essay")) as at, keeping(at, placed()) as places:
        case = await at.case()
        await at.case()
        await places.settle()
        assert 2 == len(await places.visits.listed(place_agent=placed().name, status="completed"))
        assert [case.id] == [visit.case for visit in await places.visits.listed(case=case.id)]
        with pytest.raises(DataInvalid, match="no visit has the status 'done'"):
            await places.visits.listed(status="done")  # type: ignore[arg-type]


async def test_a_place_whose_workflow_is_not_known_yet_is_not_judged():
    """A definition may come later."""
    async with at_intake() as at, keeping(at, placed(workflow="another")) as places:
        await places.settle()
        assert await places.next_due() is None


def test_place_agents_of_several_workflows_are_several_documents():
    """One document keeps one workflow; a function without a name cannot be written."""
    with pytest.raises(DocumentInvalid, match="of 2 workflows"):
        dump_places([placed(), placed(workflow="another")])
    with pytest.raises(DocumentInvalid, match="function without a name"):
        dump_places([placed(trigger_conditions=lambda token: True)])


def test_another_format_is_refused():
    """A document of another release is told so."""
    with pytest.raises(DocumentInvalid, match="format"):
        load_places("circuit_breaker: 2\nworkflow: w\nplace_agents: []\n")


async def test_agents_of_places_follow_one_another():
    """O6: the transition that one agent fires brings the token to the place of the next one."""
    chain = Workflow(
        "intake",
        flow(pending >> sorted_).transition("sort").manual(),
        flow(sorted_ >> archived).transition("archive").manual(),
    )
    first = placed(auto_transition="sort")
    second = placed(place="sorted", auto_transition="archive", output_mapping={"data.second": "category"})
    async with office(chain, says=[says("a"), says("b")], agents=[classifier()]) as at:
        async with keeping(at, first, second) as places:
            case = await at.case()
            await places.settle()
        case = await at.engine.get(case)
    assert ("archived", "a", "b") == (case.state, case.data["category"], case.data["second"])


async def test_two_places_and_two_tokens_do_not_mix():
    """Each token is judged for the place that it is in, also where a case has several."""
    split = Workflow(
        "intake",
        flow(submitted >> (pending, sorted_)).transition("split"),
        flow((pending, sorted_) >> archived).transition("join").manual(),
    )
    second = placed(place="sorted", output_mapping={"data.second": "category"})
    async with office(split, always=says("news"), agents=[classifier()]) as at, keeping(at, placed(), second) as places:
        case = await at.run()
        await places.settle()
        case = await at.engine.get(case)
    assert {"pending": "category", "sorted": "second"} == {
        token.state: next(name for name in token.data if name != "content") for token in case.marking
    }


async def test_the_transition_takes_the_token_that_was_worked_on():
    """O1: with several tokens in one state it is the right one that moves."""
    wanted = placed(auto_transition="sort", trigger_conditions=[field("data.content") == "second"])
    async with at_intake(says("news")) as at, keeping(at, wanted) as places:
        case = await at.case("first")
        await at.engine.add_token(case, {"content": "second", "category": "known"})
        await at.engine.change_token(case, f"{case.id}.1", Change(data={"category": "known"}))
        await places.settle()
        case = await at.engine.get(case)
    assert {"pending": "first", "sorted": "second"} == {token.state: token.data["content"] for token in case.marking}


async def test_a_transition_whose_action_fails_is_recorded():
    """What an action raises ends nothing but its firing."""

    def fail(token: Any) -> None:
        raise KeyError("x")

    workflow = Workflow("intake", flow(pending >> sorted_).transition("sort").manual().action(fail))
    place = placed(auto_transition="sort")
    async with office(workflow, says=[says("news")], agents=[classifier()]) as at, keeping(at, place) as places:
        await at.case()
        await places.settle()
        visit = await only_visit(places)
    assert "completed" == visit.status
    assert "transition 'sort' did not fire: " in visit.reason


class LateVisits(Visits):
    """Visits of which one that is unmet is kept only when somebody has changed its token, and that was seen."""

    async def put(self, visit: Any) -> Any:
        if visit.status == "unmet":
            await self.meanwhile(visit)
        return await super().put(visit)


async def test_a_change_while_it_is_judged_is_not_missed():
    """A token that is changed between the judgement and its record is judged again."""
    wanted = placed(trigger_conditions=[field("metadata.status") == "unclassified"])
    async with at_intake(says("news")) as at, keeping(at, wanted) as places:
        visits = places.visits = places.doorway.visits = LateVisits(at.engine.storage)

        async def change(visit: Any) -> None:
            change = Change(metadata={"status": "unclassified"})
            await at.engine.change_token(visit.case, visit.token, change)
            while await at.engine.storage.position() > places.doorway.reached:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

        visits.meanwhile = change
        await at.case(status="known")
        await places.settle()
        assert "completed" == (await only_visit(places)).status


async def test_nothing_is_asked_again_for_a_token_that_was_changed():
    """ZB12: an agent that failed is not asked again when the token is not what it was given any more."""
    async with at_intake(always="no JSON") as at:
        case, visits = await at.case(), Visits(at.engine.storage)
        where = {"case": case.id, "token": case.token.id, "place": "pending", "event": 1, "entered": case.token.entered}
        visit = Visit(id="v", place_agent="p", **where, status="running", runs=1, sequence=1)
        asked = await at.agents.run("content-classifier", {"content": "A text."}, key=f"{visit.key}.1")
        await at.engine.change_token(case, case.token.id, Change(data={"content": "Another."}), by="ann")
        kept = await visits.put(attrs.evolve(visit, execution=asked.id))
        assert kept is not None
        await Attendance(placed(retry=3), at.engine, at.agents, visits).attend(kept)
        assert (1, "failed") == (len(await at.executions()), (await visits.listed())[0].status)


async def test_a_visit_whose_conditions_never_held_ends_when_the_token_comes_back():
    """O4: what waited for a change of a token that has left is over; the new visit is judged by itself."""
    back = Workflow(
        "intake",
        flow(pending >> sorted_).transition("sort").manual(),
        flow(sorted_ >> pending).transition("back").manual(),
    )
    condition = placed(trigger_conditions=[field("ready").exists()])
    async with office(back, agents=[classifier()]) as at, keeping(at, condition) as places:
        case = await at.case()
        await places.settle()
        for name in ("sort", "back"):
            case = await at.engine.fire(case, name)
        await places.settle()
        await at.engine.change_token(case, case.token.id, Change(data={"n": 1}), by="ann")
        await places.settle()
        visits = sorted(await places.visits.listed(), key=lambda visit: visit.event)
        assert ["left", "unmet"] == [visit.status for visit in visits]


async def test_all_times_that_were_skipped_are_counted():
    """With missed="skip" and an interval each time that nobody kept counts, the first of them too."""
    clock, times = ManualClock(), Schedule(initial_delay=10, interval=60, missed="skip")
    async with at_intake(clock=clock) as at:
        async with keeping(at, placed(schedule=times)) as places:
            await at.case()
            await places.settle()
        await clock.advance(150)  # times were at 10, 70 and 130
        async with keeping(at, placed(schedule=times)) as places:
            visit = await ticking(at, places, clock, 0)
    assert (3, 0) == (visit.missed, visit.runs)
