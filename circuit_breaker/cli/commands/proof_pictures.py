"""Pictures of proofs: the way to a finding drawn into the workflow, or a page with all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from circuit_breaker.cli.commands.defining import PAGES, PICTURES, SUFFIXES
from circuit_breaker.cli.definitions import Registry, find_workflow
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.pages import page
from circuit_breaker.workflow.verification import Verification
from circuit_breaker.workflow.verification.sections import sections

__all__ = ["drawing_of"]


def drawing_of(file: Path, target: Sequence[str], modules: Sequence[str]) -> Callable[[Verification], str]:
    """What makes the text of a file from what was proved of a workflow.

    Args:
        file: The file; its suffix says in which form.
        target: What is verified.
        modules: Modules that make names known.

    Raises:
        WorkflowInvalid: There is no such form, or the target is no workflow.
    """
    form = SUFFIXES.get(file.suffix.lower())
    if form is None:
        raise WorkflowInvalid(f"--draw knows no '{file.suffix}'", remedy=f"let the name end with {', '.join(SUFFIXES)}")
    if len(target) != 1 or target[0].lower().endswith(".pnml"):
        raise WorkflowInvalid("--draw is for workflows", remedy="`statespace` shows what a net can do")
    workflow = find_workflow(target[0], Registry.of(modules))
    return lambda found: _text(workflow, form, found)


def _text(workflow: Workflow, form: str, found: Verification) -> str:
    if form in PAGES:
        return page(workflow, PAGES[form], more=sections(workflow, found))
    examples = (finding.counterexample for finding in found.findings)
    path = next((each.path for each in examples if each is not None and each.confirmed and each.steps), ())
    return workflow.draw(PICTURES[form], path=path)
