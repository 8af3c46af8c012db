"""What an executor class declares, and what is wrong with it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import attrs
import jsonschema_rs
import pytest

from circuit_breaker.errors import ExecutorInvalid
from circuit_breaker.executors import (
    REQUIRED,
    BaseExecutor,
    after_execute,
    before_execute,
    finally_execute,
    parameter,
    validate,
)


@attrs.frozen
class Point:
    x: int
    y: int = 0


@parameter("image", description="Image to run")
@parameter("command", default=None, description="Command line")
class Container(BaseExecutor):
    """Runs a container."""

    image: str
    command: str | list[str] | None
    retries: int = 0
    kind: ClassVar[str] = "container"
    _client: Any = None

    @validate
    def image_is_named(self, context):
        if not context["image"]:
            raise ValueError("the image has no name")

    @before_execute
    def pull(self, context):
        pass

    async def execute_internal(self, context):
        return {"image": self.image, "command": self.command}

    @after_execute
    def note(self, result):
        pass

    @finally_execute
    def remove(self, context):
        pass


def faults_of(error):
    return [str(fault) for fault in error.value.faults]


def test_the_config_holds_all_that_a_class_declares():
    """A1: one frozen config per class has its parameters, validations and hooks."""
    config = Container.executor_config

    assert ["image", "command", "retries"] == list(config.parameters)
    assert ("image_is_named",) == config.validate
    assert (("pull",), ("note",), ("remove",)) == (config.before_execute, config.after_execute, config.finally_execute)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.validate = ()
    with pytest.raises(TypeError):
        config.parameters["other"] = None


def test_a_parameter_can_be_looked_into():
    """A2: name, type, default, requirement and description of a parameter can be read."""
    image, command, retries = Container.executor_config.parameters.values()

    assert ("image", str, REQUIRED, True, "Image to run") == (
        image.name,
        image.kind,
        image.default,
        image.required,
        image.description,
    )
    assert "REQUIRED" == repr(image.default)
    assert (None, False) == (command.default, command.required)
    assert (0, False) == (retries.default, retries.required)


@pytest.mark.parametrize(
    ("word", "kind", "schema"),
    [
        ("string", str, "string"),
        ("integer", int, "integer"),
        ("number", float, "number"),
        ("array", list, "array"),
        ("hash", dict, "object"),
        ("boolean", bool, "boolean"),
    ],
)
def test_types_are_words_or_python_types(word, kind, schema):
    """A3: a word and its Python type declare the same."""

    @parameter("named", type=word)
    @parameter("typed", type=kind)
    class Two(BaseExecutor):
        async def execute_internal(self, context):
            pass

    properties = Two.describe()["properties"]
    assert {"type": schema} == properties["named"] == properties["typed"]


def test_required_says_whether_a_parameter_must_be_given():
    """A2: required=False gives a default of None, and required=True is what holds without a default."""

    @parameter("needed", type="string", required=True)
    @parameter("free", type="string", required=False)
    class Both(BaseExecutor):
        async def execute_internal(self, context):
            return {"free": self.free}

    assert {"free": None, "status": "completed"} == Both(needed="x").execute_sync()
    assert ["needed"] == Both.describe()["required"]


def test_the_description_is_a_json_schema_that_accepts_what_the_executor_accepts():
    """A2: describe() is a JSON Schema of the parameters, with descriptions, defaults and no others allowed."""
    schema = Container.describe()

    assert ("Container", "Runs a container.") == (schema["title"], schema["description"])
    assert {"type": "string", "description": "Image to run"} == schema["properties"]["image"]
    assert 0 == schema["properties"]["retries"]["default"]
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.validator_for(schema)
    assert validator.is_valid({"image": "nginx", "command": ["a"]})
    assert not validator.is_valid({"command": ["a"]})
    assert not validator.is_valid({"image": "nginx", "imag": 1})


def test_a_schema_has_choices_limits_secrets_and_nested_objects():
    """The schema says everything that was declared, and keeps a secret default to itself."""

    @parameter("level", choices=["low", "high"], default=None)
    @parameter("count", minimum=1, maximum=9)
    @parameter("token", secret=True)
    class Rich(BaseExecutor):
        level: str | None
        count: int | None
        token: str = "hunter2"  # noqa: S105
        mode: Literal["a", "b"] = "a"
        points: list[Point] = [Point(1)]  # noqa: RUF012

        async def execute_internal(self, context):
            pass

    schema = Rich.describe()
    properties = schema["properties"]
    assert ["low", "high", None] == properties["level"]["enum"]
    assert [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "null"}] == properties["count"]["anyOf"]
    assert {"type": "string", "writeOnly": True} == properties["token"]
    assert {"enum": ["a", "b"], "default": "a"} == properties["mode"]
    assert [{"x": 1, "y": 0}] == properties["points"]["default"]
    assert "Point" in schema["$defs"]
    assert "hunter2" not in f"{schema} {Rich.executor_config}"
    assert "Parameter('count', integer or None, at least 1, at most 9, default=REQUIRED)" in repr(Rich.executor_config)


def test_a_subclass_extends_and_overrides():
    """A1: a subclass has the parameters of its base, with its own defaults and declarations in their place."""

    @parameter("retries", default=3)
    class Nginx(Container):
        image = "nginx"
        port: int = 80

        @validate
        def port_is_free(self, context):
            pass

    parameters = Nginx.executor_config.parameters
    assert ["image", "command", "retries", "port"] == list(parameters)
    assert ("nginx", str, "Image to run") == (
        parameters["image"].default,
        parameters["image"].kind,
        parameters["image"].description,
    )
    assert (3, int) == (parameters["retries"].default, parameters["retries"].kind)
    assert ("image_is_named", "port_is_free") == Nginx.executor_config.validate
    assert {"image": "nginx", "command": None, "status": "completed"} == Nginx().execute_sync()
    assert REQUIRED is Container.executor_config.parameters["image"].default


def test_of_two_bases_the_one_that_python_would_ask_first_decides():
    """A1: an override in one base is not undone by another base that merely inherits the parameter."""

    class Quick(Container):
        retries = 9

    class Plain(Container):
        pass

    class Both(Plain, Quick):
        pass

    assert 9 == Both.executor_config.parameters["retries"].default == Both(image="a").retries


def test_what_is_secret_stays_secret_in_a_subclass():
    """A parameter that a base calls secret cannot be made public by declaring it again."""

    @parameter("token", secret=True, choices=["a", "b"])
    class Base(BaseExecutor, abstract=True):
        token: str

    class Defaulted(Base):
        token = "a"  # noqa: S105

        async def execute_internal(self, context):
            pass

    class Again(Base):
        token: str

        async def execute_internal(self, context):
            pass

    assert Defaulted.executor_config.parameters["token"].secret
    assert ("a", "b") == Defaulted.executor_config.parameters["token"].choices
    assert Again.executor_config.parameters["token"].secret


def test_hooks_come_from_mixins_too_and_an_override_takes_the_place_of_its_base():
    """Hooks of every base run; a method that overrides one runs instead of it."""
    calls = []

    class Timed:
        @before_execute
        def begin(self, context):
            calls.append("begin")

    class Work(Timed, BaseExecutor):
        @before_execute
        def prepare(self, context):
            calls.append("prepare")

        async def execute_internal(self, context):
            calls.append("work")

        @after_execute
        def after(self, result):
            calls.append("after base")

    class More(Work):
        def prepare(self, context):
            calls.append("prepare more")

        @after_execute
        def after_more(self, result):
            calls.append("after more")

    More().execute_sync()
    assert ["begin", "prepare more", "work", "after more", "after base"] == calls


def test_an_attribute_of_the_class_is_no_value():
    """The class attribute of a parameter is not the default; an instance without a value says what is missing."""
    assert Container.image is not REQUIRED
    assert not isinstance(Container.retries, int)
    with pytest.raises(AttributeError, match="Container was not given 'image'"):
        _ = Container().image
    with pytest.raises(AttributeError, match="update_context"):
        Container(image="a").image = "b"


def test_an_executor_without_work_is_refused_unless_it_is_abstract():
    """A8: execute_internal must be defined, except in a base that says that it is abstract."""
    with pytest.raises(ExecutorInvalid, match=r"execute_internal: is not defined .*abstract=True"):

        class Nothing(BaseExecutor):
            pass

    class Base(BaseExecutor, abstract=True):
        name: str

    with pytest.raises(TypeError, match="abstract"):
        Base(name="a")


def test_all_faults_of_a_class_body_are_reported_together():
    """A13: a class with several mistakes names every one of them, with a remedy."""
    with pytest.raises(ExecutorInvalid) as error:

        class Wrong(BaseExecutor):
            lost: Nowhere  # noqa: F821
            strange: type
            count: int = "many"
            point: list[int] = ["a"]  # noqa: RUF012
            execute: int = 3
            factory: Any = object()

            @validate
            def too_few(self):
                pass

            @validate
            async def asynchronous(self, context):
                pass

            @after_execute
            @staticmethod
            def loose(result):
                pass

            def execute_internal(self):
                pass

    assert [
        (
            "attribute 'lost': the annotation 'Nowhere' cannot be read: name 'Nowhere' is not defined "
            "(use a type of JSON values, or Any and @validate)"
        ),
        (
            "attribute 'strange': <class 'type'> is no type of JSON values: type <class 'type'> is not supported "
            "(use a type of JSON values, or Any and @validate)"
        ),
        "parameter 'count': the default is wrong: 'many' is not accepted (give integer)",
        (
            "parameter 'point': the default is wrong: ['a'] is not accepted: expected `int`, got `str` - at `$[0]` "
            "(give array of integer)"
        ),
        "parameter 'execute': Wrong.execute is something else already (choose another name)",
    ] == faults_of(error)[:5]
    assert "parameter 'factory': the default <object object at" in faults_of(error)[5]
    assert [
        "@validate 'too_few': has the signature too_few(self) (write def too_few(self, context))",
        "@validate 'asynchronous': is async (look things up in @before_execute)",
        "@after_execute 'loose': is a staticmethod, no method (write def loose(self, result))",
        "execute_internal: has the signature execute_internal(self) (write def execute_internal(self, context))",
    ] == faults_of(error)[6:]


def built(*decorators, annotations=None, **body):
    """An executor class with these decorators and this body."""

    async def execute_internal(self, context):
        pass

    namespace = {"execute_internal": execute_internal, "__annotations__": annotations or {}, "__module__": __name__}
    made = type(BaseExecutor)("Wrong", (BaseExecutor,), {**namespace, **body})
    for decorate in reversed(decorators):
        made = decorate(made)
    return made


def refused(*decorators, **body):
    """The faults of such a class."""
    with pytest.raises(ExecutorInvalid) as error:
        built(*decorators, **body)
    return faults_of(error)


@pytest.mark.parametrize(
    ("decorators", "body", "fault"),
    [
        ([parameter("x")], {}, "has no type (give type=, or annotate"),
        ([parameter("x", type="strin")], {}, "there is no type 'strin'; did you mean 'string'?"),
        ([parameter("x", type="int", default=0)], {}, "there is no type 'int'"),
        ([parameter("x", type=3)], {}, "3 is no type of JSON values"),
        ([parameter("x", type=str), parameter("x", type=str)], {}, "is declared 2 times (declare it once)"),
        ([parameter("x", type=int, default="a")], {}, "the default is wrong: 'a' is not accepted (give integer)"),
        ([parameter("x", type=int, default=True)], {}, "True is not accepted"),
        ([parameter("two words", type=int)], {}, "is no name for a parameter"),
        ([parameter("_x", type=int)], {}, "is no name for a parameter"),
        ([parameter("class", type=int)], {}, "is no name for a parameter"),
        ([parameter("result", type=int)], {}, "Wrong.result is something else already"),
        ([parameter("executor_config", type=int)], {}, "is something else already"),
        ([parameter("x", type=int)], {"x": lambda self: 1}, "Wrong.x is something else already"),
        ([parameter("x", type=int, requird=True)], {}, "has no argument 'requird' (did you mean 'required'?)"),
        ([parameter("x", type=int, default=1, required=True)], {}, "is required, but has the default 1"),
        ([parameter("x", default=1)], {"annotations": {"x": int}, "x": 2}, "has two defaults, 1 and 2"),
        ([parameter("x", type="string")], {"annotations": {"x": int}}, "annotated as integer, but declared as string"),
        ([parameter("x", type=str, choices="ab")], {}, "choices='ab' are no choices"),
        ([parameter("x", type=str, choices=5)], {}, "choices=5 are no choices"),
        ([parameter("x", type=str, choices=[1])], {}, "the choice 1 is no string"),
        ([parameter("x", type=str, choices=["a"], default="b")], {}, "'b' is not accepted (give string)"),
        ([parameter("x", type=str, minimum=1)], {}, "is limited to at least 1, which does not fit string"),
        ([parameter("x", type=str, pattern="(")], {}, "is limited to matching '(', which does not fit string"),
        ([parameter("x", type=int, minimum="a")], {}, "is limited to at least a, which does not fit integer"),
    ],
)
def test_a_wrong_declaration_is_refused_when_the_class_is_made(decorators, body, fault):
    """A13: a mistake in @parameter is told where the class is made, and says what to do."""
    faults = refused(*decorators, **body)

    assert 1 == len(faults)
    assert fault in faults[0]


def test_faults_of_one_declaration_are_reported_together():
    """Everything that is wrong with a declaration is told at once."""
    faults = refused(parameter("class", type="text", wrong=1))

    assert ["is no name", "no argument 'wrong'", "no type 'text'"] == [
        text
        for fault, text in zip(faults, ["is no name", "no argument 'wrong'", "no type 'text'"], strict=True)
        if text in fault
    ]


def test_a_secret_default_is_in_no_message():
    """A fault of a secret parameter does not tell its value."""
    told = refused(parameter("x", type=int, default="hunter2", secret=True))
    both = refused(parameter("x", default="hunter2", secret=True), annotations={"x": str}, x="hunter3")

    assert ["parameter 'x': the default is wrong: its value is not accepted (give integer)"] == told
    assert ["parameter 'x': has two defaults, *** and *** (say one of them)"] == both


@pytest.mark.parametrize(
    ("annotation", "word", "kind"),
    [(list[str], "array", list[str]), (str | None, "string", str | None), (Any, "hash", dict), (int, Any, int)],
)
def test_of_two_types_that_agree_the_more_exact_one_holds(annotation, word, kind):
    """An annotation and a word may both be given, as long as they say the same."""
    made = built(parameter("x", type=word), annotations={"x": annotation})
    assert kind == made.executor_config.parameters["x"].kind


def test_only_executor_classes_and_methods_can_be_decorated():
    """A decorator in the wrong place says so at once."""
    with pytest.raises(ExecutorInvalid, match=r"@parameter\('x'\): .* is no executor class"):
        parameter("x", type=str)(int)
    with pytest.raises(ExecutorInvalid, match="@validate: 3 is no method"):
        validate(3)
