"""Commands for models: ``chat``, ``models`` and ``route``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import click
from rich.table import Table

from circuit_breaker.cli.commands.budgeting import Dollars
from circuit_breaker.cli.conversation import Conversation, Talk, lines
from circuit_breaker.cli.options import output_options, storage_option
from circuit_breaker.cli.output import Output, table_of
from circuit_breaker.cli.providers import SCRIPTED, VARIABLES, is_anybody_there, key_wanted, router_of
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.errors import LLMError
from circuit_breaker.executors.models.settings import KEYS
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.provider import ProviderHealth
from circuit_breaker.llm.request import ChatCompletionRequest, RoutingOptions, ToolDefinition
from circuit_breaker.llm.router.route import RouteExplanation
from circuit_breaker.llm.router.router import LLMRouter
from circuit_breaker.llm.toolbox.agent_tools import AgentTools
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["chat", "models", "route"]

_PROVIDER = f"Who is asked: openai, anthropic, google, ollama, or {SCRIPTED}, which needs no key."


@click.command(short_help="Talk to a model in the terminal.")
@click.argument("text", required=False)
@click.option("-m", "--model", default="auto", show_default=True, help="The model, or a virtual one.")
@click.option("-p", "--provider", metavar="NAME", help=_PROVIDER)
@click.option("--system", metavar="TEXT", help="What the model is told to be and to do.")
@click.option("--tools", default="", metavar="NAMES", help="'default', or names of tools with commas in between.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Texts that the tool 'search' finds; only with --tools default.",
)
@click.option("--approve", multiple=True, metavar="TOOL", help="Ask before each call of this tool; may be repeated.")
@click.option(
    "-c",
    "--conversation",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the conversation is kept; it goes on from there.",
)
@click.option("--memory-tokens", default=8000, show_default=True, type=click.IntRange(min=1), help="Most tokens of it.")
@click.option("--temperature", type=click.FloatRange(0.0, 2.0), help="From 0, the likeliest answer, to 2.")
@click.option("--budget", type=Dollars(), metavar="USD", help="What all chats of a month may cost.")
@storage_option
@output_options
@click.pass_obj
def chat(output: Output, /, text: str | None, *, tools: str, folder: Path | None, **options: Any) -> None:
    """Talk to a model, which may call tools. Answers are shown while they are made.

    With TEXT it answers once. Otherwise each line is said to it; Ctrl-C stops an answer, and Ctrl-D ends the talk. Keys
    are read from OPENAI_API_KEY, ANTHROPIC_API_KEY and GOOGLE_API_KEY, addresses from OPENAI_BASE_URL and
    OLLAMA_BASE_URL.

    \b
    circuit-breaker chat --provider scripted --tools default "6 * 7"
    circuit-breaker chat --model gpt-4 --conversation talk.json
    """  # noqa: D301 - click reads the mark of a paragraph that is not to be wrapped
    talk = Talk(output, _toolset(tools, folder), **options)
    conversation = Conversation(talk)
    if talk.provider is None and not is_anybody_there():
        keys = ", ".join(KEYS.values())
        output.warn(f"no key in the environment ({keys}): only Ollama is asked; --provider {SCRIPTED} needs neither")
    elif talk.provider is None and (variable := key_wanted(talk.model)):
        output.warn(f"without {variable} in the environment '{talk.model}' is asked of whoever there is")
    if text is not None:
        conversation.say(text)
        return
    if talk.interactive:
        output.note("/quit or Ctrl-D to end, /clear to forget, /usage to see what it took; Ctrl-C stops an answer")
    for line in lines(interactive=talk.interactive):
        if line.strip() == "/quit":
            break
        conversation.hear(line.strip())


def _toolset(names: str, folder: Path | None) -> Toolset:
    if names.strip() == "default":
        return AgentTools.default_toolset(folder)
    return AgentTools.named(*(name.strip() for name in names.split(",") if name.strip()))


@click.command(short_help="Show which models there are, and what they cost.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-p", "--provider", metavar="NAME", help=_PROVIDER)
@click.option("--health", is_flag=True, help="Ask each provider how it is.")
@output_options
@click.pass_obj
def models(output: Output, names: tuple[str, ...], *, provider: str | None, health: bool) -> None:
    """Show what names of models stand for, and why: NAMES, or all virtual models. With --json one object a line.

    Keys and addresses are read from the environment, as `chat` does.
    """
    router = router_of(provider)
    asked = names or tuple(router.virtual_models())
    records = [record for name in asked for record in _resolved(router, name)]
    found = complete(_health(router)) if health else []
    if output.json:
        for record in [*records, *map(_health_record, found)]:
            output.record(record)
        return
    output.say(_models_table(records))
    if found:
        output.say(_health_table(found))
    output.note(f"read from the environment: {', '.join(VARIABLES)}")


def _resolved(router: LLMRouter, name: str) -> list[dict[str, Any]]:
    try:
        explained = router.explain(_request(name))
    except LLMError as error:
        return [{"name": name, "provider": None, "model": None, "why": error.message}]
    ways = [{"name": name, **attrs.asdict(way)} for way in explained.candidates]
    return ways or [{"name": name, "provider": None, "model": None, "why": _nobody(explained)}]


def _nobody(explained: RouteExplanation) -> str:
    return "; ".join(dict.fromkeys(out.why for out in explained.left_out)) or "nobody serves it"


def _models_table(records: list[dict[str, Any]]) -> Table:
    table = table_of("name", "stands for", "$ for 1,000 tokens", "circuit", "why", whole=("name",))
    before = ""
    for record in records:
        name, before = ("" if record["name"] == before else record["name"]), record["name"]
        known = record["provider"] is not None
        price = record.get("dollars_per_1k")
        table.add_row(
            Line(name, style="bold"),
            Line(f"{record['provider']}/{record['model']}" if known else "nobody", style="" if known else "yellow"),
            Line("" if not known else "unpriced" if price is None else f"{price:g}"),
            Line(record.get("circuit", "")),
            Line(record["why"]),
        )
    return table


async def _health(router: LLMRouter) -> list[ProviderHealth]:
    async with router:
        return await router.get_provider_health(fresh=True)


def _health_record(health: ProviderHealth) -> dict[str, Any]:
    checked = health.last_check.isoformat() if health.last_check is not None else None
    return {"health": health.name, "status": health.status, "last_check": checked, "message": health.message}


def _health_table(found: list[ProviderHealth]) -> Table:
    table = table_of("provider", "health", "ms", "message")
    for health in found:
        taken = "" if health.latency_ms is None else f"{health.latency_ms:.0f}"
        style = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}.get(health.status, "")
        table.add_row(Line(health.name, style="bold"), Line(health.status, style=style), taken, Line(health.message))
    return table


@click.command(short_help="Say whom a request would go to.")
@click.argument("model", default="auto")
@click.option("-p", "--provider", metavar="NAME", help=_PROVIDER)
@click.option("--explain", is_flag=True, help="Say in which order, why, and why not the others.")
@click.option("--strategy", metavar="NAME", help="priority, round_robin, weighted, least_latency or lowest_cost.")
@click.option("--task", metavar="TYPE", help="What kind of task it is, such as coding.")
@click.option("--tools", is_flag=True, help="The request has tools.")
@click.option("--text", default="Hello", metavar="TEXT", help="What is asked.")
@output_options
@click.pass_obj
def route(output: Output, /, model: str, *, provider: str | None, explain: bool, **asked: Any) -> None:
    """Say whom a request for MODEL would go to now. Nobody is asked.

    Keys and addresses are read from the environment, as `chat` does.
    """
    explained = router_of(provider).explain(_request(model, **asked))
    if output.json:
        output.document(attrs.asdict(explained))
    elif explain:
        output.text(str(explained))
    else:
        ways = explained.candidates
        output.text(f"{ways[0].provider}/{ways[0].model}" if ways else f"nobody: {_nobody(explained)}")


def _request(
    model: str, *, strategy: str | None = None, task: str | None = None, tools: bool = False, text: str = "Hello"
) -> ChatCompletionRequest:
    offered: Any = [ToolDefinition(name="any", description="Any tool.")] if tools else []
    return ChatCompletionRequest(
        model=model,
        messages=(user(text),),
        tools=offered,
        circuit_breaker=RoutingOptions(routing_strategy=strategy, task_type=task),
    )
