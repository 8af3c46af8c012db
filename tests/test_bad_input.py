"""Bad input in one place: each gives one clear error with a remedy, and leaves the case as it was."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from circuit_breaker import (
    BaseExecutor,
    Case,
    Engine,
    Plugin,
    StepExecutor,
    Workflow,
    connect,
    field,
    flow,
    load_workflow,
    parameter,
    states,
)
from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    CaseNotFound,
    CircuitBreakerError,
    DataInvalid,
    DocumentInvalid,
    ExecutorInvalid,
    NotEnabled,
    OutcomeInvalid,
    ParameterInvalid,
    Refused,
    StorageForeign,
    StorageFull,
    StorageLocked,
    StorageNewer,
    VersionConflict,
    WorkflowInvalid,
)

draft, review, done, lost = states("draft", "review", "done", "lost")
submit = flow(draft >> review).transition("submit").manual()
document = Workflow("document", submit, flow(review >> done).transition("approve").manual())


@attrs.frozen
class Author:
    """Typed data in typed data."""

    name: str = ""


@attrs.frozen
class Article:
    """Typed data."""

    title: str = ""
    author: Author = Author()


@attrs.frozen
class Upload:
    """Typed data that JSON does not give back."""

    content: bytes = b""


def works(token: Any) -> None: ...


def takes_nothing() -> None: ...


def takes_three(token: Any, context: Any, extra: Any) -> None: ...


paying = submit.action(works).effect("at_most_once")


@contextmanager
def told(kind: type[CircuitBreakerError], *words: str) -> Iterator[None]:
    """What is done inside raises this error, with these words; it, or each fault in it, says what to do."""
    with pytest.raises(kind) as caught:
        yield
    error: Any = caught.value
    assert [] == [word for word in words if word not in str(error)]
    faults = getattr(error, "faults", ())
    assert error.remedy or (faults and all(fault.remedy for fault in faults))


@asynccontextmanager
async def unharmed(
    folder: Path, workflow: Workflow = document, *, moved: bool = False, busy_timeout: float = 5.0, **options: Any
) -> AsyncIterator[tuple[Engine, Case]]:
    """An engine with a case that is found afterwards as it was; if ``moved``, its history went on, but no token did."""
    file = folder / "work.db"
    async with Engine(workflow, storage=connect(f"sqlite:///{file}?busy_timeout={busy_timeout}"), **options) as engine:
        case = await engine.start(workflow, id="case-1", data={"title": "Plan"})
        yield engine, case
    async with connect(file) as journal:
        found = await journal.load("case-1")
    assert found is not None
    assert case.tokens == found.tokens
    assert moved or case == found


def acting(action: Callable[..., Any]) -> Any:
    """A transition with an action."""
    return flow(draft >> review).transition("work").action(action, name="act").manual()


@pytest.mark.parametrize(
    ("define", "words"),
    [
        (lambda: Workflow("w", submit.reads(lost)), ["submit", "state 'lost'", "known: draft, review"]),
        (lambda: Workflow("w", submit, initial="drafd"), ["initial='drafd'", "did you mean 'draft'"]),
        (lambda: Workflow("w", submit.guard("has_titel"), rules={"has_title": field("t") == 1}), ["has_titel", "mean"]),
        (lambda: Workflow("w", submit, submit), ["transition 'submit'", "2 times", "another name"]),
        (lambda: Workflow("w", flow("draft")), ["flow() needs a path", "'draft'", "flow(a >> b)"]),  # type: ignore[arg-type]
        (lambda: Workflow("w", submit, flow(lost >> done).transition("x")), ["state 'lost'", "cannot be reached"]),
        (lambda: Workflow("w", submit.guard(field("titel") == 1), data=Article), ["data.titel", "mean 'title'"]),
        (lambda: Workflow("w", submit.unless(draft)), ["submit", ".unless(draft)", "it can never fire"]),
        (lambda: Workflow("w"), ["workflow: has no transitions"]),
        (lambda: draft >> review >> done, ["draft >> review", "one flow for each step"]),
        (lambda: submit.timeout("2 fortnights"), ["timeout", "'2 fortnights'", "1h 30m"]),
        (lambda: submit.execute(print), ["submit", "is no executor", "give the class"]),
        (lambda: Workflow("w", submit.execute(StepExecutor, stepz=[])), ["parameter 'stepz'", "did you mean 'steps'"]),
        (lambda: Workflow("w", submit.action(takes_nothing)), ["'takes_nothing' takes ()", "(token, context)"]),
        (lambda: Workflow("w", submit.action(takes_three)), ["'takes_three' takes (token, context, extra)"]),
        (
            lambda: Workflow(
                "w", flow(draft.says("a") >> review).transition("x"), flow(review >> draft.says("b")).transition("y")
            ),
            ["state 'draft'", "message='a' and message='b'", "make the state once"],
        ),
        (lambda: Workflow("w", submit.metadata(tags={1})), ["transition 'submit'", "metadata.tags", "set is no JSON"]),
        (lambda: Workflow("w", submit, metadata={"x": 1j}), ["workflow", "metadata.x", "complex is no JSON"]),
        (
            lambda: Workflow("w", submit.guard(field("author.nmae") == "ann"), data=Article),
            ["'data.author.nmae'", "Author has no field 'nmae'", "did you mean 'name'"],
        ),
        (lambda: Workflow("w", submit, data=Upload), ["Upload.content", "of type bytes", "keep it as text"]),
        (lambda: Workflow("w", submit, data=Article()), ["data: is an instance of Article", "data=Article"]),
        (lambda: submit.retry(max_attemps=3), ["'submit'", ".retry()", "'max_attemps'", "did you mean 'max_attempts'"]),
        (lambda: submit.retry(retry_on=[TimeoutError]), ["retry_on=<class 'TimeoutError'>", "write 'timeout'"]),
        (lambda: submit.policy(validation="title"), [".policy()", "'validation'", "did you mean 'validations'"]),
        (submit.timeout, [".timeout()", "'duration'", "it takes (duration)"]),
        (lambda: Workflow("w", submit, ruels=[]), ["Workflow()", "'ruels'", "did you mean 'rules'"]),
        (lambda: Workflow("w", paying.retry(3)), [".effect('at_most_once') and .retry()", "retry_on=[...]"]),
    ],
    ids=[
        "unknown state",
        "unknown initial state",
        "unknown rule",
        "duplicate name",
        "no path",
        "unreachable",
        "missing typed field",
        "inhibitor on its own input",
        "empty",
        "chained path",
        "no duration",
        "no executor",
        "unknown parameter",
        "action without arguments",
        "action with three arguments",
        "two states of one name",
        "metadata of a transition that is no JSON",
        "metadata of a workflow that is no JSON",
        "missing nested typed field",
        "typed field that is no JSON",
        "instance for a class",
        "unknown setting of a retry",
        "exception for a code",
        "unknown argument of a step",
        "missing argument of a step",
        "unknown argument of a workflow",
        "at most once, and again",
    ],
)
def test_a_wrong_definition(define: Callable[[], Any], words: list[str]) -> None:
    """A definition that is wrong is refused before anything runs."""
    with told(WorkflowInvalid, *words):
        define()


def test_every_fault_of_a_definition_is_told_at_once() -> None:
    """What is wrong with states, actions, data and metadata is told together, and nothing that follows from it."""
    flows = [
        paying.retry(3).guard(field("author.nmae") == "x"),
        flow(review >> done).transition("go").action(takes_three),
    ]
    with pytest.raises(WorkflowInvalid) as caught:
        Workflow("w", *flows, data=Article, initial="darft", metadata={"x": {1}})
    assert [
        "transition 'submit'", "transition 'go'", "workflow", "transition 'submit'", "workflow",
    ] == [fault.place for fault in caught.value.faults]  # fmt: skip


def test_a_wrong_executor_class() -> None:
    """An executor class that is wrong is refused where it is made."""
    with told(ExecutorInvalid, "parameter 'image'", "'strin'", "did you mean 'string'"):

        @parameter("image", type="strin")
        class Strange(BaseExecutor):
            async def execute_internal(self, context: Any) -> dict[str, Any]:
                return {}

    with told(ExecutorInvalid, "Wrong", "execute_internal(self)", "write def execute_internal(self, context)"):

        class Wrong(BaseExecutor):
            def execute_internal(self) -> None: ...  # type: ignore[override]


def test_a_file_with_errors() -> None:
    """Every fault of a definition in YAML is told with its line and column."""
    head = "circuit_breaker: 1\nname: w\nstates: [draft, done]\ntransitions:\n"
    with told(DocumentInvalid, "work.yaml", "line 5, column 31", "'don'", "line 5, column 36", "did you mean 'manual'"):
        load_workflow(f"{head}- {{name: go, from: draft, to: don, manul: true}}\n", name="work.yaml")


def test_a_file_with_errors_of_many_kinds() -> None:
    """D15: faults of the text, of its form and of its meaning are told in one go, each once, with line and column."""
    text = """\
circuit_breaker: 1
name: w
name: v
states: [draft, {name: done, message: .inf}]
transitions:
- {name: go, from: draft, to: don, guard: [nope, data.x >, data.y <]}
- {name: back, from: done, to: draft, timeout: 3, retry: {max_attempts: 0, jiter: 1}, guard: data.x > 1}
- {name: pay, from: done, to: draft, steps: [{execute: Pay}], effect: at_most_once, retry: 3}
"""
    with pytest.raises(DocumentInvalid) as caught:
        load_workflow(text, name="work.yaml")
    assert [
        (3, "there twice"), (4, "no JSON number"), (6, "no state 'don'"), (6, "rule 'nope'"), (6, "too early"),
        (6, "too early"), (7, "no action"), (7, "max_attempts=0"), (7, "'jiter'"),
        (8, "'at_most_once'"),
    ] == [(fault.line, word) for fault in caught.value.faults for word in WORDS if word in fault.message]  # fmt: skip


WORDS = [
    "there twice", "no JSON number", "no state 'don'", "rule 'nope'", "too early", "no action", "max_attempts=0",
    "'jiter'", "'at_most_once'",
]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a: [", "\t", "{" * 2000, "&a [*a]", "", "a: 1\na: 2", "!!python/object:os.system {}"]
)
def test_a_file_that_is_no_definition(text: str) -> None:
    """Whatever stands in a file, it is refused with the place, and nothing in it is carried out."""
    with pytest.raises(DocumentInvalid, match=r"line [12]"):
        load_workflow(text)


async def test_unknown_parameters_of_an_executor() -> None:
    """A parameter that an executor does not have is told with the nearest right name, before it runs."""
    with told(ParameterInvalid, "'paralel'", "did you mean 'parallel'"):
        await StepExecutor(steps=[], paralel=True).execute()


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"x": {1, 2}}, "data.x"),
        ({"x": [1, float("inf")]}, "data.x[1]"),
        ({"x": "\ud800"}, "data.x"),
        ({"\ud800": 1}, "data"),
        ({1: 2}, "data: the key 1"),
        ("text", "data: 'text'"),
    ],
)
async def test_data_that_is_no_json(tmp_path: Path, data: Any, place: str) -> None:
    """Data that cannot be kept is refused with its path, wherever it is given."""
    async with unharmed(tmp_path) as (engine, case):
        for give in (engine.fire(case, "submit", data=data), engine.add_token(case, data)):
            with told(DataInvalid, place):
                await give
        with told(DataInvalid, place):
            await engine.start("document", data=data)


@pytest.mark.parametrize("ident", ["", " ", "x" * 201, "a\ud800", 5, ["a"]])
async def test_an_id_that_is_none(tmp_path: Path, ident: Any) -> None:
    """An empty or impossible id is refused, and no case comes to be."""
    async with unharmed(tmp_path) as (engine, _):
        with told(DataInvalid, "id: "):
            await engine.start("document", id=ident)
        assert 1 == len(await engine.cases())


@pytest.mark.parametrize(
    ("call", "arguments"), [("fire", ["submit"]), ("add_token", [{}]), ("run", []), ("cancel", []), ("get", [])]
)
async def test_a_case_that_is_unknown(tmp_path: Path, call: str, arguments: list[Any]) -> None:
    """Nothing can be done with a case that there is not, and none comes to be by it."""
    async with unharmed(tmp_path) as (engine, _):
        with told(CaseNotFound, "case 'case-2'"):
            await getattr(engine, call)("case-2", *arguments)
        assert ["case-1"] == [summary.id for summary in await engine.cases()]


async def test_a_token_for_a_state_that_is_unknown(tmp_path: Path) -> None:
    """A token in a state that the workflow does not have is refused with the nearest."""
    async with unharmed(tmp_path) as (engine, case):
        with told(WorkflowInvalid, "'document'", "'reviw'", "did you mean 'review'"):
            await engine.add_token(case, state="reviw")


async def test_two_writers_on_one_case(tmp_path: Path) -> None:
    """Of two processes that fire the same edge at once, one wins and the other is told what it found instead."""
    async with (
        Engine(document, storage=connect(tmp_path / "work.db")) as one,
        Engine(document, storage=connect(tmp_path / "work.db")) as two,
    ):
        case = await two.get(await one.start("document"))
        outcomes = await asyncio.gather(*(engine.fire(case, "submit") for engine in (one, two)), return_exceptions=True)
        (lost_one,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        with told(NotEnabled, "submit", case.id, "draft"):
            raise lost_one
        with told(VersionConflict, case.id, "2 events, not 1"):
            await one.fire(case, "approve", expect=1)
        assert ["CaseStarted", "TransitionFired"] == [event.type for event in (await one.get(case)).history]


async def test_a_full_disk(tmp_path: Path) -> None:
    """Where there is no room nothing is written, and it goes on by itself when there is."""
    async with unharmed(tmp_path) as (engine, case):
        connection: Any = engine.storage._open.files.writer._connection  # type: ignore[attr-defined] # only it can be full
        connection.execute("PRAGMA max_page_count = 1")
        with told(StorageFull, "work.db", "no room left"):
            await engine.fire(case, "submit", data={"text": "x" * 100_000})
        assert case == await engine.get(case)
        connection.execute("PRAGMA max_page_count = 1000000")
        assert "stuck" != (await engine.start("document", data={"text": "x" * 100_000})).status


async def test_a_database_that_is_locked(tmp_path: Path) -> None:
    """Another program that holds the file is waited for no longer than asked; then the firing can be repeated."""
    async with unharmed(tmp_path, busy_timeout=0.05) as (engine, case):
        with closing(sqlite3.connect(tmp_path / "work.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with told(StorageLocked, "work.db", "another process"):
                await engine.fire(case, "submit")
            assert case == await engine.get(case)


@pytest.mark.parametrize(
    ("kind", "spoil", "words"),
    [
        (StorageForeign, "CREATE TABLE theirs (a)", ["database of another program"]),
        (StorageNewer, "PRAGMA user_version = 99", ["number 99", "upgrade"]),
    ],
)
async def test_a_database_of_others(tmp_path: Path, kind: Any, spoil: str, words: list[str]) -> None:
    """A foreign file, and one of a later release, are not touched."""
    file = tmp_path / "other.db"
    if kind is StorageNewer:
        async with connect(file):
            pass
    with closing(sqlite3.connect(file)) as other:
        other.execute(spoil)
        other.commit()
    before = file.read_bytes()
    with told(kind, "other.db", *words):
        async with Engine(document, storage=connect(file)):
            pass
    assert before == file.read_bytes()


async def test_a_slow_or_raising_subscriber(tmp_path: Path) -> None:
    """Subscribers, listeners and plugins that are slow, raise or are cancelled hold up and change nothing."""
    stop, heard = asyncio.Event(), asyncio.Event()

    class Broken(Plugin):
        async def on_resource_state_changed(self, case: Case, old_states: tuple[str, ...]) -> None:
            raise RuntimeError("boom")

    async def slow(event: Any) -> None:
        await stop.wait()

    async def cancelled(event: Any) -> None:
        raise asyncio.CancelledError

    def raising(event: Any) -> None:
        raise RuntimeError("boom")

    async def last(event: Any) -> None:
        heard.set()

    async with Engine(document, storage=connect(tmp_path / "work.db"), plugins=[Broken()]) as engine:
        for listener in (slow, cancelled, raising, last):
            engine.on(listener)
        with engine.subscribe(size=1) as never_read:
            case = await engine.fire(await engine.start("document"), "submit")
        await asyncio.wait_for(heard.wait(), 5)
        stop.set()
        assert (1, "review") == (never_read.missed, case.state)


async def cancels_itself(token: Any) -> None:
    """What a plain gather of cancelled calls comes to."""
    raise asyncio.CancelledError


def cancels_in_a_thread(token: Any) -> None:
    raise asyncio.CancelledError


async def hangs(token: Any) -> None:
    await asyncio.Event().wait()


def raises(token: Any) -> None:
    raise OSError("no such file: caf\udce9")


@pytest.mark.parametrize(
    ("transition", "kind", "words"),
    [
        (acting(lambda token: 42), OutcomeInvalid, ["'act' of transition 'work'", "42", "return a mapping"]),
        (acting(lambda token: {"x": "\ud800"}), OutcomeInvalid, ["'act' of transition 'work'", "data.x"]),
        (acting(lambda token: {"x": object()}), OutcomeInvalid, ["'act' of transition 'work'", "data.x", "object"]),
        (acting(hangs).timeout("10ms"), ActionTimeout, ["transition 'work'", "0.01 s", ".retry(...)"]),
        (acting(cancels_itself), ActionError, ["transition 'work'", "cancelled itself"]),
        (acting(cancels_in_a_thread), ActionError, ["transition 'work'", "cancelled itself"]),
    ],
    ids=["no mapping", "no text", "no JSON", "hangs", "cancels itself", "cancels itself in a thread"],
)
async def test_an_action_that_goes_wrong(tmp_path: Path, transition: Any, kind: Any, words: list[str]) -> None:
    """What an action does wrong is told to whoever fired it, and recorded; its token stands where it stood."""
    async with unharmed(tmp_path, Workflow("w", transition), moved=True) as (engine, case):
        with told(kind, *words):
            await engine.fire(case, "work")
        now = await engine.get(case)
        assert ("ActionFailed", ()) == (now.history[-1].type, now.pending)


class Speechless(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("boom")


def cannot_say(token: Any) -> None:
    raise Speechless


def comes_to_an_end(token: Any) -> Any:
    """What ``next`` raises, no future can carry."""
    return next(iter([]))


@pytest.mark.parametrize("action", [cancels_itself, raises, cannot_say, comes_to_an_end])
async def test_a_run_ends_whatever_its_actions_do(tmp_path: Path, action: Callable[..., Any]) -> None:
    """Whatever an action raises, it is tried once and the case has failed: it neither hangs nor begins for ever."""
    made = flow(draft >> review).transition("work").action(action)
    async with unharmed(tmp_path, Workflow("w", made), moved=True) as (engine, case):
        now = await asyncio.wait_for(engine.run(case), 5)
        assert ("failed", ["CaseStarted", "ActionStarted", "ActionFailed"]) == (
            now.status,
            [event.type for event in now.history],
        )


async def test_an_action_that_is_cancelled(tmp_path: Path) -> None:
    """Who stops waiting for an action stops it; its token stands where it stood, and it can be run again."""
    calls: list[int] = []

    async def hangs_once(token: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            await hangs(token)

    made = flow(draft >> review).transition("work").action(hangs_once)
    async with unharmed(tmp_path, Workflow("w", made), moved=True) as (engine, case):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.run(case), 0.05)
        assert ("draft", 1) == ((await engine.get(case)).state, len(calls))
    async with Engine(Workflow("w", made), storage=connect(tmp_path / "work.db")) as engine:
        assert ("review", 2) == ((await engine.run("case-1")).state, len(calls))


@pytest.mark.parametrize(("guard", "words"), [(raises, "no such file: caf"), (cannot_say, "Speechless")])
async def test_a_rule_that_raises_anything(tmp_path: Path, guard: Callable[..., Any], words: str) -> None:
    """A rule whose error cannot even be written refuses, and the refusal is recorded."""
    made = flow(draft >> review).transition("work").guard(guard).manual()
    async with unharmed(tmp_path, Workflow("w", made), moved=True) as (engine, case):
        with pytest.raises(Refused, match=words):
            await engine.fire(case, "work")
        assert "TransitionRefused" == (await engine.get(case)).history[-1].type
