"""Definitions from the command line: named, checked, drawn, written, and known to cases in the journal."""

from __future__ import annotations

import json
import sys

import jsonschema_rs
import pytest
import yaml

VALID = """\
circuit_breaker: 1
name: tickets
states: [open, solved]
transitions:
- name: solve
  from: open
  to: solved
  guard: {rule: worth_sending}
  steps: [{action: wrap}, {execute: Label, parameters: {name: {field: data.name}}}]
"""
FAULTY = """\
circuit_breaker: 1
name: tickets
states: [open, solved]
transitions:
- name: solve
  from: opne
  to: solved
- name: close
  from: open
  to: solved
  manul: true
"""


@pytest.fixture
def tickets(here):
    (here / "tickets.yaml").write_text(VALID)
    return "tickets.yaml"


@pytest.mark.parametrize("reference", ["orders:plain", "orders.py:plain", "./orders.py:plain"])
def test_a_workflow_is_named_by_module_or_file(cb, reference):
    """A module in the working directory and a path to a file both lead to the workflow."""
    assert "✓ plain is valid: 3 states, 2 transitions" in cb("check", reference).out


def test_the_only_workflow_of_a_module_needs_no_name(cb, here):
    """Where a module holds one workflow its attribute may be left out; where it holds several they are named."""
    (here / "single.py").write_text("from orders import plain\n")

    assert "plain" in cb("check", "single.py").out
    assert "it holds orders, plain, timed" in cb("check", "orders.py", code=4).err


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nowhere:plain", "there is no module 'nowhere'"),
        ("nowhere.inside:plain", "there is no module 'nowhere.inside'"),
        ("nowhere.py:plain", "there is no file 'nowhere.py'"),
        ("nowhere.yaml", "'nowhere.yaml' cannot be read: No such file"),
        ("..x:plain", "'..x' names no module"),
        ("orders.py:plian", "has no 'plian'"),
        ("./orders.txt", "'./orders.txt' holds no definition: it must end in one of .py, .yaml, .yml, .json"),
        ("orders.txt", "'orders.txt' holds no definition: it must end in one of .py, .yaml, .yml, .json"),
        ("json", "which workflow of module 'json'?"),
    ],
)
def test_what_is_not_there_is_named(cb, here, reference, message):
    """A module, file or attribute that does not exist is an error of its own, with exit code 4."""
    (here / "orders.txt").write_text("")
    assert message in cb("check", reference, code=4).err


def test_the_nearest_name_is_suggested(cb):
    """A misspelt attribute is answered with the name that was meant."""
    assert "did you mean 'plain'?" in cb("check", "orders.py:plian", code=4).err


def test_something_else_than_a_workflow_is_invalid(cb):
    """An attribute that is no workflow is an invalid definition."""
    assert "is a int, no Workflow" in cb("check", "orders.py:other", code=3).err


def test_a_module_that_lacks_another_says_so_itself(cb, here):
    """When a module fails because it imports what is not installed, that is what is told, not that it is missing."""
    (here / "needy.py").write_text("import not_installed_anywhere\n")

    assert (
        "1:1 needy.py: ModuleNotFoundError: No module named 'not_installed_anywhere'"
        in cb("check", "needy:w", code=3).err
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\n1 / 0\n", "2:1 broken.py: ZeroDivisionError: division by zero"),
        ("def f(:\n    pass\n", "1:7 broken.py: SyntaxError: invalid syntax"),
        ("import json\n\n\njson.loads('{')\n", "4:1 broken.py: JSONDecodeError: Expecting"),
        ("from circuit_breaker import states\n\nstates()[0]\n", "in broken.py, line 3"),
        ("raise SystemExit(0)\n", "1:1 broken.py: SystemExit: 0"),
        ("from circuit_breaker import COMMON\nCOMMON['has_titel']\n", "2:1 broken.py: RuleNotFound: there is no rule"),
        ("raise ValueError('x')\n", "1:1 broken.py: ValueError: x"),
    ],
)
@pytest.mark.parametrize("reference", ["broken.py:w", "broken:w"])
def test_a_module_that_cannot_be_imported_is_an_invalid_definition(cb, here, reference, text, told):
    """What a module of the user raises is told with file, line and kind, ends with 3, and is no fault of ours."""
    (here / "broken.py").write_text(text)

    err = cb("check", reference, code=3).err
    assert told in err
    assert "Traceback" not in err
    assert "invalid_workflow" == cb("check", reference, "--json", code=3).error["code"]


def test_the_innermost_line_of_the_user_is_named(cb, here):
    """Where one module of the user imports another that fails, the place is in the other."""
    (here / "inner_part.py").write_text("\n\nimport re\nre.compile('(')\n")
    (here / "outer_part.py").write_text("import inner_part\n")
    (fault,) = cb("check", "outer_part:w", "--json", code=3).error["faults"]

    assert ("inner_part.py", 4) == (fault["place"], fault["line"])


def test_what_a_module_prints_is_no_answer(cb, here):
    """A module that prints, when it is imported or in an action, does not spoil the JSON of the command."""
    (here / "chatty.py").write_text(
        "from circuit_breaker import Workflow, flow, states\nprint('hello')\na, b = states('a', 'b')\n"
        "w = Workflow('w', flow(a >> b).transition('talk').action(lambda token: print('talking')))\n"
    )

    assert cb("check", "chatty.py", "--json").document["ok"]
    assert "b" == cb("run", "chatty.py", "--json").document["state"]
    assert "talking" in cb("run", "chatty.py").out


def test_faults_of_a_document_have_line_and_column(cb, here):
    """``check`` reports every fault of a YAML file at once, each with its place and the nearest right word."""
    (here / "faulty.yaml").write_text(FAULTY)
    done = cb("check", "faulty.yaml", code=3)
    faults = cb("check", "faulty.yaml", "--json", code=3).error["faults"]

    assert "6:9" in done.err
    assert "open" in done.err
    assert {6, 11} == {fault["line"] for fault in faults}
    assert all(fault["column"] for fault in faults)


def test_faults_of_a_module_are_reported_together(cb, here):
    """A wrong definition in Python is an invalid definition too, with all its faults."""
    (here / "wrong.py").write_text(
        "from circuit_breaker import Workflow, flow, states\n"
        "a, b = states('a', 'b')\n"
        "w = Workflow('w', flow(a >> b).transition('x').guard('no_rule'), flow(a >> b).transition('y').guard('none'))\n"
    )
    done = cb("check", "wrong.py:w", code=3)

    assert "no_rule" in done.err
    assert "none" in done.err


def test_a_document_that_is_no_text_is_invalid(cb, here):
    """A file in another encoding is told as such."""
    (here / "latin.yaml").write_bytes(b"name: caf\xe9\n")

    assert "is no text in UTF-8" in cb("check", "latin.yaml", code=3).err


def test_import_makes_names_known_to_a_document(cb, tickets):
    """Actions, executors and rules of an imported module are found by the names that a document uses."""
    assert "there is no action 'wrap'" in cb("check", tickets, code=3).err
    assert "✓ tickets is valid" in cb("check", tickets, "--import", "orders").out
    options = ["--import", "orders.py", "--data", '{"name": "Ann", "amount": 1}', "--json"]
    (token,) = cb("run", tickets, *options).document["tokens"]
    assert {"wrapped": True, "label": "to Ann"}.items() <= token["data"].items()


def test_a_case_of_a_document_needs_its_module_again(cb, tickets):
    """What the journal keeps of a document is enough with the same --import."""
    cb("start", tickets, "--import", "orders", "--id", "t1", "--data", '{"name": "Ann", "amount": 1}')

    assert 4 == cb("explain", "t1", code=4).code
    assert "✓ solve: can fire by itself" in cb("explain", "t1", "--import", "orders").out


def test_doubts_are_warnings_unless_strict(cb, here):
    """What is probably not meant is a warning; with --strict it is a fault."""
    (here / "odd.py").write_text(
        "from circuit_breaker import Workflow, flow, states\n"
        "a, b = states('a', 'b')\n"
        "w = Workflow('w', flow(a >> b).transition('x'), flow(a >> b).transition('y'), flow(b >> a).transition('z')\n"
        "    .execute('Unknown'), final=())\n"
    )
    done = cb("check", "odd.py:w")

    assert "no state is final" in done.err
    assert "in state 'a' 'x' always fires, and never 'y'" in done.err
    assert "executes 'Unknown'" in done.err
    assert "✓ w is valid: 2 states, 3 transitions" in done.out

    strict = cb("check", "odd.py:w", "--strict", code=3)
    assert "✗ w has 3 warnings; with --strict each is a fault" in strict.out
    assert "✓" not in strict.out
    document = cb("check", "odd.py:w", "--strict", "--json", code=3).document
    assert (False, 3) == (document["ok"], len(document["warnings"]))


@pytest.mark.parametrize(
    ("form", "part"), [("mermaid", "flowchart LR"), ("dot", "digraph"), ("svg", "<svg"), ("terminal", "── send ──")]
)
def test_a_workflow_is_drawn_in_four_forms(cb, form, part):
    """``draw`` prints Mermaid, DOT, SVG or a picture for the terminal."""
    assert part in cb("draw", "orders.py:plain", "--format", form).out
    assert part in cb("draw", "orders.py:plain", "--format", form, "--json").document["text"]


LONG = """\
circuit_breaker: 1
name: long
states: [{0}_one, {0}_two]
transitions:
- {{name: {0}_done, from: {0}_one, to: {0}_two}}
- {{name: {0}_lost, from: {0}_one, to: {0}_two}}
"""


@pytest.mark.parametrize("width", [30, 40, 80])
def test_a_picture_keeps_to_the_width_of_the_terminal(cb, here, monkeypatch, width):
    """COLUMNS, or the terminal, says how wide a picture may be; names that begin alike can still be told apart."""
    (here / "long.yaml").write_text(LONG.format("a_name_that_begins_as_others_do"))
    monkeypatch.setenv("COLUMNS", str(width))
    lines = cb("draw", "long.yaml").out.splitlines()

    assert max(len(line) for line in lines) <= width
    assert lines[2] != lines[3]
    assert "e" == lines[2].split(" ─")[0][-1]


def test_the_suffix_of_the_file_says_the_form(cb, here):
    """``draw -o picture.svg`` writes SVG; text, and a file without a suffix, have the form of the terminal."""
    assert "written to p.svg" in cb("draw", "orders.py:plain", "-o", "p.svg").err
    cb("draw", "orders.py:plain", "-o", "p.txt", "--json")
    cb("draw", "orders.py:plain", "-o", "p", "--json")

    assert "<svg" in (here / "p.svg").read_text()
    assert "── send ──" in (here / "p.txt").read_text()
    assert "── send ──" in (here / "p").read_text()


def test_a_suffix_that_says_no_form_is_refused(cb, here):
    """Nothing is written then, unless the form is said."""
    assert "-o knows no '.foo'" in cb("draw", "orders.py:plain", "-o", "p.foo", code=2).err
    assert not (here / "p.foo").exists()
    cb("draw", "orders.py:plain", "-o", "p.foo", "--format", "svg")
    assert "<svg" in (here / "p.foo").read_text()


def test_a_picture_shows_where_a_case_is(cb):
    """``draw --case`` marks the states that hold tokens."""
    cb("start", "orders.py:plain", "--id", "a")

    assert "● new" in cb("draw", "orders.py:plain", "--case", "a").out
    assert "○ new" in cb("draw", "orders.py:plain").out


def test_a_file_that_cannot_be_written_is_a_wrong_command(cb, here):
    """Writing into a directory that does not exist says which file and why."""
    done = cb("draw", "orders.py:plain", "-o", "no/p.svg", code=2)

    assert "'no/p.svg' cannot be written: No such file" in done.err


def test_a_file_may_have_the_name_of_another_module(cb, here):
    """A file of the user that is named like a known module does not take its place."""
    (here / "json.py").write_text("from orders import plain\n")

    assert "plain" in cb("check", "json.py:plain").out
    assert json is sys.modules["json"]


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_is_exported_can_be_read_again(cb, here, form):
    """``export`` writes a document of the same version as the definition."""
    cb("export", "orders.py:plain", "-o", f"plain.{form}")
    version = cb("check", "orders.py:plain", "--json").document["version"]

    assert version == cb("check", f"plain.{form}", "--json").document["version"]


def test_a_document_may_be_printed(cb):
    """``export`` prints YAML, or JSON with --format json and with --json."""
    as_yaml = yaml.safe_load(cb("export", "orders.py:plain").out)

    assert "plain" == as_yaml["name"]
    assert as_yaml == json.loads(cb("export", "orders.py:plain", "--format", "json").out)
    assert as_yaml == cb("export", "orders.py:plain", "--json").document


def test_the_schema_accepts_what_is_exported(cb):
    """``schema`` prints a JSON Schema that the exported documents fit."""
    schema = cb("schema").document

    assert jsonschema_rs.is_valid(schema, cb("export", "orders.py:plain", "--json").document)
    assert not jsonschema_rs.is_valid(schema, {"name": 1})


def test_a_typed_definition_in_a_file_finds_its_class(cb, here):
    """The class of the data is one of the modules that are named with --import; what was exported is read again."""
    (here / "typed.py").write_text(
        "import attrs\nfrom circuit_breaker import Workflow, field, flow, states\n\n"
        "@attrs.frozen\nclass Order:\n    total: int = 0\n\n"
        "a, b = states('a', 'b')\n"
        "orders = Workflow('orders', flow(a >> b).transition('t').guard(field('total') > 5), data=Order)\n"
    )
    (here / "orders.yaml").write_text(cb("export", "typed.py:orders").out)

    assert "orders is valid" in cb("check", "orders.yaml", "--import", "typed.py").out
    assert "name its module with --import" in cb("check", "orders.yaml", code=3).err


def test_a_path_is_drawn_from_the_start_or_from_a_case(cb):
    """``draw --path`` numbers the transitions and shows the tokens after them; a step that is impossible is named."""
    assert "(1) pay" in cb("draw", "orders.py:plain", "--path", "pay,send").out
    assert "◉ sent" in cb("draw", "orders.py:plain", "--path", "pay, send").out
    assert "step 1 of the path, 'send'" in cb("draw", "orders.py:plain", "--path", "send", code=1).err
    assert 1 == cb("draw", "orders.py:plain", "--path", "nope", code=4).err.count("pay")


def test_the_history_of_a_case_is_drawn(cb):
    """``draw --history`` tells what fired, in its order and when; it needs a case."""
    cb("start", "orders.py:plain", "--id", "a", "--data", '{"amount": 50}')
    cb("fire", "a", "pay", "-w", "orders.py:plain")
    text = cb("draw", "orders.py:plain", "--case", "a", "--history", "--format", "mermaid").out
    assert all(part in text for part in ("(1) pay", "(2) send", "fired 2"))
    assert "--history needs --case" in cb("draw", "orders.py:plain", "--history", code=2).err


@pytest.mark.parametrize(("file", "part"), [("p.html", "<svg"), ("p.md", "```mermaid"), ("p.puml", "@startuml")])
def test_a_page_or_plantuml_is_written_by_the_suffix(cb, here, file, part):
    """``draw -o`` writes a whole page in HTML or Markdown, or PlantUML."""
    cb("draw", "orders.py:plain", "-o", file)
    assert part in (here / file).read_text()


MODEL = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="Tickets">
<startEvent id="s"/><userTask id="solve"/><dataObject id="d"/><serviceTask id="wrap"/>
<sequenceFlow id="f1" sourceRef="s" targetRef="solve"/><sequenceFlow id="f2" sourceRef="solve" targetRef="wrap"/>
</process></definitions>"""


def test_a_bpmn_model_is_a_definition(cb, here):
    """Wherever a definition is named it may be a BPMN model; ``check`` tells what was left alone in it."""
    (here / "tickets.bpmn").write_text(MODEL)
    done = cb("check", "tickets.bpmn", "--import", "orders.py")
    assert ("✓ Tickets is valid" in done.out, "dataObject 'd': left alone" in done.err) == (
        True,
        True,
    )
    assert 1 == len(cb("check", "tickets.bpmn", "--import", "orders.py", "--json").document["notes"])
    cb("run", "tickets.bpmn", "--import", "orders.py", "--id", "t")
    fired = cb("fire", "t", "solve", "-w", "tickets.bpmn", "--import", "orders.py", "--json")
    assert "completed" == fired.document["status"]


def test_a_bpmn_model_with_faults_is_refused(cb, here):
    """Every fault has its line and column; a file that is not there is not found."""
    (here / "bad.bpmn").write_text(MODEL.replace("userTask", "complexGateway"))
    assert "  2:21 complexGateway 'solve': is not understood" in cb("check", "bad.bpmn", code=3).err
    assert "'no.bpmn' cannot be read" in cb("check", "no.bpmn", code=4).err


def test_the_schemas_of_other_documents_are_printed(cb):
    """``schema`` prints the form of what ``explain`` and ``diff-policy`` tell, too."""
    assert "circuit-breaker.explanation/1" == cb("schema", "explanation").document["title"]
    assert "#/$defs/policy-diff" == cb("schema", "policy-diff").document["$ref"]


def test_one_of_several_processes_in_a_model_is_meant_by_its_id(cb, here):
    """``model.bpmn:id`` means one process of a model; without the id its processes are named."""
    start, end = MODEL.index("<process"), MODEL.index("</process>") + len("</process>")
    other = MODEL[start:end].replace('id="', 'id="o').replace('Ref="', 'Ref="o')
    (here / "pools.bpmn").write_text(MODEL[:end] + other + MODEL[end:])
    assert "has 2 processes: Tickets, oTickets" in cb("check", "pools.bpmn", "--import", "orders.py", code=3).err
    cb("check", "pools.bpmn:Tickets", "--import", "orders.py")
    assert "has no process 'x' (known: Tickets, oTickets)" in cb("check", "pools.bpmn:x", code=3).err
