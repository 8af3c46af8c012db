"""PNML is read as the tools write it, written so that nothing is lost, and refused where it is hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import DefinitionError, DocumentInvalid
from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.pnml import ArcLook, Look, PetriNet, from_pnml, to_pnml

PTNET = "http://www.pnml.org/version-2009/grammar/ptnet"


def pnml(inside: str, *, attributes: str = f'id="n" type="{PTNET}"') -> str:
    return f'<pnml xmlns="http://www.pnml.org/version-2009/grammar/pnml"><net {attributes}>{inside}</net></pnml>'


PLACES = '<place id="a"><initialMarking><text>2</text></initialMarking></place><place id="b"/><transition id="t"/>'


def arc(inside: str = "", *, ends: str = 'source="a" target="t"', attributes: str = "") -> str:
    return f'<arc id="x" {ends} {attributes}>{inside}</arc>'


def faults(text: str | bytes, **options) -> list[str]:
    with pytest.raises(DocumentInvalid) as caught:
        from_pnml(text, **options)
    return [str(fault) for fault in caught.value.faults]


def test_a_net_is_read():
    """Places, transitions, arcs, weights and the initial marking come from the document."""
    weight = "<inscription><text>2</text></inscription>"
    found = from_pnml(pnml(PLACES + arc(weight) + '<arc id="y" source="t" target="b"/>'))

    assert Net(("a", "b"), (NetTransition("t", (Arc("a", 2),), (Arc("b"),)),)) == found.net
    assert {"a": 2} == found.initial
    assert "n" == found.id


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ('<type value="inhibitor"/>', "inhibitors"),
        ('<type value="test"/>', "reads"),
        ('<type value="read"/>', "reads"),
        ('<type value="reset"/>', "resets"),
        ('<type value="normal"/>', "takes"),
        ("<arctype><text>inhibitor</text></arctype>", "inhibitors"),
        ("<arctype><text>reset</text></arctype>", "resets"),
        ("<arctype><text>normal</text></arctype>", "takes"),
        ('<toolspecific tool="x" version="1"><type>Reset</type></toolspecific>', "resets"),
        ('<toolspecific tool="x" version="1"/>', "takes"),
    ],
)
def test_the_kinds_of_arcs_are_read_in_the_dialects_of_the_tools(written, kind):
    """TINA and PIPE, ProM, and what stands among the data of a tool."""
    transition = from_pnml(pnml(PLACES + arc(written))).net.transitions[0]

    held = {name for name in ("takes", "reads", "inhibitors", "resets") if getattr(transition, name)}
    assert {kind} == held


def test_the_kind_of_an_arc_may_be_an_attribute():
    """As TAPAAL writes it."""
    transition = from_pnml(pnml(PLACES + arc(attributes='type="tapnInhibitor"'))).net.transitions[0]

    assert (Arc("a"),) == transition.inhibitors


def test_numbers_are_read_as_pipe_writes_them():
    """PIPE names the colour before the number, and says value where the standard says text."""
    place = '<place id="a"><initialMarking><value>Default,3</value></initialMarking></place><transition id="t"/>'
    weight = "<inscription><value>Default,2</value></inscription>"

    found = from_pnml(pnml(place + arc(weight)))

    assert ({"a": 3}, (Arc("a", 2),)) == (found.initial, found.net.transitions[0].takes)


def test_pages_are_flattened_and_references_followed():
    """A node on another page stands for the one it refers to, however long the way."""
    inside = (
        f'<page id="p1">{PLACES}</page><page id="p2"><referencePlace id="r" ref="s"/>'
        '<page id="p3"><referencePlace id="s" ref="a"/><referenceTransition id="u" ref="t"/></page>'
        '<arc id="x" source="r" target="u"/></page>'
    )

    assert (Arc("a"),) == from_pnml(pnml(inside)).net.transitions[0].takes


def test_names_are_used_where_each_place_has_one_of_its_own():
    """Otherwise the identifiers are; transitions decide for themselves."""

    def named(tag: str, known: str, name: str) -> str:
        return f'<{tag} id="{known}"><name><text>{name}</text></name></{tag}>'

    own = named("place", "a", "start") + named("place", "b", "end")
    twice = named("transition", "t", "go") + named("transition", "u", "go")
    found = from_pnml(pnml(own + twice))

    assert ("start", "end") == found.net.places
    assert ["t", "u"] == [transition.name for transition in found.net.transitions]
    assert "go" == found.transitions["t"].label


def test_parallel_arcs_are_one():
    """Two arcs take the sum, the stronger of two read arcs and the narrower of two inhibitors count."""

    def weighted(kind: str, weight: int) -> str:
        inside = f'<type value="{kind}"/><inscription><text>{weight}</text></inscription>'
        return f'<arc id="{kind}{weight}" source="a" target="t">{inside}</arc>'

    arcs = [weighted(kind, weight) for kind in ("normal", "read", "inhibitor") for weight in (2, 3)]
    transition = from_pnml(pnml(PLACES + "".join(arcs))).net.transitions[0]

    assert ((Arc("a", 5),), (Arc("a", 3),), (Arc("a", 2),)) == (
        transition.takes, transition.reads, transition.inhibitors,
    )  # fmt: skip


def test_positions_are_kept():
    """A drawing comes out as it went in: places, transitions, names, weights and the bends of arcs."""
    at = '<graphics><position x="10" y="20.5"/><dimension x="30" y="40"/></graphics>'
    name = '<name><text>start</text><graphics><offset x="1" y="-2"/></graphics></name>'
    weight = '<inscription><text>2</text><graphics><offset x="5" y="6"/></graphics></inscription>'
    bends = '<graphics><position x="1" y="2"/><position x="3" y="4"/></graphics>'
    found = from_pnml(
        pnml(f'<place id="a">{name}{at}</place><transition id="t">{at}</transition>{arc(weight + bends)}')
    )

    assert Look("a", "start", (10.0, 20.5), (30.0, 40.0), (1.0, -2.0)) == found.places["start"]
    assert ArcLook("x", ((1.0, 2.0), (3.0, 4.0)), (5.0, 6.0)) == found.arcs["start", "t", "normal"]
    assert found == from_pnml(to_pnml(found))


names = st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6), unique=True)
points = st.none() | st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))


@st.composite
def documents(draw) -> PetriNet:
    places = tuple(draw(names.filter(bool)))

    def arcs() -> tuple[Arc, ...]:
        held = draw(st.lists(st.sampled_from(places), unique=True, max_size=2))
        return tuple(Arc(place, draw(st.integers(1, 5))) for place in held)

    transitions = tuple(
        NetTransition(name, arcs(), arcs(), arcs(), arcs(), tuple(arc.place for arc in arcs())) for name in draw(names)
    )
    initial = {place: draw(st.integers(1, 9)) for place in draw(st.lists(st.sampled_from(places), unique=True))}
    looks = {place: Look(f"p{n}", place, draw(points), draw(points)) for n, place in enumerate(places)}
    return PetriNet(Net(places, transitions), initial, "n", draw(st.sampled_from(["", "a <net> & more"])), looks)


@given(documents())
def test_what_is_written_is_read_again(document):
    """Net, marking, names and positions survive, with every kind of arc and any name."""
    found = from_pnml(to_pnml(document))

    assert document.net == found.net
    assert document.initial == found.initial
    assert document.places == found.places
    assert (document.id, document.name) == (found.id, found.name)
    assert found == from_pnml(to_pnml(found))


def test_names_that_are_no_identifiers_get_some():
    """An identifier has no spaces, begins with a letter, and is there once."""
    net = Net(("a b", "a_b", "1"), (NetTransition("a b", (Arc("a b"),), (Arc("1"),)),))

    found = from_pnml(to_pnml(PetriNet(net)))

    assert net == found.net
    assert ["a_b", "a_b_2", "n1"] == [look.id for look in found.places.values()]


def test_what_pnml_cannot_say_is_refused():
    """Names that XML does not keep, and OR-joins, all at once."""
    join = NetTransition("join", (Arc("a\x00"),), awaits=(" b",))

    with pytest.raises(DefinitionError) as caught:
        to_pnml(PetriNet(Net(("a\x00", " b"), (join,))))

    assert ["place 'a\\x00'", "place ' b'", "transition 'join'"] == [fault.place for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ('<place id="a"/><place id="a"/>', "place 'a': is there twice"),
        ("<place/>", "<place>: has no id"),
        (PLACES + arc(ends='source="a" target="q"'), "arc 'x': target 'q' does not exist"),
        (PLACES + arc(ends='target="t"'), "arc 'x': has no source"),
        (PLACES + arc(ends='source="a" target="b"'), "arc 'x': joins two places"),
        (PLACES + arc('<type value="reste"/>'), "arc 'x': is of the kind 'reste' (did you mean 'reset'?)"),
        (PLACES + arc('<type value="inhibitor"/>', ends='source="t" target="b"'), "arc 'x': inhibits a place"),
        (PLACES + arc("<inscription><text>0</text></inscription>"), "arc 'x': inscription is '0'"),
        (PLACES + arc("<inscription><text>1`x</text></inscription>"), "arc 'x': inscription is '1`x'"),
        ('<place id="a"><initialMarking><text>-1</text></initialMarking></place>', "initialMarking is '-1'"),
        ('<place id="a"><initialMarking><text>9999999999</text></initialMarking></place>', "from 0 to 1,000,000,000"),
        (PLACES + '<referencePlace id="r" ref="r"/>' + arc(ends='source="r" target="t"'), "refers to itself"),
        (PLACES + '<referencePlace id="r" ref="q"/>', "referencePlace 'r': refers to 'q', which does not exist"),
        (PLACES + '<referenceTransition id="r"/>', "referenceTransition 'r': has no ref (refer to a transition)"),
        (PLACES + '<referencePlace id="r" ref="r"/>', "referencePlace 'r': refers to itself"),
        (PLACES + '<referenceTransition id="r" ref="a"/>', "referenceTransition 'r': refers to the place 'a'"),
        (PLACES + '<referencePlace id="r" ref="t"/>' + arc(ends='source="a" target="r"'), "the transition 't'"),
    ],
)
def test_a_faulty_net_is_refused_with_the_place(inside, fault):
    """The fault names the node or arc, the value, and the line and column."""
    (found,) = faults(pnml(inside))

    assert fault in found
    assert found.startswith("line 1, column ")


def test_all_faults_are_told_but_not_without_end():
    """Several faults come together; of thousands the first fifty."""
    assert 2 == len(faults(pnml('<place/><transition id="t"/>' + arc(ends='source="q" target="t"'))))
    assert "the document: has 950 more faults" == faults(pnml("<place/>" * 1000))[-1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<net/>", "line 1, column 1: <net>: is no PNML"),
        ("<pnml/>", "holds no <net>"),
        ('<pnml><net id="a"/><net id="b"/></pnml>', "holds several nets: 'a', 'b'"),
        (pnml("", attributes='id="n" type="http://www.pnml.org/version-2009/grammar/symmetricnet"'), "has colours"),
        ('<!DOCTYPE pnml [<!ENTITY a "aaaa">]>\n<pnml>&a;</pnml>', "declares a document type"),
        ('<!DOCTYPE pnml SYSTEM "http://localhost/x.dtd"><pnml/>', "declares a document type"),
        ('<!DOCTYPE pnml [<!ENTITY a SYSTEM "file:///etc/passwd">]><pnml>&a;</pnml>', "declares a document type"),
        ("<pnml>\n  <net>\n  </pnml>", "line 3, column 5"),
        ("<pnml>" + "<page>" * 200, "nested deeper than"),
        ("", "no element found"),
        (b"\xff\xfe\x00", "line 1"),
    ],
)
def test_hostile_or_broken_documents_are_refused_with_the_place(text, fault):
    """Entity bombs, external references, endless nesting, torn and foreign documents are told where they stand."""
    (found,) = faults(text)

    assert fault in found


def test_one_of_several_nets_is_chosen_by_its_id():
    """An unknown one is refused with the nearest."""
    text = '<pnml><net id="one"/><net id="two"><place id="a"/></net></pnml>'

    assert ("a",) == from_pnml(text, net="two").net.places
    assert "holds no net 'tow' (did you mean 'two'?)" in faults(text, net="tow")[0]


def test_a_document_that_is_too_large_is_refused():
    """Before it is parsed."""
    assert "the most is 10" in faults(pnml(PLACES), largest=10)[0]


def test_positions_that_are_none_are_left_out():
    """A drawing that nobody can draw is no reason to refuse the net."""
    broken = '<graphics><position x="here" y="1"/><dimension x="nan" y="inf"/></graphics>'

    assert Look("a") == from_pnml(pnml(f'<place id="a">{broken}</place>')).places["a"]
