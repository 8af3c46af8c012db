"""Finders: where in a text there is something personal. Each takes time in proportion to the text."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Protocol
from unicodedata import normalize

import attrs

from circuit_breaker.agents.guardrails.numbers import account_in, is_card, is_phone

__all__ = ["FINDERS", "Digits", "Finder", "Names", "Pattern", "Span"]


class Span(NamedTuple):
    """A place in a text, and what is there, such as ``"email"``."""

    start: int
    end: int
    kind: str


class Finder(Protocol):
    """Finds one kind of thing. Yours may be any object with these two methods."""

    def find(self, text: str) -> Iterable[Span]:
        """Where it is, in order."""
        ...

    def open(self, text: str) -> int:
        """Where something may begin that only the text after this can complete; the length of the text if nowhere."""
        ...


@attrs.frozen
class Pattern:
    """What a pattern matches. Its parts have bounds, so that no text makes the search slow.

    Attributes:
        kind: What it is called in its place.
        pattern: The regular expression.
        reach: The most characters of a match, where ``tail`` does not say more.
        tail: The characters that matches are made of, and those of which what follows one may be made.
        accept: A second look at what was matched.
    """

    kind: str
    pattern: re.Pattern[str]
    reach: int = 100
    tail: str = ""
    accept: Callable[[str], bool] = lambda _: True

    def find(self, text: str) -> Iterator[Span]:
        """The matches."""
        for found in self.pattern.finditer(text):
            if self.accept(found[0]):
                yield Span(*found.span(), self.kind)

    def open(self, text: str) -> int:
        """The beginning of the last characters that a match could have begun in."""
        return len(text.rstrip(self.tail)) if self.tail else max(0, len(text) - self.reach)


_RUN: Final = re.compile(r"[+(]?\d(?:[ ./()-]{0,3}+\d)*+")
_RUN_BEGUN: Final = re.compile(r"[+(\d]")
_SEPARATORS: Final = "+( ./)-"
_GROUP: Final = re.compile(r"\d+")
_FIRST: Final = re.compile(r"0\d|(?:1[ -])?\d{3}[ -]\d{3}")  # how a telephone number may begin inside of a row


@attrs.frozen
class Digits:
    """Numbers of payment cards and of telephones, in a row of digits with separators.

    Attributes:
        kinds: Which of ``"credit_card"`` and ``"phone"``.
    """

    kinds: tuple[str, ...]

    def find(self, text: str) -> Iterator[Span]:
        """The numbers."""
        for run in _RUN.finditer(text):
            if self._stands_alone(text, run.start(), run.end()):
                yield from self._in_run(run[0], run.start())

    def _stands_alone(self, text: str, start: int, end: int) -> bool:
        before, after = text[start - 1 : start], text[end : end + 1]
        return not (before.isalnum() or before == "_" or after.isalnum() or after == "_")

    def _in_run(self, run: str, offset: int) -> Iterator[Span]:
        if "phone" in self.kinds and is_phone(run):
            yield Span(offset, offset + len(run), "phone")
            return
        groups = list(_GROUP.finditer(run))
        begun = 0
        for first, group in enumerate(groups):
            if group.start() < begun:
                continue
            found = self._from(run, groups[first : first + 8])
            if found is not None:
                end, kind = found
                begun = end
                start = 0 if first == 0 else group.start()
                yield Span(offset + start, offset + end, kind)

    def _from(self, run: str, groups: list[re.Match[str]]) -> tuple[int, str] | None:
        """The end and kind of the longest number that begins with the first group."""
        best: tuple[int, str] | None = None
        digits: list[str] = []
        start = groups[0].start()
        card = "credit_card" in self.kinds and len(groups[0][0]) >= 4
        phone = "phone" in self.kinds and _FIRST.match(run, start) is not None
        for group in groups if card or phone else ():
            if best is not None and len(digits) > 1 and group[0].startswith("0"):
                break  # another number begins
            digits.append(group[0])
            if card and is_card(digits):
                best = group.end(), "credit_card"
            elif phone and is_phone(run[start : group.end()]):
                best = group.end(), "phone"
        return best

    def open(self, text: str) -> int:
        """Where the last row of digits begins."""
        at = len(text)
        while at and (text[at - 1] in _SEPARATORS or text[at - 1].isdecimal()):
            at -= 1
        found = _RUN_BEGUN.search(text, at)
        return found.start() if found else len(text)


_ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ \t\r\n-]{0,3}[A-Za-z0-9])")
_ACCOUNT_BEGUN: Final = re.compile(r"[A-Za-z]{2}\d{2}[A-Za-z0-9 \t\r\n-]*\Z|[A-Za-z]{1,2}\d?\Z")
_LONGEST_ACCOUNT: Final = 70


@attrs.frozen
class _Accounts:
    """Bank accounts (IBAN) whose check digits are right."""

    def find(self, text: str) -> Iterator[Span]:
        """The accounts."""
        for found in _ACCOUNT.finditer(text):
            length = account_in(text[found.start() : found.start() + _LONGEST_ACCOUNT])
            if length:
                yield Span(found.start(), found.start() + length, "iban")

    def open(self, text: str) -> int:
        """Where an account may have begun."""
        since = max(0, len(text) - _LONGEST_ACCOUNT)
        found = _ACCOUNT_BEGUN.search(text, since)
        return found.start() if found else len(text)


_WHITE: Final = re.compile(r"[ \t\r\n\f\v]{1,3}")


class _Folding(dict[int, str]):
    """Characters in the form in which upper and lower case are the same, one for one."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        forms = (character.casefold(), character.lower(), character)
        self[code] = found = next(form for form in forms if len(form) == 1)
        return found


_FOLDING: Final = _Folding({ord("\u0130"): "i", ord("\u0131"): "i"})


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def _forms(name: str) -> set[str]:
    """The ways in which a name is written: with characters that are one or put together, and in capitals."""
    written = {normalize(form, each) for form in ("NFC", "NFD") for each in (name, name.upper())}
    return {_WHITE.sub(" ", _folded(one)) for one in (name, *written)}


@attrs.frozen
class Names:
    """Names of people, or other texts, from a list; the case and the kind of white space do not matter.

    Attributes:
        names: The texts.
        kind: What they are called in their place.
    """

    names: tuple[str, ...]
    kind: str = "name"
    _pattern: re.Pattern[str] = attrs.field(init=False, eq=False, repr=False)
    _beginnings: frozenset[str] = attrs.field(init=False, eq=False, repr=False)
    _longest: int = attrs.field(init=False, eq=False, repr=False)

    @_pattern.default
    def _compiled(self) -> re.Pattern[str]:
        longest_first = sorted({form for name in self.names for form in _forms(name)}, key=lambda one: (-len(one), one))
        written = (_WHITE.pattern.join(map(re.escape, form.split(" "))) for form in longest_first)
        return re.compile(rf"(?<!\w)(?:{'|'.join(written)})(?!\w)")

    @_beginnings.default
    def _begun(self) -> frozenset[str]:
        forms = {form for name in self.names for form in _forms(name)}
        return frozenset(form[:end] for form in forms for end in range(1, len(form) + 1))

    @_longest.default
    def _of_the_longest(self) -> int:
        return max((len(begun) + 2 * begun.count(" ") for begun in self._beginnings), default=0)

    def find(self, text: str) -> Iterator[Span]:
        """Where they are, as whole words."""
        return (Span(*found.span(), self.kind) for found in self._pattern.finditer(_folded(text)))

    def open(self, text: str) -> int:
        """Where one of them may have begun."""
        since = max(0, len(text) - self._longest)
        tail = _folded(text[since:])
        begun = (at for at in range(len(tail)) if _WHITE.sub(" ", tail[at:]) in self._beginnings)
        return since + next(begun, len(tail))


_EMAIL: Final = re.compile(r"[\wÀ-ɏ.%+-]{1,64}@[\wÀ-ɏ-]{1,63}(?:\.[\wÀ-ɏ-]{1,63}){1,8}", re.ASCII)
_LATIN: Final = string.ascii_letters + string.digits + "_" + "".join(map(chr, range(0xC0, 0x250)))
_FOUR: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w)(?!\.[0-9])"
_SIX: Final = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?![\w:])"
_IP: Final = re.compile(rf"(?<![\w.]){_FOUR}|(?<![\w:.])(?:(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}{_FOUR}|{_SIX})")
_NETWORK: Final = re.compile(r"(?=\w*\d)(?:fe[89ab]|f[cd]|[23])[0-9a-f]{1,2}:", re.IGNORECASE)


def _is_address(text: str) -> bool:
    short = ":" in text and "." not in text and sum(map(bool, text.split(":"))) < 3
    if short and text != "::1" and not _NETWORK.match(text):
        return False  # "a::b" is rather code
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


FINDERS: Final[dict[str, Finder]] = {
    "email": Pattern("email", _EMAIL, tail=_LATIN + ".%+@-"),
    "iban": _Accounts(),
    "ip": Pattern("ip", _IP, tail=string.hexdigits + ".:", accept=_is_address),
}
"""The finders by the kind that they find; cards and telephones are found together by :class:`Digits`."""
