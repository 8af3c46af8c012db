"""Pages about a workflow, in HTML and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from circuit_breaker.errors import WorkflowInvalid, nearest
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import Event
from circuit_breaker.workflow.pages.content import sections_of
from circuit_breaker.workflow.pages.html import html
from circuit_breaker.workflow.pages.markdown import markdown
from circuit_breaker.workflow.pages.section import Section
from circuit_breaker.workflow.picture import picture

__all__ = ["Form", "Section", "html", "markdown", "page", "sections_of"]

Form = Literal["html", "markdown"]
FORMS: Final[Mapping[str, Callable[[str, Iterable[Section]], str]]] = {"html": html, "markdown": markdown}


def page(
    workflow: Workflow,
    form: Form = "html",
    *,
    case: Case | None = None,
    history: Iterable[Event] = (),
    path: Sequence[str] = (),
    more: Iterable[Section] = (),
) -> str:
    """The page of a workflow as text.

    Args:
        workflow: The definition.
        form: ``"html"`` or ``"markdown"``.
        case: A case whose tokens are drawn into the picture.
        history: Its events, drawn in too.
        path: Transitions to be drawn as a path.
        more: Further sections, at the end.

    Raises:
        WorkflowInvalid: There is no such form.
        TransitionNotFound: The path names a transition that there is not.
        NotEnabled: A step of the path is not possible where it stands.
    """
    if form not in FORMS:
        raise WorkflowInvalid(f"there is no page in the form {form!r}", remedy=nearest(str(form), FORMS))
    drawing = picture(workflow, case, history=history, path=path)
    return FORMS[form](workflow.name, [*sections_of(workflow, drawing), *more])
