"""An executor that calls a function which somebody else runs: this machine, a cloud, or a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import attrs

from circuit_breaker.errors import Fault, ParameterInvalid, nearest
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.execution import ExecutionContext
from circuit_breaker.executors.output import OUTPUT_LIMIT
from circuit_breaker.executors.secrets import revealed, sound_variables
from circuit_breaker.executors.serverless.contract import Backend, Invocation
from circuit_breaker.executors.serverless.local import LocalBackend
from circuit_breaker.executors.settings import Settings

__all__ = ["ServerlessExecutor", "ServerlessSettings"]

LOCAL: Final = "local"
_SAID: Final = frozenset({"output", "logs"})


def _named(backends: Mapping[str, Any]) -> dict[str, Backend]:
    wrong = [name for name, backend in dict(backends).items() if not callable(getattr(backend, "invoke", None))]
    if wrong:
        raise TypeError(f"{', '.join(map(repr, wrong))} cannot invoke functions; give such as LambdaFunctions(...)")
    return dict(backends)


@attrs.frozen(kw_only=True)
class ServerlessSettings(Settings):
    """Where functions run.

    Attributes:
        functions: The folder with the functions of this machine, which the back end ``"local"`` runs.
        backends: Further places by name, such as ``{"aws": LambdaFunctions(region="eu-west-1")}``; one called
            ``"local"`` takes the place of the folder.
    """

    functions: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    backends: Mapping[str, Backend] = attrs.field(factory=dict, converter=_named)

    def places(self) -> dict[str, Backend]:
        """All back ends by name."""
        own: dict[str, Backend] = {} if self.functions is None else {LOCAL: LocalBackend(functions=self.functions)}
        return {**own, **self.backends}


@parameter(
    "function_name", description="Name of the function", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]*$", max_length=256
)
@parameter("runtime", default=None, description="What it is written in, where the back end does not know: python, ruby")
@parameter("payload", default={}, description="What it is given: any JSON value, which may hold references to secrets")
@parameter("environment", default={}, description="Variables for it; a value may be a reference to a secret")
@parameter("version", default=None, description="A version or an alias of the function", min_length=1)
@parameter("invocation", default="sync", description="Whether to wait for its answer, or only until it is accepted")
@parameter("backend", default=LOCAL, description="Which of the operator's back ends runs it")
@parameter("timeout", default=300.0, minimum=0.001, description="Seconds that the call may take")
@parameter("max_output", default=OUTPUT_LIMIT, minimum=0, description="Most bytes of its answer")
class ServerlessExecutor(BaseExecutor):
    """Calls a function, and gives its answer.

    The outcome has ``output``, ``duration`` in seconds, ``request_id``, and ``logs`` and ``version`` where they are
    known; after an asynchronous call its ``status`` is ``"accepted"``.

    Where functions run is the operator's to say: ``ServerlessExecutor.under(functions="/srv/functions")``, or
    ``.under(backends={"aws": LambdaFunctions(region="eu-west-1")})``.

    Raises:
        ParameterInvalid: There is no such back end, or it cannot do what is asked.
        FunctionNotFound: It has no such function.
        ActionError: The function answered with an error, whose kind is the ``code``.
        ServiceUnavailable: The back end cannot be reached.
        ServiceFailed: The back end answered with an error.
        ActionTimeout: It took too long.
        OutputTooLarge: The answer is longer than allowed.
        SecretNotFound: Nobody has given a secret that is referred to.
    """

    settings: ClassVar[ServerlessSettings] = ServerlessSettings()

    function_name: str
    runtime: str | None
    payload: Any
    environment: dict[str, str | dict[str, str]]
    version: str | None
    invocation: Literal["sync", "async"]
    backend: str
    timeout: float
    max_output: int

    @validate
    def backend_is_there(self, context: dict[str, Any]) -> None:
        """The operator has given a back end of that name."""
        places = self.settings.places()
        if context["backend"] not in places:
            hint = nearest(context["backend"], places) or "let the operator give one, as .under(functions=...)"
            fault = Fault("parameter 'backend'", f"there is no back end {context['backend']!r}", hint)
            raise ParameterInvalid(faults=[fault])

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """The answer of the function."""
        parts = {name: context[name] for name in ("payload", "environment")}
        known, redaction = await revealed(parts, self.settings.secrets)
        sound_variables(known["environment"])
        execution = self.execution
        outcome = await self.settings.places()[context["backend"]].invoke(
            Invocation(
                function_name=context["function_name"],
                runtime=context["runtime"],
                payload=known["payload"],
                environment=known["environment"],
                version=context["version"],
                asynchronous=context["invocation"] == "async",
                idempotency_key=execution.idempotency_key,
                timeout=context["timeout"],
                max_output=context["max_output"],
                redaction=redaction,
                log=partial(_logged, execution),
            )
        )
        return {name: redaction.clean_json(value) if name in _SAID else value for name, value in outcome.items()}


def _logged(execution: ExecutionContext, line: str, stream: str) -> None:
    execution.log(line, stream=stream)
