"""Our expressions against Google's CEL engine: any expression gives the same value, or is an error for both.

The engine runs without its type checker, because ours has none. Not generated, because they differ on purpose: unsigned
numbers, bytes, timestamps and durations, bool as the key of a map, ``int(bool)``, ``double`` of hexadecimal text,
``!!x`` (Google takes it for ``x`` whatever ``x`` is), whole numbers above 2**53 held against doubles nearby. Maps that
are gone through have one key, since CEL leaves their order open.
"""

from __future__ import annotations

import math
import os
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from circuit_breaker.errors import EvaluationFailed
from circuit_breaker.rules.expression import TypeName, compile_expression

if os.environ.get("CB_REQUIRE_SERVICES") == "1":
    from cel_expr_python import cel
else:
    cel = pytest.importorskip("cel_expr_python.cel", reason="the oracle needs: pip install cel-expr-python")

pytestmark = pytest.mark.oracle

ENVIRONMENT = cel.NewEnv(
    variables=dict.fromkeys(("data", "metadata", "results"), cel.Type.DYN) | {"state": cel.Type.STRING}
)
TYPES = {"INT": "int", "DOUBLE": "double", "STRING": "string", "BOOL": "bool", "NULL": "null_type", "TYPE": "type"}
ERROR = "error"


@attrs.frozen
class Token:
    data: Any
    metadata: Any
    results: Any
    state: str = "draft"


def plain(value: Any) -> Any:
    """The value with its types made visible, so that 1, 1.0 and True differ and NaN equals itself."""
    if isinstance(value, cel.Type):
        name = value.name().partition("<")[0]
        return ("type", TYPES.get(name, name.lower()))
    if isinstance(value, TypeName):
        return ("type", value.name)
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if isinstance(value, dict):
        return {plain(key): plain(element) for key, element in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return ("float", "nan")
    return (type(value).__name__, value)


def googles(text: str, token: Token) -> Any:
    compiled = ENVIRONMENT.compile(text, disable_check=True)
    try:
        result = compiled.eval(data=attrs.asdict(token))
    except RuntimeError:
        return ERROR
    return ERROR if result.type() == cel.Type.ERROR else plain(result.plain_value())


def ours(text: str, token: Token) -> Any:
    try:
        return plain(compile_expression(text).evaluate(token))
    except EvaluationFailed:
        return ERROR


integers = st.integers(-5, 5) | st.sampled_from([2**63 - 1, -(2**63), 2**31, 10**15])
doubles = st.sampled_from([0.0, -0.0, 0.5, -1.5, 1.0, 2.0, 1e300, 1e-7, 1234567.0, 0.1, 100000.0, math.inf])
words = st.sampled_from(["", "a", "b", "ab", "é", "12", "-3", "1.5", "true", "x y", "𝄞", "0", "nan", " 7"])
scalars = st.none() | st.booleans() | integers | doubles | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abn"), inner, max_size=1),
    max_leaves=5,
)
records = st.dictionaries(st.sampled_from(["a", "b", "n", "items", "deep"]), values, max_size=5)
tokens = st.builds(Token, records, records, records)


def quoted(text: str) -> str:
    return "'" + "".join(f"\\U{ord(letter):08x}" for letter in text) + "'"


def written(number: float) -> str:
    return "(1.0/0.0)" if math.isinf(number) else repr(number) if "." in repr(number) else f"{number:.1e}"


literals = (
    st.sampled_from(["true", "false", "null", "[]", "{}", "int", "string", "null_type"])
    | integers.map(str)
    | doubles.map(written)
    | words.map(quoted)
)
keys = integers.map(str) | words.map(quoted) | st.sampled_from(["1.0", "null", "[]"])
paths = st.builds(
    lambda root, rest: ".".join([root, *rest]),
    st.sampled_from(["data", "metadata", "results"]),
    st.lists(st.sampled_from(["a", "b", "n", "items", "deep"]), min_size=1, max_size=3),
) | st.just("state")
PATTERNS = ["a", "^a", "b$", "[0-9]+", "(a|b)*", "^$", "x.y", r"\\d", "a{1,2}", "é"]


def operations(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def build(template: str, *parts: Any) -> st.SearchStrategy[str]:
        return st.builds(template.format, *(parts or [inner] * template.count("{}")))

    binary = st.sampled_from("== != < <= > >= && || + - * / % in".split())
    function = st.sampled_from(["size", "string", "bool", "type", "dyn"])
    method = st.sampled_from(["contains", "startsWith", "endsWith"])
    macro = st.sampled_from(["all", "exists", "exists_one", "filter", "map"])
    listed = build("[{}, {}]") | paths
    return st.one_of(
        build("({} {} {})", inner, binary, inner),
        build("({} {} {})", inner, st.sampled_from(["&&", "||"]), inner),
        build("({} ? {} : {})"),
        build("!({})"),
        build("-({})"),
        build("({})[{}]"),
        build("[{}, {}]"),
        build("{{'a': {}}}"),
        build("{{{}: {}}}", keys, inner),
        build("({}).a"),
        build("has({}.{})", paths.filter(lambda path: path != "state"), st.sampled_from("abn")),
        build("{}({})", function, inner),
        build(
            "{}({})", st.sampled_from(["int", "double"]), integers.map(str) | doubles.map(written) | words.map(quoted)
        ),
        build("({}).{}({})", inner, method, inner),
        build("({}).matches('{}')", inner, st.sampled_from(PATTERNS)),
        build("{}.{}(x, {} {} x)", listed, macro, inner, binary),
        build("{}.{}(x, x {} {})", listed, macro, binary, inner),
        build("{}.map(x, x == {}, [x, {}])", listed, inner, inner),
    )


expressions = st.recursive(literals | paths, operations, max_leaves=6)


@settings(max_examples=int(os.environ.get("CB_ORACLE_EXAMPLES", "400")))
@given(expressions, tokens)
@example("data.a && false", Token({}, {}, {}))
@example("data.a || true", Token({"a": 1}, {}, {}))
@example("[1, 0].exists(x, 1 / x == 1)", Token({}, {}, {}))
def test_any_expression_means_what_googles_engine_says(text: str, token: Token):
    """ZB2: an expression over any data has the value that Google's engine computes, or is an error in both."""
    assert googles(text, token) == ours(text, token)
