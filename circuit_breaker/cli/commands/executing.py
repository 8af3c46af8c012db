"""Commands for executors alone: ``executors list``, ``executors describe`` and ``execute``."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, cast

import attrs
import click
from rich.table import Table

from circuit_breaker.cli.definitions import module_of
from circuit_breaker.cli.options import JsonObject, Seconds, output_options
from circuit_breaker.cli.output import Output, table_of
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.errors import (
    ActionTimeout,
    CircuitBreakerError,
    ExecutorInvalid,
    Fault,
    SecretNotFound,
    nearest,
)
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.execution import StandaloneContext
from circuit_breaker.executors.parameters import Parameter, Unfit
from circuit_breaker.executors.registry import find, installed

__all__ = ["execute", "executors", "secrets_of", "settings_of"]


@click.group(short_help="List and describe what can be executed.")
def executors() -> None:
    """What a definition in YAML, and `execute`, can name: ours, and those that installed packages publish."""


@executors.command("list", short_help="List the executors that are installed.")
@output_options
@click.pass_obj
def list_executors(output: Output) -> None:
    """List the executors that are installed. With --json one object a line."""
    found = list(map(_record, installed()))
    if output.json:
        for record in found:
            output.record(record)
        return
    table = table_of("executor", "what it does", whole=("executor",))
    for record in found:
        text = Line(record["description"]) if record["error"] is None else Line(record["error"], style="yellow")
        table.add_row(Line(record["name"], style="bold"), text)
    output.say(table)
    output.note("the parameters of one: circuit-breaker executors describe NAME")


def _record(name: str) -> dict[str, Any]:
    try:
        described = find(name).describe()["description"]
    except ExecutorInvalid as error:
        return {"name": name, "description": "", "error": "; ".join(fault.message for fault in error.faults)}
    return {"name": name, "description": described.partition("\n")[0].replace("``", "`"), "error": None}


@executors.command("describe", short_help="Show the parameters of one.")
@click.argument("name", metavar="NAME")
@output_options
@click.pass_obj
def describe_executor(output: Output, name: str) -> None:
    """Show what an executor takes; with --json as a JSON Schema. NAME is as for `execute`."""
    executor = _named(name)
    if output.json:
        output.document(executor.describe())
        return
    output.text(executor.describe()["description"] + "\n")
    output.say(_parameters_table(executor.executor_config.parameters.values()))
    settings = ", ".join(field.name for field in attrs.fields(type(executor.settings)))
    output.note(f"its operator decides: {settings}")


def _parameters_table(parameters: Iterable[Parameter]) -> Table:
    table = table_of("parameter", "takes", "default", "what for", whole=("parameter",))
    for parameter in parameters:
        shown = "required" if parameter.required else parameter.displayed(parameter.default)
        default = Line(shown, style="yellow" if parameter.required else "")
        table.add_row(Line(parameter.name, style="bold"), Line(parameter.wanted), default, Line(parameter.description))
    return table


@click.command(short_help="Run one executor by itself.")
@click.argument("name", metavar="NAME")
@click.option("-p", "--param", "given", multiple=True, metavar="KEY=VALUE", help="A parameter; may be repeated.")
@click.option("--params", "document", type=JsonObject(), metavar="JSON", help="Parameters as JSON, or @FILE.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="What its operator decides.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="A secret, from the variable of that name.")
@click.option(
    "--timeout", type=Seconds(min=0.0, min_open=True), metavar="SECONDS", help="The longest that it may take."
)
@click.option("--key", metavar="TEXT", help="The idempotency key: the same key finds work that goes on.")
@output_options
@click.pass_obj
def execute(
    output: Output,
    name: str,
    *,
    given: tuple[str, ...],
    document: Mapping[str, Any] | None,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    timeout: float | None,
    key: str | None,
) -> None:
    """Run one executor, outside of any workflow, and print its outcome as JSON.

    NAME is the name of an installed one, or module:Class, or path/file.py:Class. A VALUE is read as JSON where the
    parameter takes that, and as text where it does not. Its lines and its progress go to standard error as they come.

    What an operator decides, such as which programs may run, is given with --set; given several times, it is a list.
    The engine of containers is that of DOCKER_HOST, or is found where they usually listen.

    \b
    circuit-breaker execute subprocess --set programs=date -p command='date -u'
    circuit-breaker execute docker -p image=busybox -p command='echo hello'
    """  # noqa: D301 - click reads the mark of a paragraph that is not to be wrapped
    output.setting = "--set "
    executor = _named(name)
    parameters = {**(document or {}), **_read(given, executor)}
    decided = {**_own_settings(settings, executor), **({"secrets": secrets_of(secrets)} if secrets else {})}
    made = executor.under(**decided)(**parameters) if decided else executor(**parameters)
    try:
        outcome = complete(_executed(made.bind(_Told(output, key)), limit=timeout))
    except CircuitBreakerError as error:
        if _asks_its_operator(error):
            output.note(f"here you are its operator: --set KEY=VALUE (see `circuit-breaker executors describe {name}`)")
        raise
    output.document(outcome)


def _asks_its_operator(error: CircuitBreakerError) -> bool:
    remedies = [error.remedy, *(fault.remedy for fault in getattr(error, "faults", ()))]
    return any(".under(" in remedy or "the operator" in remedy for remedy in remedies)


def _named(name: str) -> type[BaseExecutor]:
    """The executor of a name, or of a module and a class in it.

    Raises:
        ExecutorInvalid: There is none.
    """
    place, _, attribute = name.rpartition(":")
    if not place:
        return find(name)
    module = module_of(place)
    found: Any = getattr(module, attribute, None)
    if not _is_executor(found):
        known = [key for key, value in vars(module).items() if _is_executor(value)]
        raise ExecutorInvalid(faults=[Fault(f"'{name}'", "is no executor class", nearest(attribute, known))])
    return cast(type[BaseExecutor], found)


def _is_executor(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseExecutor) and value is not BaseExecutor


def _pairs(given: Iterable[str], option: str) -> Iterable[tuple[str, str]]:
    for pair in given:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise click.BadParameter(f"{pair!r} is no KEY=VALUE", param_hint=option)
        yield key, value


def _read(given: Iterable[str], executor: type[BaseExecutor]) -> dict[str, Any]:
    known = executor.executor_config.parameters
    pairs = _pairs(given, "--param")
    return {key: _value(value, known[key]) if key in known else _json(value) for key, value in pairs}


def _value(text: str, parameter: Parameter) -> Any:
    """The JSON that it is, where the parameter takes that; where it takes texts, a text stays as it is."""
    found = _json(text)
    if parameter.kind is Any:
        return found
    for value in (text, found) if found is None or isinstance(found, str) else (found, text):
        with suppress(Unfit):
            parameter.read(value)
            return value
    return found


def _json(text: str) -> Any:
    """The JSON that the text is, or the text itself."""
    with suppress(ValueError):
        return json.loads(text)
    return text


def _own_settings(given: Iterable[str], executor: type[BaseExecutor]) -> dict[str, Any]:
    """The settings of an executor; its engine of containers is that of DOCKER_HOST unless they say another."""
    docker = os.environ.get("DOCKER_HOST") if "base_url" in attrs.fields_dict(type(executor.settings)) else None
    return ({"base_url": docker} if docker else {}) | _settings(_pairs(given, "--set"), executor)


def settings_of(given: Iterable[str], known: Mapping[Any, Any]) -> dict[str, dict[str, Any]]:
    """The settings of each executor, given as ``EXECUTOR.KEY=VALUE``.

    Args:
        given: What was typed.
        known: Executors by name, beside those that are installed.

    Raises:
        ExecutorInvalid: There is no such executor or setting.
    """
    by_name: dict[str, list[tuple[str, str]]] = {}
    for place, text in _pairs(given, "--set"):
        name, separator, key = place.rpartition(".")
        if not separator:
            raise click.BadParameter(f"{place!r} is no EXECUTOR.KEY, such as subprocess.programs", param_hint="--set")
        by_name.setdefault(name, []).append((key, text))
    found = {}
    for name, pairs in by_name.items():
        kind = known.get(name) or find(name)
        found[name] = _settings(pairs, kind)
        kind.under(**found[name])
    return found


def _settings(given: Iterable[tuple[str, str]], executor: type[BaseExecutor]) -> dict[str, Any]:
    """The settings by name; what is a list of texts may be given as one, or one by one."""
    known = attrs.fields_dict(type(executor.settings))
    found: dict[str, Any] = {}
    for key, text in given:
        value = _json(text)
        if key in known and isinstance(known[key].default, tuple | frozenset):
            found[key] = [*found.get(key, ()), *(value if isinstance(value, list) else [text])]
        else:
            found[key] = value
    return found


def secrets_of(names: Iterable[str]) -> dict[str, str]:
    """The values of the environment variables of these names.

    Raises:
        SecretNotFound: One is not set.
    """
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise SecretNotFound(
            f"there is no variable {', '.join(map(repr, missing))}",
            remedy="export it before, and name it with --secret",
        )
    return {name: os.environ[name] for name in names}


class _Told(StandaloneContext):
    """The surroundings of one execution from the command line: what it tells goes to standard error at once."""

    def __init__(self, output: Output, key: str | None) -> None:
        super().__init__()
        self._output = output
        if key:
            self.__dict__["idempotency_key"] = key

    def log(self, line: str, *, stream: str = "stdout") -> None:
        """Prints one line."""
        if self._output.live or stream != "stdout":
            self._output.note(line)

    def progress(self, fraction: float, message: str = "") -> None:
        """Prints how much is done."""
        self._output.note(f"{fraction:4.0%} {message}".rstrip())


async def _executed(executor: BaseExecutor, *, limit: float | None) -> dict[str, Any]:
    try:
        async with asyncio.timeout(limit) as scope:
            return await executor.execute()
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ActionTimeout(f"it took longer than {limit:g} s", remedy="allow more with --timeout") from error
