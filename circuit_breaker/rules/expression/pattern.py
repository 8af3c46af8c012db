"""Regular expressions that are searched for in linear time, whatever the pattern and the text.

A pattern becomes a nondeterministic automaton (Thompson, "Regular Expression Search Algorithm", 1968), which is made
deterministic on the way, one step at a time, as the texts need it. No step is ever taken back, so there is no pattern
that takes exponential time; each state that a search visits is charged to its budget. The syntax is that of RE2.
"""

from __future__ import annotations

from typing import Final

import attrs

from circuit_breaker.rules.expression.budget import Budget
from circuit_breaker.rules.expression.characters import NEWLINE, WORD
from circuit_breaker.rules.expression.instructions import Check, Consume, Fork, Symbols, assemble
from circuit_breaker.rules.expression.pattern_parts import Assertion, Characters, Part, Sequence, walk
from circuit_breaker.rules.expression.pattern_syntax import parse

__all__ = ["Pattern", "compile_pattern"]

_CHARACTERS_A_STEP: Final = 256
_VISITS_A_STEP: Final = 512
_STATES_KEPT: Final = 1000


@attrs.define(eq=False)
class _State:
    """What can be next after some text: the instructions reached, and what the last character was.

    Attributes:
        positions: The instructions reached.
        before: What the last character was: ``"start"``, ``"word"``, ``"newline"`` or an empty text.
        cost: Steps that all moves from here can take together.
        moves: The state after each symbol, as far as it is known.
    """

    positions: tuple[int, ...]
    before: str
    cost: int
    moves: dict[str, _State] = attrs.field(factory=dict)


_MATCHED: Final = _State((), "", 0)


class Pattern:
    """A compiled pattern.

    Attributes:
        text: The pattern as written.
    """

    __slots__ = ("_first", "_literal", "_newlines", "_program", "_states", "_symbols", "_words", "text")

    def __init__(self, text: str, tree: Part) -> None:
        self.text = text
        self._literal = _literal_of(tree)
        places = any(isinstance(part, Assertion) for part in walk(tree))
        sets = [part.ranges for part in walk(tree) if isinstance(part, Characters)]
        self._symbols = Symbols([*sets, WORD, NEWLINE] if places else sets)
        self._words = self._symbols.of(WORD) if places else frozenset()
        self._newlines = self._symbols.of(NEWLINE) if places else frozenset()
        self._program = assemble(text, tree, self._symbols)
        self._first = len(self._program) - 1
        self._states: dict[tuple[tuple[int, ...], str], _State] = {}

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def search(self, text: str, *, budget: Budget | None = None) -> bool:
        """Whether the pattern is found anywhere in ``text``.

        Raises:
            Exhausted: When the search takes more steps than the budget has; without one, than an evaluation has.
        """
        budget = budget or Budget()
        if self._literal is not None:
            budget.spend_characters(len(text))
            return self._literal in text
        budget.spend(len(text) // _CHARACTERS_A_STEP)
        if len(self._states) > _STATES_KEPT:
            self._states = {}
        return self._run(text.translate(self._symbols) + self._symbols.end, budget)

    def _run(self, symbols: str, budget: Budget) -> bool:
        state = self._state((self._first,), "start")
        visited: set[_State] = set()
        for symbol in symbols:
            if state not in visited:
                visited.add(state)
                budget.spend(state.cost)
            following = state.moves.get(symbol)
            if following is None:
                following = state.moves[symbol] = self._move(state, symbol)
            if following is _MATCHED:
                return True
            state = following
        return False

    def _state(self, positions: tuple[int, ...], before: str) -> _State:
        state = self._states.get((positions, before))
        if state is None:
            reached = len(self._reached(positions, None, None))
            state = _State(positions, before, 1 + reached * ord(self._symbols.end) // _VISITS_A_STEP)
            self._states[positions, before] = state
        return state

    def _move(self, state: _State, symbol: str) -> _State:
        """The state after ``symbol``; the pattern may begin anew at every character."""
        after = "end" if symbol == self._symbols.end else self._what(symbol)
        targets = {self._first}
        for position in self._reached(state.positions, state.before, after):
            instruction = self._program[position]
            if isinstance(instruction, Consume):
                if symbol in instruction.symbols:
                    targets.add(instruction.then)
            elif isinstance(instruction, Fork) and not instruction.ways:
                return _MATCHED
        return self._state(tuple(sorted(targets)), self._what(symbol))

    def _what(self, symbol: str) -> str:
        return "word" if symbol in self._words else "newline" if symbol in self._newlines else ""

    def _reached(self, positions: tuple[int, ...], before: str | None, after: str | None) -> set[int]:
        """Every instruction that is reached without a character; all checks hold where ``before`` is None."""
        reached: set[int] = set()
        pending = list(positions)
        while pending:
            position = pending.pop()
            if position in reached:
                continue
            reached.add(position)
            instruction = self._program[position]
            if isinstance(instruction, Fork):
                pending.extend(instruction.ways)
            elif isinstance(instruction, Check) and (
                before is None or after is None or _is_place(instruction.place, before, after)
            ):
                pending.append(instruction.then)
        return reached


def _is_place(place: str, before: str, after: str) -> bool:
    """Whether a place between what ``before`` and ``after`` say is of that kind."""
    match place:
        case "text start":
            return before == "start"
        case "text end":
            return after == "end"
        case "line start":
            return before in ("start", "newline")
        case "line end":
            return after in ("end", "newline")
    return ((before == "word") != (after == "word")) is (place == "word")


def _literal_of(tree: Part) -> str | None:
    """The text that the pattern is, when it is nothing but characters."""
    parts = tree.parts if isinstance(tree, Sequence) else (tree,)
    codes = [_single(part) for part in parts]
    return "".join(chr(code) for code in codes if code is not None) if None not in codes else None


def _single(part: Part) -> int | None:
    if isinstance(part, Characters) and len(part.ranges) == 1 and part.ranges[0][0] == part.ranges[0][1]:
        return part.ranges[0][0]
    return None


def compile_pattern(text: str) -> Pattern:
    """The pattern, ready to search.

    Raises:
        ConditionParsingError: When it cannot be read, is not supported or is too large, with the position in ``text``.
    """
    return Pattern(text, parse(text))
