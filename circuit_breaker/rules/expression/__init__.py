"""Expressions: conditions over tokens as text, in a subset of CEL, the Common Expression Language.

>>> compile_expression("data.score >= 8 && data.status in ['open', 'waiting']").paths == {"data.score", "data.status"}
True

The language is that of https://github.com/google/cel-spec/blob/master/doc/langdef.md over ``data``, ``metadata``,
``results`` and ``state``: the kinds ``int double string bool null list map``, ``== != < <= > >= in && || ! ?: + - * /
%``, ``a.b``, ``a[b]``, ``has(a.b)``, the macros ``all exists exists_one filter map``, and the functions ``size contains
startsWith endsWith matches int double string bool type dyn``. It differs from CEL in this:

* There are no unsigned numbers, bytes, timestamps, durations and messages, and no keys of maps that are bool.
* Types are checked when values are there, not before; so ``dyn`` changes nothing, and ``1 == '1'`` is false, not an
  error.
* Whole numbers are compared with doubles exactly, above 2**53 too.
* ``int(true)`` and ``double('0x1p3')`` are errors, although Google's engine takes them when it does not check types.
* ``!!x`` and ``--x`` apply the operator twice; Google's engine drops both whatever ``x`` is.
* Data may hold whole numbers of more than 64 bits: they compare, but nothing can be computed with them.

As a condition an expression fails closed: a missing field or any other failure that ``&&`` and ``||`` do not absorb
makes it false, and the verdict says why. An evaluation takes a bounded number of steps, and patterns are searched for
in linear time, so that expressions and data may come from people who mean no good.
"""

from __future__ import annotations

from circuit_breaker.rules.expression.definition import Expression, compile_expression
from circuit_breaker.rules.expression.pattern import Pattern, compile_pattern
from circuit_breaker.rules.expression.values import TypeName

__all__ = ["Expression", "Pattern", "TypeName", "compile_expression", "compile_pattern"]
