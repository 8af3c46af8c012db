"""Keys taken out of text by what keys look like, where nobody has said which secrets there are."""

from __future__ import annotations

import re
from typing import Final

from circuit_breaker.outgoing.redaction import HIDDEN

__all__ = ["HIDDEN", "is_secret_name", "without_keys"]

_KEYS: Final = re.compile(
    r"""
    \b(?:sk|pk|rk|xai|gsk|hf|ghp|gho|ghs|glpat|npm|xox[abps])[-_][A-Za-z0-9_-]{12,}   # keys that say what they are
  | \bgithub_pat_\w{20,}
  | \bAIza[\w-]{30,}                                                          # Google
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                             # Amazon
  | (?<![\w-])(?:(?!eyJ)[\w-])*+eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+            # a JSON web token, tried once a word
  | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----(?:[^-]|-(?!----END))*(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----)?
  | (?P<before>\b(?:bearer|basic)[ ]+)[\w.~+/=-]{8,}                          # a header
  | (?P<name>\b(?:[\w-]{0,40}(?:api|access|secret)[-_]?key|[\w-]{0,40}token|password|passwd|secret)["']?\s*[=:]\s*["']?)
    [^\s"'&,;]{6,}                                                            # a name with a value
  | (?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)[^\s/:@]{1,100}:[^\s/@]{1,200}(?=@)     # the password of an address
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NAME: Final = re.compile(
    r"authorization|cookie|credential|password|passwd|secret|(^|[-_.])(api|access|auth|private)?[-_]?(key|token)$",
    re.IGNORECASE,
)


def without_keys(text: str) -> str:
    """The text with ``***`` for whatever looks like a key, a token or a password."""
    return _KEYS.sub(lambda found: f"{found['before'] or found['name'] or found['scheme'] or ''}{HIDDEN}", text)


def is_secret_name(name: str) -> bool:
    """Whether something of that name is a secret, such as ``"api_key"``; ``"max_tokens"`` is none."""
    return _NAME.search(name) is not None
