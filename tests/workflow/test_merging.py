"""What joins make of their tokens, compared with a plain account of what is promised."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Change, Workflow, flow, states
from circuit_breaker.data import Data, kept
from circuit_breaker.errors import MergeConflict
from circuit_breaker.net.marking import Marking
from circuit_breaker.workflow import choosing, firing, standing
from circuit_breaker.workflow.merging import LAST, Collect
from circuit_breaker.workflow.token import Fork, Token
from tests.workflow.running import START

first, *PLACES, end, failed = states("first", "p1", "p2", "p3", "p4", "end", "failed")
PARTS = ("data", "metadata", "results")
ABSENT = object()
MERGES = (None, lambda tokens: {"of": len(tokens)}, LAST, Collect("all", "data.k"))

values = st.one_of(st.integers(0, 2), st.booleans())
content = st.fixed_dictionaries(
    {
        "data": st.dictionaries(st.sampled_from("kl"), values),
        "metadata": st.dictionaries(st.sampled_from(["k", "n", "failure"]), values),
        "results": st.dictionaries(st.sampled_from("kl"), values),
    }
)


def joining(count, merge):
    """Branches that are joined by an action that may fail, of which the join counts how often it happens."""
    join = flow(tuple(PLACES[:count]) >> end).transition("join").action(lambda token: {}).on_failure(failed).counts("n")
    return Workflow("w", flow(first >> tuple(PLACES[:count])).transition("split"), join.merge(merge) if merge else join)


def at_the_join(workflow, base, branches):
    """A case of which the tokens came from one split, and carry what they do."""
    fork = Fork("f", *(Data(base[part]) for part in PARTS), None)
    tokens = [
        Token(f"c.{n}", place.name, *(kept(branch[part]) for part in PARTS), START, 1, fork)
        for n, (place, branch) in enumerate(zip(PLACES, branches, strict=False), start=2)
    ]
    marking = Marking().change((), [(token.state, token) for token in tokens])
    return msgspec.structs.replace(workflow.start("c", at=START), marking=marking, minted=9)


def united(base, branches, *, last):
    """One part of the joined token, and the keys of which the branches say different things."""
    whole, clashing = {}, set()
    for key in {key for each in (base, *branches) for key in each}:
        before = base.get(key, ABSENT)
        said = [each.get(key, ABSENT) for each in branches if repr(each.get(key, ABSENT)) != repr(before)]
        if key == "failure":
            said = [each for each in said if each is not ABSENT] or said
        elif len({*map(repr, said)}) > 1 and not last:
            clashing.add(key)
        whole[key] = said[-1] if said else before
    return {key: value for key, value in whole.items() if value is not ABSENT}, clashing


def promised(merge, base, branches):
    """What the joined token carries before the join itself adds to it; or the keys of the first conflict."""
    if merge in MERGES[2:]:
        data = branches[-1]["data"]
        if merge is not LAST and "k" in branches[0]["data"]:
            data = {**data, "all": [branches[0]["data"]["k"]]}
        return {**branches[-1], "data": data}, set()
    found = {part: united(base[part], [each[part] for each in branches], last=merge is not None) for part in PARTS}
    if merge is not None:
        found["data"] = ({"of": len(branches)}, set())
    told = ({f"{part}.{key}" for key in keys} for part, (_, keys) in found.items() if keys)
    return {part: whole for part, (whole, _) in found.items()}, next(told, set())


@given(st.sampled_from(MERGES), content, st.lists(content, min_size=2, max_size=4), st.booleans())
def test_a_join_makes_of_its_tokens_what_is_promised(merge, base, branches, fails):
    """Every key of every part is that of the beginning, that which was changed, or the last; or it is a conflict."""
    workflow = joining(len(branches), merge)
    case = at_the_join(workflow, base, branches)
    (choice,) = choosing.choices(workflow, case, workflow.by_id["join"])
    wanted, clashing = promised(merge, base, branches)
    if clashing:
        assert isinstance(choice.conflict, MergeConflict)
        assert clashing == set(choice.conflict.conflicts)
        return
    case = standing.apply(workflow, case, firing.begin(case, choice, at=START, worker="w"))
    if fails:
        wanted["metadata"] = {**wanted["metadata"], "failure": {"message": "no"}}
        event = firing.fail(workflow, case, case.pending[0], at=START, error={"message": "no"})
    else:
        n = wanted["metadata"].get("n")
        wanted["metadata"] = {**wanted["metadata"], "n": n + 1 if type(n) is int else 1}
        event, _ = firing.finish(workflow, case, case.pending[0], at=START, change=Change())
    token = standing.apply(workflow, case, event).token
    assert repr([sorted(wanted[part].items()) for part in PARTS]) == repr(
        [sorted(getattr(token, part).items()) for part in PARTS]
    )
