"""Numbers that name a person or an account: what makes a row of digits a card, a telephone or a bank account."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["IBAN_LENGTHS", "account_in", "is_card", "is_phone"]

_LENGTHS: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
IBAN_LENGTHS: Final[Mapping[str, int]] = {word[:2]: int(word[2:]) for word in _LENGTHS.split()}
"""Characters of an IBAN by country (SWIFT, IBAN Registry)."""

_CARD: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|6\d{15,18}|35\d{14}"
)
_PHONE: Final = re.compile(
    r"""
    \+\d(?:[ ./()-]{0,3}\d){6,14}                       # with its country
  | \(0?\d{2,5}\)[ ./-]{0,2}\d{2,}(?:[ ./-]\d{2,}){0,4}  # with the town in parentheses
  | 00?\d{9,13}                                         # in one row
  | 0\d{1,5}(?:[ /-]{1,2}\d{2,}){1,5}                   # in groups
  | (?:1[ -])?\d{3}[ -]\d{3}[ -]\d{4}                   # as in America
  | 0\d(?:\.\d{2}){4}                                   # as in France
    """,
    re.VERBOSE,
)
_DATE: Final = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|(?!00)\d{4}[./-]\d{1,2}[./-]\d{1,2}.*")
_DIGITS: Final = range(7, 16)
_BETWEEN: Final = " -\t\r\n"  # what may stand inside of a bank account, so many at once
_MOST_BETWEEN: Final = 3


def is_card(groups: Sequence[str]) -> bool:
    """Whether groups of digits are the number of a payment card: its beginning, length and last digit (Luhn)."""
    digits = "".join(groups)
    return len(digits) <= 19 and _CARD.fullmatch(digits) is not None and _as_on_cards(groups) and _luhn(digits)


def _as_on_cards(groups: Sequence[str]) -> bool:
    """Whether digits are written in groups of four, in the groups of other cards, or in one row."""
    lengths = [*map(len, groups)]
    return len(lengths) == 1 or lengths[:2] == [4, 6] or (set(lengths[:-1]) == {4} and lengths[-1] <= 4)


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


def is_phone(text: str) -> bool:
    """Whether a text of digits and separators is written as telephone numbers are; dates and plain figures are not."""
    digits = sum(map(str.isdigit, text))
    return digits in _DIGITS and _DATE.fullmatch(text) is None and _PHONE.fullmatch(text) is not None


def account_in(text: str) -> int:
    """How many characters at the beginning of a text are an IBAN with right check digits (ISO 7064); 0 if none."""
    length = IBAN_LENGTHS.get(text[:2].upper(), 0)
    taken: list[str] = []
    gap = 0
    for place, character in enumerate(text):
        if len(taken) == length:
            break
        if character.isalnum() and character.isascii():
            taken.append(character.upper())
            gap = 0
        elif character not in _BETWEEN or gap == _MOST_BETWEEN:
            return 0
        else:
            gap += 1
        if len(taken) == length and length and _mod97("".join(taken)):
            return place + 1
    return 0


def _mod97(account: str) -> bool:
    return int("".join(str(int(one, 36)) for one in account[4:] + account[:4])) % 97 == 1
