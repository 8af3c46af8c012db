"""The step of a part: its agent is given what belongs to its place, and its answer is kept under its name."""

from __future__ import annotations

from typing import Any

from circuit_breaker.agents.bridge.asking_step import AskingStep, failed
from circuit_breaker.agents.bridge.composition.budget import Budget
from circuit_breaker.agents.bridge.composition.given import collected, given_to
from circuit_breaker.agents.bridge.composition.handing import handed_to
from circuit_breaker.agents.bridge.composition.heard import latest
from circuit_breaker.agents.bridge.composition.position import place_of
from circuit_breaker.agents.bridge.composition.transcript import below, entries_of, executions_of
from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.bridge.outputs import plain
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import freeze_mapping
from circuit_breaker.engine.actions import ONCE, ActionContext
from circuit_breaker.errors import ActionError, BudgetExceeded, CircuitBreakerError, words_of
from circuit_breaker.workflow.agent_step import retry_of
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.token import Token

__all__ = ["PartStep"]


class PartStep(AskingStep):
    """Asks the agent of a part.

    Its outcome has ``status``, ``output``, ``text``, ``execution_id``, ``tokens`` and more.
    """

    async def execute(self) -> dict[str, Any] | Change:
        """What is kept of the answer.

        Raises:
            ActionError: The agent failed, or there is nothing that it could be asked.
        """
        if "refuses" in self.asked:
            raise ActionError(self.asked["refuses"], code="invalid_parameters", remedy="give it what it needs")
        return await super().execute()

    async def errand(self, definition: AgentDefinition, token: Token, context: ActionContext) -> Errand:
        """What the agent is asked in its place."""
        asked = self.asked
        shares = asked.get("shares")
        said = await entries_of(self.agents, await executions_of(self.agents, context.case_id)) if shares else ()
        heard = token.updated(results=freeze_mapping(self._collected(token)))
        sender = latest(asked["hears"], heard.results)
        place = {
            "part": asked["name"],
            "from": list(sender),
            "inside": dict.fromkeys(asked.get("inside", {}), True),
            "hands_to": asked.get("hands_to", {}),
        }
        return Errand(
            agent=asked["agent"],
            inputs=given_to(definition, asked, heard, sender, said),
            context=self.around(token, context, composition=place),
            mapping=self.mapping(token, context),
            overrides=asked.get("overrides") or {},
            timeout=_shorter(asked.get("timeout"), definition.limits.timeout),
            retry=retry_of(asked["retry"]) if asked.get("retry") else ONCE,
        )

    def _collected(self, token: Token) -> dict[str, dict[str, Any]]:
        """What was said for each item of a list, where the part makes one answer of it."""
        return collected(self.asked.get("collected", ()), token)

    async def allow(self, key: str) -> None:
        """Nothing, when the budgets of the composition allow one more execution, or it has begun already.

        Raises:
            BudgetExceeded: One of them is used up.
        """
        budgets = {name: Budget.from_document(one) for name, one in self.asked.get("inside", {}).items() if one}
        if self._context is None or not budgets:
            return
        before = await executions_of(self.agents, self._context.case_id)
        if any(one.key == key for one in before):
            return
        for name, budget in budgets.items():
            inside = [one for one in before if name in place_of(one.context).get("inside", {})]
            wanted = await below(self.agents, inside) if budget.is_spent_below else ()
            budget.check(name, inside, self.agents.clock.now(), below=wanted)

    async def outcome(self, ended: AgentExecution, token: Token) -> Change:
        """What is kept under the name of the part; a failure before it is over with that.

        Raises:
            ActionError: The agent failed, and the composition needs it.
        """
        if ended.status != "completed" and self.asked.get("required", True):
            raise failed(ended)
        kept: dict[str, Any] = {
            "status": "completed" if ended.status == "completed" else "failed",
            "agent": ended.agent_id,
            "execution_id": ended.id,
            "output": ended.answer,
            "text": ended.final_response,
            "model": ended.model,
            "tokens": int(ended.usage.get("total_tokens", 0)),
            "dollars": f"{ended.dollars:f}",
        }
        if ended.error:
            kept["error"] = dict(ended.error)
        if self.asked.get("hands_to"):
            kept |= await handed_to(self.agents, ended)
        return self._change(kept, token)

    def without(self, error: CircuitBreakerError, token: Token) -> Change:
        """What is kept under the name of a part that could not be asked.

        Raises:
            BudgetExceeded: A budget of the composition is used up.
        """
        if isinstance(error, BudgetExceeded):
            raise error
        told = {"code": error.code, "message": words_of(error)}
        nothing = {"agent": self.asked["agent"], "execution_id": self.begun[-1].id if self.begun else ""}
        usual = {"output": None, "text": "", "model": "", "tokens": 0, "dollars": "0"}
        return self._change({"status": "failed", **nothing, **usual, "error": told}, token)

    def _change(self, kept: dict[str, Any], token: Token) -> Change:
        kept["turn"] = token.sequence
        if counter := self.asked.get("numbered"):
            kept["number"] = token.metadata.get(counter, 0)
        over = {"failure": None} if token.metadata.get("failure") else {}  # or two of them would not fit together
        gathered = self._collected(token)
        data = plain(token.data)
        again: dict[str, Any] = {name: [] for name in gathered if data.get(name)}  # a second time it begins anew
        return Change(data=again, results={**gathered, self.asked["name"]: kept}, metadata=over)


def _shorter(seconds: float | None, allowed: float | None) -> float | None:
    """The time of an execution that is given these seconds, where its agent allows itself no more than those."""
    return seconds if seconds is None or allowed is None else min(seconds, allowed)
