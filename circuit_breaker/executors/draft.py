"""One parameter in the making, from what its declaration, the class body and the bases say."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Iterable
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.errors import Fault, nearest
from circuit_breaker.executors.body import Attribute, Body
from circuit_breaker.executors.declarations import Declaration, parameter
from circuit_breaker.executors.parameters import REQUIRED, Parameter, Unfit
from circuit_breaker.executors.schema import agreed, shown, spelled, understood

__all__ = ["Draft"]

_ARGUMENTS: Final = [name for name in inspect.signature(parameter).parameters if name not in ("name", "unknown")]


@attrs.define
class Draft:
    """One parameter in the making, and what is found wrong with it on the way."""

    owner: type
    name: str
    declaration: Declaration
    body: Body
    inherited: Parameter | None
    faults: list[Fault] = attrs.field(factory=list)

    def _fault(self, message: str, remedy: str = "") -> None:
        self.faults.append(Fault(f"parameter '{self.name}'", message, remedy))

    def parameter(self) -> Parameter | None:
        """The parameter, or None when there are faults."""
        self._check_name()
        for argument in self.declaration.unknown:
            self._fault(f"@parameter has no argument '{argument}'", nearest(argument, _ARGUMENTS))
        kind = self._kind()
        made = None if kind is None else self._built(kind)
        return None if self.faults else made

    def _check_name(self) -> None:
        name = self.name
        if not str(name).isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            self._fault("is no name for a parameter", "use a Python identifier without a leading underscore")
        elif self.declaration.exposed and self._taken():
            self._fault(f"{self.owner.__name__}.{name} is something else already", "choose another name")

    def _taken(self) -> bool:
        """Whether the class has another member of that name; the default assigned in its body is none."""
        classes = self.owner.__mro__[1:] if self.name in self.body.defaults else self.owner.__mro__
        members = (vars(cls)[self.name] for cls in classes if self.name in vars(cls))
        return any(not isinstance(member, Attribute) for member in members)

    def _kind(self) -> Any:
        annotated = self.body.kinds.get(self.name)
        declared = self._declared_kind()
        if annotated is not None and declared is not None:
            both = agreed(annotated, declared)
            if both is None:
                self._fault(
                    f"is annotated as {spelled(annotated)}, but declared as {spelled(declared)}", "say one of them"
                )
            return both
        kind = annotated if annotated is not None else declared
        if kind is None and self.inherited is not None:
            return self.inherited.kind
        if kind is None and self.declaration.type is None:
            self._fault("has no type", "give type=, or annotate an attribute of that name")
        return kind

    def _declared_kind(self) -> Any:
        if self.declaration.type is None:
            return None
        try:
            return understood(self.declaration.type)
        except TypeError as error:
            self._fault(str(error), "use a word such as 'string', a type of JSON values, or Any and @validate")
            return None

    def _built(self, kind: Any) -> Parameter | None:
        declaration, inherited = self.declaration, self.inherited
        only_default = declaration == Declaration(name=self.name) and self.name not in self.body.kinds
        try:
            made = Parameter(
                name=self.name,
                kind=kind,
                default=self._default(),
                description=declaration.description or (inherited.description if inherited else ""),
                limits=inherited.limits if inherited and only_default else declaration.limits,
                secret=declaration.secret or bool(inherited and inherited.secret),
                exposed=declaration.exposed,
            )
        except TypeError as error:
            self._fault(str(error), "remove the limit, or change the type")
            return None
        choices = inherited.choices if inherited and only_default else self._choices(made)
        return self._with_default(attrs.evolve(made, choices=choices))

    def _default(self) -> Any:
        assigned = self.body.defaults.get(self.name, REQUIRED)
        declared = self.declaration.default
        if (
            declared is not REQUIRED
            and assigned is not REQUIRED
            and (type(declared), declared) != (type(assigned), assigned)
        ):
            self._fault(
                f"has two defaults, {self._displayed(declared)} and {self._displayed(assigned)}", "say one of them"
            )
        default = assigned if declared is REQUIRED else declared
        if self.declaration.required and default is not REQUIRED:
            self._fault(f"is required, but has the default {self._displayed(default)}", "say one of them")
        return None if default is REQUIRED and self.declaration.required is False else default

    def _displayed(self, value: Any) -> str:
        return "***" if self.declaration.secret else shown(value)

    def _choices(self, made: Parameter) -> tuple[Any, ...]:
        given = self.declaration.choices
        if given is None:
            return ()
        choices = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
        if not choices:
            self._fault(f"choices={shown(given)} are no choices", "give a list of values")
        read: list[Any] = []
        for choice in choices:
            try:
                read.append(made.read(choice))
            except Unfit:
                self._fault(f"the choice {shown(choice)} is no {spelled(made.kind)}", "give choices of that type")
        return tuple(read)

    def _with_default(self, made: Parameter) -> Parameter | None:
        if made.default is REQUIRED or made.default is None:
            return made
        try:
            default = made.read(made.default)
            msgspec.to_builtins(default)
        except Unfit as error:
            self._fault(f"the default is wrong: {error}", f"give {spelled(made.kind)}")
            return None
        except TypeError:
            self._fault(
                f"the default {made.displayed(made.default)} is no JSON", "use None, and fill it in with @validate"
            )
            return None
        return attrs.evolve(made, default=default)
