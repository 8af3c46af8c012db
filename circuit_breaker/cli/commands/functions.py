"""Commands for container functions: ``functions register``, ``list``, ``show``, ``run``, ``executions`` and more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from circuit_breaker.cli.commands.executing import secrets_of, settings_of
from circuit_breaker.cli.definitions import module_of
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.options import Seconds, import_option, output_options, storage_option
from circuit_breaker.cli.output import WIDE, Output, table_of
from circuit_breaker.cli.references import DOCUMENTS
from circuit_breaker.cli.remedies import in_commands
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import DocumentInvalid, FunctionInvalid, FunctionNotFound
from circuit_breaker.functions.config import ExecutionConfig, FunctionConfig
from circuit_breaker.functions.definition import CONTAINER, FunctionDefinition
from circuit_breaker.functions.documents import function_schema, load_function
from circuit_breaker.functions.execution import FunctionResult, result_of
from circuit_breaker.functions.manager import FunctionManager
from circuit_breaker.functions.status import ExecutionStatus
from circuit_breaker.functions.triggers import PREFIX
from circuit_breaker.functions.trying import TriggerVerdict
from circuit_breaker.workflow.events import CaseCancelled, CaseCompleted, Event

__all__ = ["functions"]

STYLES = {ExecutionStatus.SUCCESS: "green", ExecutionStatus.FAILED: "red", ExecutionStatus.TIMED_OUT: "red"}
secret_option = click.option(
    "--secret", "secrets", multiple=True, metavar="NAME", help="A secret, from the variable of that name."
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="EXECUTOR.KEY=VALUE",
    help="What the operator of an executor decides, such as subprocess.programs=wc; may be repeated.",
)
docker_option = click.option(
    "--docker",
    metavar="URL",
    envvar="DOCKER_HOST",
    show_envvar=True,
    help="The engine of containers; where they usually listen unless given.",
)


@asynccontextmanager
async def _open(
    session: Session,
    *,
    secrets: Sequence[str] = (),
    docker: str | None = None,
    settings: Sequence[str] = (),
    active: bool = False,
    poll: float = 5.0,
    existing: bool = True,
) -> AsyncIterator[tuple[Engine, FunctionManager]]:
    """An engine and a manager on the journal that was named."""
    executors = settings_of(settings, session.registry.executors)
    config = FunctionConfig(
        docker_config=({"base_url": docker} if docker else {}) | executors.pop(CONTAINER, {}),
        executor_configs=executors,
        execution_config=ExecutionConfig(poll=poll),
    )
    async with (
        session.engine(existing=existing) as engine,
        FunctionManager(
            engine,
            executors=session.registry.executors,
            rules=session.registry.rules,
            secrets=secrets_of(secrets) if secrets else None,
            config=config,
            active=active,
        ) as manager,
    ):
        yield engine, manager


@click.group(short_help="Register and run container functions.")
def functions() -> None:
    """Functions: containers and other executors that run on demand, because of events, and at times.

    What starts them by itself is acted on by `functions work`, which may run any number of times on one journal.
    """


@functions.command(short_help="Register functions.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@import_option
@storage_option
@output_options
@with_session
def register(session: Session, *, files: Sequence[str]) -> None:
    """Register functions, in the order that chains need. FILE is a YAML or JSON file, or path/file.py:attribute."""
    definitions = [_definition(name) for name in files]
    for definition in complete(_registered(session, definitions)):
        if session.output.json:
            session.output.record({"function": definition.id, "version": definition.version})
        else:
            session.output.text(f"{definition.id} {definition.version}")


def _definition(name: str) -> FunctionDefinition:
    if name.lower().endswith(DOCUMENTS):
        try:
            return load_function(Path(name).read_text(encoding="utf-8"), name=name)
        except OSError as error:
            raise FunctionNotFound(f"'{name}' cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise DocumentInvalid(f"'{name}' is no text in UTF-8: {error.reason} at byte {error.start}") from error
    place, _, attribute = name.rpartition(":")
    found: Any = getattr(module_of(place), attribute, None) if place else None
    if not isinstance(found, FunctionDefinition):
        raise FunctionInvalid(f"'{name}' is no function", remedy="name a YAML or JSON file, or path/file.py:attribute")
    return found


async def _registered(session: Session, definitions: Iterable[FunctionDefinition]) -> list[FunctionDefinition]:
    waiting = {definition.id: definition for definition in definitions}
    done = []
    async with _open(session, existing=False) as (_, manager):
        while waiting:
            free = (each for each in waiting.values() if not each.needs & (waiting.keys() - {each.id}))
            definition = next(free, next(iter(waiting.values())))
            await manager.create_function(waiting.pop(definition.id))
            done.append(definition)
    return done


@functions.command("list", short_help="List the functions.")
@import_option
@storage_option
@output_options
@with_session
def list_functions(session: Session) -> None:
    """List the functions of the journal. With --json one object a line."""
    output, found = session.output, complete(_functions(session))
    if output.json:
        for definition in found:
            output.record({**definition.to_document(), "version": definition.version})
        return
    table = table_of("function", "version", "runs", "when", "then")
    for each in found:
        runs = each.container.image if each.container is not None else each.executor_name
        when = ", ".join(trigger.trigger_type for trigger in each.triggers)
        then = ", ".join(chain.target_function for chain in each.chains)
        table.add_row(Line(each.id, style="bold"), each.version, Line(runs), Line(when), Line(then))
    output.say(table if found else "no functions")


async def _functions(session: Session) -> list[FunctionDefinition]:
    async with _open(session) as (_, manager):
        return await manager.functions()


@functions.command(short_help="Show the definition of a function.")
@click.argument("function", metavar="ID")
@click.option("--version", help="Another version than the current one.")
@import_option
@storage_option
@output_options
@with_session
def show(session: Session, *, function: str, version: str | None) -> None:
    """Show the definition of a function, and which versions it has had."""
    definition, versions = complete(_shown(session, function, version))
    document = definition.to_document()
    if session.output.json:
        session.output.document({**document, "version": definition.version, "versions": versions})
        return
    session.output.text(json.dumps(document, indent=2, ensure_ascii=False))
    session.output.note(f"version {definition.version} of: {', '.join(versions)}")


async def _shown(session: Session, function: str, version: str | None) -> tuple[FunctionDefinition, list[str]]:
    async with _open(session) as (_, manager):
        return await manager.get_function(function, version=version), await manager.versions(function)


@functions.command(short_help="Run a function and wait for its result.")
@click.argument("function", metavar="ID")
@click.option("--input", "text", metavar="JSON|@FILE", help="What it is given; null unless given.")
@click.option(
    "--id", "execution", metavar="EXECUTION", help="The id of the execution; made from the time unless given."
)
@docker_option
@set_option
@secret_option
@import_option
@storage_option
@output_options
@with_session
def run(
    session: Session,
    *,
    function: str,
    text: str | None,
    execution: str | None,
    **options: Any,
) -> None:
    """Run a function once, and print its output as JSON; its logs go to standard error.

    What an operator decides, such as which programs may run, is given with --set; given several times, it is a list.

    \b
    circuit-breaker functions run counter \\
        --set subprocess.programs=wc --input '"to be or not"'
    """  # noqa: D301 - click reads the mark of a paragraph that is not to be wrapped
    result, executor = complete(_run(session, function, _json(text), execution, **options))
    output = session.output
    if output.json:
        output.document(result.to_document())
    else:
        for line in result.logs:
            output.note(line.line)
        if result.error:
            _tell_error(output, result, executor)
        else:
            output.document(result.output)
    if result.status is not ExecutionStatus.SUCCESS:
        raise click.exceptions.Exit(ExitCode.REFUSED)


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{text[:60]!r} is no JSON: {error}", param_hint="--input") from error


async def _run(
    session: Session, function: str, given: Any, execution: str | None, **options: Any
) -> tuple[FunctionResult, str]:
    async with _open(session, **options) as (_, manager):
        definition = await manager.get_function(function)
        return await manager.execute_function(function, given, id=execution), definition.executor_name


def _tell_error(output: Output, result: FunctionResult, executor: str) -> None:
    """Why an execution has failed, line by line, with the option that permits what was not."""
    first, *more = in_commands(result.error.get("message", ""), setting=f"--set {executor}.").splitlines() or [""]
    output.warn(f"{result.status}: {first}")
    for line in more:
        output.errors.print(Line(line), soft_wrap=True)


@functions.command(short_help="List executions.")
@click.argument("function", metavar="[ID]", required=False)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([str(each) for each in ExecutionStatus]),
    help="May be repeated.",
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to list.")
@click.option("--after", default="", metavar="EXECUTION", help="Begin after this one: the next page.")
@import_option
@storage_option
@output_options
@with_session
def executions(session: Session, *, function: str | None, statuses: Sequence[str], limit: int, after: str) -> None:
    """List executions, of one function or of all, in the order of time. With --json one object a line."""
    output = session.output
    filters = {"status": statuses or None, "limit": limit, "after": after}
    found = complete(_executions(session, function, filters))
    if output.json:
        for result in found:
            output.record(result.to_document())
        return
    titles = ("execution", "function", "status", "because", "seconds", "asked for (UTC)")
    table = table_of(*(titles if output.console.width >= WIDE else titles[:4]), whole=("execution",))
    for result in found:
        taken = "" if result.execution_time is None else f"{result.execution_time:.3f}"
        cells = (
            Line(result.id, style="bold"),
            Line(result.function_id),
            Line(str(result.status), style=STYLES.get(result.status, "")),
            Line(str(result.cause.get("kind", ""))),
            taken,
            result.requested_at.strftime("%Y-%m-%d %H:%M:%S"),
        )
        table.add_row(*cells[: len(table.columns)])
    output.say(table if found else "no executions")


async def _executions(session: Session, function: str | None, filters: dict[str, Any]) -> list[FunctionResult]:
    async with _open(session) as (_, manager):
        return await manager.executions(function, **filters)


@functions.command(short_help="Print the logs of an execution.")
@click.argument("execution", metavar="EXECUTION")
@import_option
@storage_option
@output_options
@with_session
def logs(session: Session, *, execution: str) -> None:
    """Print the end of what an execution has written. With --json all of its result."""
    result = complete(_result(session, execution))
    if session.output.json:
        session.output.document(result.to_document())
        return
    for line in result.logs:
        session.output.text(line.line)


async def _result(session: Session, execution: str) -> FunctionResult:
    async with _open(session) as (_, manager):
        return await manager.result(execution)


@functions.command(short_help="Cancel an execution.")
@click.argument("execution", metavar="EXECUTION")
@click.option("--reason", default="", help="Why.")
@click.option("--by", default="", metavar="NAME", help="Who does it; recorded in the history.")
@import_option
@storage_option
@output_options
@with_session
def cancel(session: Session, *, execution: str, reason: str, by: str) -> None:
    """Cancel an execution: its work is stopped, wherever it goes on."""
    result = complete(_cancelled(session, execution, reason, by))
    if session.output.json:
        session.output.document(result.to_document())
    else:
        session.output.say(Line(f"{result.id} is {result.status}"))


async def _cancelled(session: Session, execution: str, reason: str, by: str) -> FunctionResult:
    async with _open(session) as (_, manager):
        return await manager.cancel(execution, reason=reason, by=by)


@functions.command(short_help="Act on events and times.")
@click.option("--until-idle", is_flag=True, help="End when nothing is left to do; times to come are not waited for.")
@click.option(
    "--poll",
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    type=Seconds(min=0.01, max=86_400),
    help="The longest time until work of other processes is noticed.",
)
@docker_option
@set_option
@secret_option
@import_option
@storage_option
@output_options
@with_session
def work(session: Session, **options: Any) -> None:
    """Run functions because of events, ends of other functions and times, until it is stopped.

    Any number of these may run on one journal: each event makes a function run once.
    """
    complete(_work(session, **options))


async def _work(session: Session, *, until_idle: bool, **options: Any) -> None:
    async with _open(session, active=True, existing=False, **options) as (engine, manager):

        async def tell(event: Event) -> None:
            case = await engine.get(event.case)
            if case.workflow.startswith(PREFIX):
                result = result_of(case)
                _tell(session.output, result)
                if result.error and not session.output.json:
                    _tell_error(session.output, result, (await manager.get_function(result.function_id)).executor_name)

        engine.on(tell, CaseCompleted, CaseCancelled)
        await manager.work(until_idle=until_idle)


def _tell(output: Output, result: FunctionResult) -> None:
    if output.json:
        output.record(result.to_document())
        return
    said = Line.assemble(
        (result.id, "dim"), " ", (result.function_id, "bold"), " ", (str(result.status), STYLES.get(result.status, ""))
    )
    output.say(said, soft_wrap=True)


@functions.group(short_help="Try triggers out.")
def trigger() -> None:
    """What triggers would do."""


@trigger.command("test", short_help="Say which functions a case makes run.")
@click.argument("case", metavar="CASE")
@click.option("--event", type=click.IntRange(1), help="The number of the event; all of them unless given.")
@click.option("--function", metavar="ID", help="Only this function.")
@import_option
@storage_option
@output_options
@with_session
def test_trigger(session: Session, *, case: str, event: int | None, function: str | None) -> None:
    """Say of every trigger whether CASE makes its function run, with what, and if not, why. Nothing runs."""
    output = session.output
    for answer in complete(_tested(session, case, event, function)):
        if output.json:
            output.record(answer.to_document())
            continue
        mark, style = ("✓", "green") if answer.runs else ("✗", "dim")
        output.say(
            Line(f"{mark} {answer.function_id} ({answer.trigger_type}), event {answer.event}", style=style),
            soft_wrap=True,
        )
        said = json.dumps(answer.input, ensure_ascii=False) if answer.runs else answer.reason
        for line in said.splitlines():
            output.say(Line(f"    {line}"), soft_wrap=True)


async def _tested(session: Session, case: str, event: int | None, function: str | None) -> list[TriggerVerdict]:
    async with _open(session) as (_, manager):
        return await manager.test_trigger(case, event=event, function=function)


@functions.command(short_help="Print the JSON Schema of the files.")
@output_options
@click.pass_obj
def schema(output: Output) -> None:
    """Print the JSON Schema (draft 2020-12) of the files that `functions register` reads."""
    output.document(function_schema())
