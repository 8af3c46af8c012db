"""The ground floor: errors, lazy names, the converter, ids and clocks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from traceback import format_exception_only

import attrs
import pytest

import circuit_breaker
from circuit_breaker import errors
from circuit_breaker.engine.ids import new_id
from circuit_breaker.engine.ports import SystemClock
from circuit_breaker.engine.resident import Turn
from circuit_breaker.lazy import Later, lazily
from circuit_breaker.testing import ManualClock
from circuit_breaker.wire import field_names, structure, unstructure


def test_every_error_has_a_code_of_its_own_and_the_docstring_as_message() -> None:
    """C18, D15, Z1: one tree, each class with a stable code and a default message."""
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    codes = [kind.code for kind in classes]
    assert len(codes) == len(set(codes))
    assert "There is no case of that id." == str(errors.CaseNotFound())
    assert {"code": "case_not_found", "message": "gone", "remedy": "look"} == errors.CaseNotFound(
        "gone", remedy="look"
    ).to_document()


def test_the_faults_of_a_definition_are_in_its_message_and_its_document() -> None:
    """Several faults are reported together, each with its place, remedy and position."""
    fault = errors.Fault("flows[0]", "has no name", "give one", line=3, column=5)
    error = errors.WorkflowInvalid("Two faults", faults=[fault, errors.Fault("state 'x'", "is unknown")])
    assert "line 3, column 5: flows[0]: has no name (give one)" in str(error)
    assert ["flows[0]", "state 'x'"] == [fault["place"] for fault in error.to_document()["faults"]]


def test_a_parsing_error_points_at_its_place() -> None:
    """The excerpt has a caret below the fault."""
    error = errors.ConditionParsingError("unexpected ')'", text="data.a > )", position=9)
    *_, excerpt, pointer = str(error).splitlines()
    assert ")" == excerpt[pointer.index("^")]


def test_the_nearest_name_is_offered() -> None:
    """A close name is a hint; without one, the known names are listed; with none, nothing is said."""
    assert "did you mean 'approve'?" == errors.nearest("aprove", ["approve", "reject"])
    assert "known: approve, reject" == errors.nearest("zzz", ["approve", "reject"])
    assert errors.nearest("zzz", [f"name{n}" for n in range(20)]).endswith(", ...")
    assert "" == errors.nearest("zzz", [])


def test_a_missing_extra_says_what_to_install() -> None:
    """An optional dependency that is absent names the command that installs it."""
    assert "pip install 'circuit-breaker-sdk[javascript]'" in str(
        errors.ExtraMissing("quickjs-ng", extra="javascript", why="a JavaScript rule")
    )


def test_every_error_is_named_by_where_one_imports_it_from() -> None:
    """A traceback, and whatever is kept of an error, says the public home of its class, not the room it lies in."""
    homes = {getattr(errors, name).__module__ for name in errors.__all__}
    assert {"circuit_breaker.errors"} == homes
    assert "circuit_breaker.errors.CaseNotFound: x\n" == "".join(format_exception_only(errors.CaseNotFound("x")))


def test_an_action_names_its_own_kind_of_failure() -> None:
    """An action error carries the code it is given, for retry policies."""
    assert "rate_limit" == errors.ActionError("slow down", code="rate_limit").code
    assert "action_failed" == errors.ActionError("x").code


def test_public_names_are_loaded_when_they_are_used() -> None:
    """Every name of the package can be had from it, and an unknown one is an AttributeError."""
    assert set(circuit_breaker.__all__) == set(dir(circuit_breaker))
    for name in circuit_breaker.__all__:
        assert getattr(circuit_breaker, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lazily("circuit_breaker", {})("nothing")


def test_names_may_be_given_as_a_line_of_words() -> None:
    """One by one or in a line, each name is loaded from its module."""
    for names in ("user system", ("user", "system")):
        load = lazily("circuit_breaker.llm", {"messages": names})
        assert ["user", "system"] == [load(name).__name__ for name in ("user", "system")]


def test_every_name_of_the_models_can_be_had() -> None:
    """What is offered is there, and each name is that of the thing itself."""
    from circuit_breaker import llm  # noqa: PLC0415 - it is heavy, and the other tests here need none of it

    assert [] == [name for name in llm.__all__ if getattr(llm, name) is None]


@attrs.define
class Inner:
    when: datetime
    wait: timedelta = timedelta(0)


@attrs.define
class Outer:
    name: str
    share: float = 0.0
    inner: Inner | None = None


def test_a_module_for_later_is_imported_when_something_of_it_is_used() -> None:
    """The first use imports it and remembers what was asked for; what it does not have is an error as of a module."""
    later = Later("fractions")

    assert 3 == later.Fraction(3).numerator
    assert "Fraction" in vars(later)
    with pytest.raises(AttributeError, match="nothing"):
        _ = later.nothing


def test_to_define_a_workflow_nothing_is_loaded_that_runs_one() -> None:
    """What decides and keeps what happens to cases is loaded with the first case."""
    code = (
        "import sys; from circuit_breaker import Workflow, states, flow, rule, field; a, b = states('a', 'b')\n"
        "Workflow('w', flow(a >> b).transition('go').guard(field('x') > 1).manual())\n"
        "sys.exit(' '.join({'msgspec', 'asyncio', 'circuit_breaker.workflow.firing'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert (0, "") == (done.returncode, done.stderr)


def test_documents_become_values_and_back() -> None:
    """The converter reads what it writes, nested values, times and durations included."""
    value = Outer("x", 1.5, Inner(datetime(2030, 1, 1, tzinfo=UTC), timedelta(seconds=90)))
    assert value == structure(unstructure(value), Outer)
    assert ("name", "share", "inner") == field_names(Outer)


def test_an_integer_may_be_a_number_but_a_text_may_not() -> None:
    """JSON types are not converted into one another; all faults are named with their paths."""
    assert 2.0 == structure({"name": "x", "share": 2}, Outer).share
    with pytest.raises(errors.DataInvalid) as caught:
        structure({"name": 5, "share": "2"}, Outer)
    assert "5 is no str" in str(caught.value)
    assert "'2' is no float" in str(caught.value)


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    """A misspelt field is not dropped in silence."""
    with pytest.raises(errors.DataInvalid, match="did you mean 'name'"):
        structure({"nmae": "x"}, Outer)


def test_ids_are_unique_uuids_that_sort_by_time() -> None:
    """Ids are UUIDs of version 7."""
    ids = [new_id() for _ in range(1000)]
    assert 1000 == len(set(ids))
    assert {7} == {uuid.UUID(made).version for made in ids}
    assert ids[0][:8] <= ids[-1][:8]


async def test_the_clock_of_the_machine_waits() -> None:
    """sleep_until returns at once for a moment that has passed, and waits for one that has not."""
    clock = SystemClock()
    begun = clock.now()
    await clock.sleep_until(begun - timedelta(days=1))
    await clock.sleep_until(begun + timedelta(milliseconds=20))
    assert clock.now() - begun >= timedelta(milliseconds=20)


async def test_a_manual_clock_wakes_whoever_sleeps() -> None:
    """Time passes only when it is advanced, and only those wake whose moment has come."""
    clock = ManualClock()
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await clock.sleep_until(ManualClock().now() + timedelta(seconds=seconds))
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (0, 10, 20):
            group.create_task(sleep(seconds))
        await asyncio.sleep(0)
        await clock.advance(10)
        assert [0, 10] == woken
        await clock.advance("10s")


async def test_only_one_has_the_turn() -> None:
    """Of many that want to decide about one case, one does at a time, and all get their turn."""
    turn, inside, most = Turn(), 0, 0

    async def decide() -> None:
        nonlocal inside, most
        async with turn:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(decide() for _ in range(20)))
    assert (1, False) == (most, turn.taken)
