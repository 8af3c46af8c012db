"""The step of a part: its agent is given what belongs to its place, and its answer is kept under its name."""

from __future__ import annotations

from typing import Any

from circuit_breaker.agents.bridge.asking_step import AskingStep, failed, key_of
from circuit_breaker.agents.bridge.composition.budget import Budget
from circuit_breaker.agents.bridge.composition.given import given_to
from circuit_breaker.agents.bridge.composition.handing import handed_to
from circuit_breaker.agents.bridge.composition.heard import latest
from circuit_breaker.agents.bridge.composition.transcript import executions_of, place_of, said_by
from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.actions import ActionContext
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.token import Token

__all__ = ["PartStep"]


class PartStep(AskingStep):
    """Asks the agent of a part.

    Its outcome has ``status``, ``output``, ``text``, ``execution_id``, ``tokens`` and more.
    """

    async def errand(self, definition: AgentDefinition, token: Token, context: ActionContext) -> Errand:
        """What the agent is asked in its place.

        Raises:
            BudgetExceeded: A budget of the composition is used up.
        """
        asked = self.asked
        before = await self._before(context.case_id)
        if not any(one.key.startswith(key_of(context)) for one in before):
            self._check_budgets(before)
        sender = latest(asked["hears"], token.results)
        place = {
            "part": asked["name"],
            "from": list(sender),
            "inside": dict.fromkeys(asked.get("inside", {}), True),
            "hands_to": asked.get("hands_to", {}),
        }
        return Errand(
            agent=asked["agent"],
            inputs=given_to(definition, asked, token, sender, before),
            context=self.around(token, context, composition=place),
            mapping=self.mapping(token, context),
            overrides=asked.get("overrides") or {},
        )

    async def _before(self, case: str) -> list[AgentExecution]:
        """What was done for the case so far, where that matters."""
        budgets = any(self.asked.get("inside", {}).values())
        return await executions_of(self.agents, case) if budgets or self.asked.get("shares") else []

    def _check_budgets(self, before: list[AgentExecution]) -> None:
        now = self.agents.clock.now()
        for name, document in self.asked.get("inside", {}).items():
            inside = (one for one in before if name in place_of(one.context).get("inside", {}))
            Budget.from_document(document).check(name, inside, now)

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
            "output": said_by(ended),
            "text": ended.final_response,
            "model": ended.model,
            "tokens": int(ended.usage.get("total_tokens", 0)),
            "dollars": f"{ended.dollars:f}",
            "turn": token.sequence,
        }
        if ended.error:
            kept["error"] = dict(ended.error)
        if counter := self.asked.get("numbered"):
            kept["number"] = token.metadata.get(counter, 0)
        if self.asked.get("hands_to"):
            kept |= await handed_to(self.agents, ended)
        over = {"failure": None} if token.metadata.get("failure") else {}  # or two of them would not fit together
        return Change(results={self.asked["name"]: kept}, metadata=over)
