"""The registry: every version of every function, in storage, and the current ones in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

import structlog

from circuit_breaker.engine.ports import Journal
from circuit_breaker.engine.records import Record
from circuit_breaker.errors import CircuitBreakerError, FunctionNotFound, RuleInvalid, nearest, words_of
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.documents import function_from_document
from circuit_breaker.functions.triggers import ScheduledTime
from circuit_breaker.rules import Rule, Rulebook

__all__ = ["Registry"]

CURRENT: Final = "function"
VERSION: Final = "function-version"
STAMP: Final = "function-stamp"
ALL: Final = "functions"
SINCE: Final = "since"
PAGE: Final = 100


class Registry:
    """The functions of one storage.

    Args:
        journal: Where they are kept.
        rules: Rules that conditions may name.

    Attributes:
        stamp: Another number whenever what is known has changed.
    """

    def __init__(self, journal: Journal, rules: Rulebook) -> None:
        self._journal = journal
        self._rules = rules
        self._own: dict[str, FunctionDefinition] = {}
        self._known: dict[str, FunctionDefinition] = {}
        self._since: dict[str, Mapping[str, str]] = {}
        self.stamp = 0

    @property
    def current(self) -> Mapping[str, FunctionDefinition]:
        """The functions as they are now, by id."""
        return self._known

    def __contains__(self, function: object) -> bool:
        return function in self._known

    def get(self, function: str) -> FunctionDefinition:
        """The function of that id.

        Raises:
            FunctionNotFound: There is none.
        """
        found = self._known.get(function)
        if found is None:
            raise FunctionNotFound(f"there is no function '{function}'", remedy=nearest(function, self._known))
        return found

    def since(self, function: str, number: int) -> datetime | None:
        """When the schedule of a trigger was registered; None where it has none."""
        moment = self._since.get(function, {}).get(str(number))
        return None if moment is None else datetime.fromisoformat(moment)

    async def refresh(self) -> bool:
        """Whether functions have been registered since, here or elsewhere; they are known then."""
        stamp = await self._journal.records.get(STAMP, ALL)
        if stamp is None or stamp.version == self.stamp:
            return False
        kept = [(record, found) async for record, found in self._all(CURRENT) if found is not None]
        self._known = {record.id: found for record, found in kept}
        self._since = {record.id: record.document.get(SINCE, {}) for record, _ in kept}
        self.stamp = stamp.version
        return True

    async def _all(self, kind: str, **keys: str) -> AsyncIterator[tuple[Record, FunctionDefinition | None]]:
        after = ""
        while page := await self._journal.records.find(kind, keys=keys, after=after, limit=PAGE):
            for record in page:
                yield record, self._read(record)
            after = page[-1].id

    def _read(self, record: Record) -> FunctionDefinition | None:
        """The function of a record; None, and a warning, where something that it names is not at hand."""
        version = record.keys["version"]
        if version not in self._own:
            try:
                document = {key: value for key, value in record.document.items() if key != SINCE}
                definition = function_from_document(document)
                for rule in definition.rules:
                    rule.resolve(self._rules)
            except CircuitBreakerError as error:
                log = structlog.get_logger("circuit_breaker.functions")
                log.warning("function left alone", function=record.id, error=words_of(error))
                return None
            self._own[version] = definition
        return self._own[version]

    async def keep(self, definition: FunctionDefinition, *, role: str, at: datetime) -> None:
        """Keeps a function; it is the current one of its id from now on."""
        document, version = definition.to_document(), definition.version
        dated_schedules = {SINCE: self._beginnings(definition, at)}
        self._own[version] = definition
        records = self._journal.records
        keys = {"function": definition.id, "version": version}
        kept = await records.get(VERSION, f"{definition.id}@{version}")
        if kept is None:
            dated = {**keys, "at": at.isoformat()}
            await records.put(VERSION, f"{definition.id}@{version}", document, keys=dated)
        await records.put(CURRENT, definition.id, {**document, **dated_schedules}, keys={**keys, "role": role})
        await records.put(STAMP, ALL, {})
        self.stamp = -1  # others may have registered something as well
        await self.refresh()

    def _beginnings(self, definition: FunctionDefinition, at: datetime) -> dict[str, str]:
        """For each schedule when it began: now, unless it is one that the function has already."""
        known = self._known.get(definition.id)
        before = known.triggers if known is not None else ()
        found = {}
        for number, trigger in enumerate(definition.triggers):
            if isinstance(trigger, ScheduledTime):
                same = number < len(before) and trigger.keeps_time_with(before[number])
                began = self.since(definition.id, number) if same else None
                found[str(number)] = (began or at).isoformat()
        return found

    async def versions(self, function: str) -> list[FunctionDefinition]:
        """Every version of a function that can be read here, the first one first."""
        found = [(record.keys["at"], read) async for record, read in self._all(VERSION, function=function) if read]
        return [read for _, read in sorted(found, key=lambda each: each[0])]

    async def ids(self, role: str) -> list[str]:
        """The ids of functions of that role, in order, also of those that cannot be read here."""
        found: list[str] = []
        while page := await self._journal.records.find(
            CURRENT, keys={"role": role}, after=found[-1] if found else "", limit=PAGE
        ):
            found += [record.id for record in page]
        return found

    def resolved(self, rule: Rule) -> Rule:
        """The rule with the names in it looked up."""
        return rule.resolve(self._rules)

    def unknown_rules(self, rules: Iterable[Rule]) -> Iterator[RuleInvalid]:
        """What the rules name that is in no rulebook."""
        for rule in rules:
            try:
                rule.resolve(self._rules)
            except RuleInvalid as error:
                yield error
