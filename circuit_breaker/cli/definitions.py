"""Definitions: from what is typed on the command line to the workflow that is meant."""

from __future__ import annotations

import inspect
import re
import sys
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import attrs

from circuit_breaker.cli.origin import origin_of
from circuit_breaker.cli.references import DOCUMENTS, MODEL, MODELS, homes_of
from circuit_breaker.errors import (
    DefinitionError,
    DocumentInvalid,
    ExtraMissing,
    Fault,
    WorkflowInvalid,
    WorkflowNotFound,
    nearest,
    words_of,
)
from circuit_breaker.executors.registry import installed
from circuit_breaker.lazy import deferred
from circuit_breaker.rules import Rulebook
from circuit_breaker.workflow.agent_step import PART, TURN
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.documents import load_workflow

if TYPE_CHECKING:
    from circuit_breaker.workflow.bpmn import Imported

__all__ = ["Registry", "find_workflow", "module_of", "modules_of", "notes_on"]

_INSTALLED = installed()
_OF_AGENTS: dict[str, Any] = {PART: PART, TURN: TURN}
"""The executors of machines and compositions stay names: whoever has agents at work says what they stand for."""
_import_bpmn = deferred("circuit_breaker.workflow.bpmn", "import_bpmn")
HOW = "write module:attribute, path/file.py:attribute, or a YAML, JSON or BPMN file"


@attrs.frozen
class Registry:
    """What definitions in YAML or JSON can name.

    Attributes:
        rules: Rules, by name.
        actions: Functions, by name.
        executors: Executor classes, by name; those of the modules before those that are installed.
        classes: Classes of attrs, by name, for typed data.
    """

    rules: Rulebook = attrs.field(factory=Rulebook)
    actions: Mapping[str, Callable[..., Any]] = attrs.field(factory=dict)
    executors: Mapping[str, Any] = _INSTALLED
    classes: Mapping[str, type] = attrs.field(factory=dict)

    @classmethod
    def of(cls, references: Iterable[str]) -> Registry:
        """Every public rule, function and executor of these modules; of two with one name the later counts.

        Raises:
            WorkflowNotFound: There is no such module.
        """
        modules = [module_of(reference) for reference in references]
        public = {name: value for module in modules for name, value in vars(module).items() if not name.startswith("_")}
        installed_ones = cast(MutableMapping[str, Any], _INSTALLED)  # a chain writes into its first mapping only
        return cls(
            rules=Rulebook.of(*modules),
            actions={name: value for name, value in public.items() if inspect.isfunction(value)},
            executors=ChainMap({name: value for name, value in public.items() if _is_executor(value)}, installed_ones),
            classes={name: value for name, value in public.items() if isinstance(value, type) and attrs.has(value)},
        )

    def load(self, text: str, *, name: str) -> Workflow:
        """The workflow in a YAML or JSON text that names these; ``name`` stands for it in messages.

        Raises:
            DocumentInvalid: It has faults.
        """
        executors = ChainMap(_OF_AGENTS, cast(MutableMapping[str, Any], self.executors))
        return load_workflow(
            text, name=name, rules=self.rules, actions=self.actions, executors=executors, data=self.classes
        )


def _is_executor(value: Any) -> bool:
    return isinstance(value, type) and hasattr(value, "execute") and not inspect.isabstract(value)


def find_workflow(reference: str, registry: Registry) -> Workflow:
    """The workflow that is meant by ``module:attribute``, ``path/file.py:attribute``, or the name of a file.

    Where a module has only one workflow, its attribute may be left out. Of several processes in a BPMN model one is
    meant by ``path/model.bpmn:id``.

    Raises:
        WorkflowNotFound: There is no such module, file or attribute.
        WorkflowInvalid: It is something else than a workflow.
        DocumentInvalid: The document has faults.
    """
    if reference.lower().endswith(DOCUMENTS):
        return _from_document(Path(reference), registry)
    if model := MODEL.fullmatch(reference):
        return _from_model(model, registry).workflow
    place, _, attribute = reference.rpartition(":") if ":" in reference else (reference, "", "")
    module = module_of(place)
    return _attribute(module, attribute) if attribute else _only(module)


def modules_of(modules: Iterable[str], workflows: Iterable[str]) -> list[ModuleType]:
    """The modules that were named, and those of the definitions that were named.

    Raises:
        WorkflowNotFound: There is no such module.
    """
    return [module_of(reference) for reference in dict.fromkeys((*modules, *homes_of(workflows)))]


def _from_document(path: Path, registry: Registry) -> Workflow:
    try:
        text = _content(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentInvalid(f"'{path}' is no text in UTF-8: {error.reason} at byte {error.start}") from error
    return registry.load(text.replace("\r\n", "\n"), name=str(path))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkflowNotFound(f"'{path}' cannot be read: {error.strerror}", remedy=HOW) from error


def _from_model(model: re.Match[str], registry: Registry) -> Imported:
    path, process = model.groups("")
    imported: Imported = _import_bpmn(
        _content(Path(path)), name=path, process=process, rules=registry.rules, actions=registry.actions,
        executors=registry.executors,
    )  # fmt: skip
    return imported


def notes_on(reference: str, registry: Registry) -> list[str]:
    """What was left alone of the model of that name, or taken in a way that is good to know; nothing of others."""
    model = MODEL.fullmatch(reference)
    return [] if model is None else [str(note) for note in _from_model(model, registry).notes]


def module_of(reference: str) -> ModuleType:
    """The module of a dotted name, or of a ``.py`` file.

    Raises:
        WorkflowNotFound: There is none.
        DefinitionError: It cannot be imported, for what is written in it is wrong.
    """
    if reference.endswith(".py"):
        return _from_file(Path(reference))
    path = Path(reference)
    if path.exists() and ("/" in reference or (path.suffix and path.is_file())):
        kinds = ", ".join((".py", *DOCUMENTS, *MODELS))
        raise WorkflowNotFound(f"'{reference}' holds no definition: it must end in one of {kinds}", remedy=HOW)
    if not all(reference.split(".")):
        raise WorkflowNotFound(f"'{reference}' names no module", remedy=HOW)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    with _importing(reference):
        return import_module(reference)


@contextmanager
def _importing(reference: str) -> Iterator[None]:
    """Turns what a module raises while it is imported into a fault of it; what it prints is no answer to anybody."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (DefinitionError, ExtraMissing) as error:
        file, line, _ = origin_of(error)
        if file:
            error.add_note(f"in {file}, line {line}")
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (reference == error.name or reference.startswith(f"{error.name}.")):
            raise WorkflowNotFound(f"there is no module '{reference}'", remedy=HOW) from error
        raise _not_importable(reference, error) from error
    except (Exception, SystemExit) as error:
        raise _not_importable(reference, error) from error


def _not_importable(reference: str, error: BaseException) -> WorkflowInvalid:
    """Where in the code of a user an import fails, and with what."""
    file, line, column = origin_of(error)
    words = error.msg if isinstance(error, SyntaxError) else words_of(error)
    what = f"{type(error).__name__}: {words}" if words else type(error).__name__
    fault = Fault(file or reference, what, line=line, column=column)
    return WorkflowInvalid(f"'{reference}' cannot be imported", faults=[fault], remedy="see --debug for all of it")


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise WorkflowNotFound(f"there is no file '{path}'", remedy=HOW)
    given, path = str(path), path.resolve()
    name = _free_name(path)
    if name in sys.modules:
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise WorkflowNotFound(f"'{path}' is no module of Python", remedy=HOW)
    module = sys.modules[name] = module_from_spec(spec)
    with ExitStack() as unless_it_works:
        unless_it_works.callback(sys.modules.pop, name, None)
        with _importing(given):
            spec.loader.exec_module(module)
        unless_it_works.pop_all()
    return module


def _free_name(path: Path) -> str:
    """The name of the module of a file: its own, unless a module that lies elsewhere has that name already."""
    name = path.stem
    while name in sys.modules and getattr(sys.modules[name], "__file__", None) != str(path):
        name += "_"
    return name


def _attribute(module: ModuleType, name: str) -> Workflow:
    found = getattr(module, name, None)
    if found is None:
        remedy = nearest(name, _workflows(module)) or "it holds no workflow"
        raise WorkflowNotFound(f"module '{module.__name__}' has no '{name}'", remedy=remedy)
    if not isinstance(found, Workflow):
        remedy = nearest(name, _workflows(module)) or "it holds no workflow"
        raise WorkflowInvalid(f"'{module.__name__}:{name}' is a {type(found).__name__}, no Workflow", remedy=remedy)
    return found


def _only(module: ModuleType) -> Workflow:
    found = _workflows(module)
    if len(set(map(id, found.values()))) != 1:
        held = f"it holds {', '.join(found)}" if found else "it holds no workflow"
        raise WorkflowNotFound(f"which workflow of module '{module.__name__}'?", remedy=f"{held}; {HOW}")
    return next(iter(found.values()))


def _workflows(module: ModuleType) -> dict[str, Workflow]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Workflow)}
