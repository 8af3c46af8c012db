"""Which operator binds how strongly, and what two operands become."""

from __future__ import annotations

from typing import Final

import attrs

from circuit_breaker.rules.expression.syntax import And, Arithmetic, Compare, Node, Or

__all__ = ["POWERS", "Operand"]

POWERS: Final = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/%", 5),
}
"""The operators; the higher, the stronger it binds."""

_CHAINS: Final = {"&&": And, "||": Or}


@attrs.frozen
class Operand:
    """What stands beside an operator, brackets included; ``chain`` is the operator that may go on with it, if any."""

    node: Node
    start: int
    end: int
    chain: str = ""

    def with_right(self, symbol: str, right: Operand) -> Operand:
        """This and ``right`` joined by the operator ``symbol``; chains of && and || become one node."""
        start, end = self.start, right.end
        if symbol not in _CHAINS:
            operation = Compare if POWERS[symbol] == POWERS["=="] else Arithmetic
            return Operand(operation(symbol, self.node, right.node, start=start, end=end), start, end)
        terms = self.node.children if self.chain == symbol else (self.node,)
        return Operand(_CHAINS[symbol]((*terms, right.node), start=start, end=end), start, end, symbol)
