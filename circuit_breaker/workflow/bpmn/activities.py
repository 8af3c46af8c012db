"""Activities: tasks, repeated tasks and sub-processes as flows."""

from __future__ import annotations

from circuit_breaker.net.xml import Element
from circuit_breaker.rules import Rule
from circuit_breaker.workflow.bpmn.edges import failing_to
from circuit_breaker.workflow.bpmn.making import Making, cleared
from circuit_breaker.workflow.bpmn.model import PEOPLE, Node
from circuit_breaker.workflow.bpmn.naming import cleaned
from circuit_breaker.workflow.bpmn.ways import starts_of
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.patterns.basics import LAST
from circuit_breaker.workflow.state import State

__all__ = ["Activities"]

MOST_INSTANCES = 1000
LOOPS = ("standardLoopCharacteristics", "multiInstanceLoopCharacteristics")


class Activities:
    """Makes the flows of activities."""

    def __init__(self, making: Making) -> None:
        self.making = making

    def make(self, node: Node) -> None:
        """Adds the flows of one activity, its repetitions included."""
        targets = self._finished(node)
        if node.inner is not None:
            self._scope(node, targets)
        else:
            self.making.add(self._task(node, targets))

    def _finished(self, node: Node) -> tuple[State, ...]:
        """The states that get a token when the activity has been done once."""
        marker = node.element.first(*LOOPS)
        if marker is None:
            return self.making.leaving(node)
        if marker.tag == LOOPS[0]:
            return (self._loop(node, marker),)
        return (self._instances(node, marker),)

    def _loop(self, node: Node, marker: Element) -> State:
        """Again while a condition holds, asked before or after each round."""
        making = self.making
        if marker.get("loopMaximum"):
            making.findings.fault(
                marker, node.title, "loopMaximum is not understood", "put the bound into the condition"
            )
        first = marker.get("testBefore") == "true"
        rule = self._again(node, marker)
        check = making.places.at(node, "/enter" if first else "/again")
        if not first:
            making.add(
                making.step(making.places.at(node, "/enter"), making.places.begun(node), node, f"{node.name} begins")
            )
        again = making.step(check, making.places.begun(node), node, f"{node.name} again")
        done = making.step(check, making.leaving(node), node, f"{node.name} is done")
        if rule is None:
            making.add(again.manual(), done.manual())
        else:
            making.add(again.guard(rule), done.priority(LAST))
        return check

    def _again(self, node: Node, marker: Element) -> Rule | None:
        condition = marker.first("loopCondition")
        if condition is None:
            self.making.findings.note(marker, node.title, "its loop has no condition: somebody says when it is done")
            return None
        return self.making.library.rule(condition, node.title, node.id)

    def _instances(self, node: Node, marker: Element) -> State:
        """So many at once, or one after the other."""
        making, count = self.making, self._count(node, marker)
        enter, done = making.places.at(node, "/enter"), making.places.at(node, "/instances done")
        begun = making.places.begun(node)
        if marker.get("isSequential") == "true":
            todo = making.places.at(node, "/to do")
            making.add(
                making.step(enter, todo * count, node, f"{node.name} begins"),
                making.step(todo, begun, node, f"{node.name}, the next").unless(begun[0]),
            )
        else:
            making.add(making.step(enter, begun[0] * count, node, f"{node.name} begins"))
        making.add(making.step(done * count, making.leaving(node), node, f"{node.name} is done"))
        return done

    def _count(self, node: Node, marker: Element) -> int:
        given = marker.first("loopCardinality")
        text = "" if given is None else given.text.strip("${}= ")
        problem = ""
        if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MOST_INSTANCES):
            problem = "the number of its instances is not fixed"
        elif marker.first("completionCondition") is not None:
            problem = "ends before all of its instances are done"
        elif node.inner is not None or node.boundary:
            problem = "has several instances and an inside or events at its edge"
        if not problem:
            return int(text)
        remedy = f"give loopCardinality as a number from 1 to {MOST_INSTANCES}, of a task alone"
        self.making.findings.fault(marker, node.title, problem, remedy)
        return 1

    def _task(self, node: Node, targets: tuple[State, ...]) -> Flow:
        making = self.making
        made = cleared(making.step(making.places.at(node), targets, node), making.watches(node))
        if node.kind == "subProcess":
            making.findings.note(node.element, node.title, "is empty: somebody fires it as one task")
        if node.kind in (*PEOPLE, "subProcess"):
            roles = self._roles(node)
            return made.manual().roles(*roles) if roles else made.manual()
        if node.kind == "receiveTask":
            return making.library.triggered(made, node)
        return failing_to(making, self._worked(made, node), node)

    def _roles(self, node: Node) -> list[str]:
        """Who may do it: the groups that are named, or else its lane."""
        groups = [each.get("candidateGroups") for each in node.element.walk() if each.get("candidateGroups")]
        owners = list(node.element.all("potentialOwner", "humanPerformer", "performer"))
        groups += [text.text for owner in owners for text in owner.walk() if text.text]
        named = [name.strip() for group in groups for name in group.split(",") if name.strip()]
        fixed = [name for name in named if not name.startswith(("${", "#{", "="))]
        if len(fixed) < len(named):
            words = "who may do it is computed by an expression, which is left alone"
            self.making.findings.note(node.element, node.title, words)
        return [cleaned(name, otherwise="role") for name in fixed or ([node.lane] if node.lane else [])]

    def _worked(self, made: Flow, node: Node) -> Flow:
        library = self.making.library
        for key in (node.id, node.name):
            if key in library.actions:
                return made.action(library.actions[key], name=key)
        name = _implementation(node)
        if name not in library.executors:
            words = f"is carried out by an executor called '{name}', which has to be given"
            self.making.findings.note(node.element, node.title, words)
        return made.execute(library.executors.get(name, name))

    def _scope(self, node: Node, targets: tuple[State, ...]) -> None:
        """The end of a sub-process: when nothing in it goes on, its tokens become one, and it is left."""
        assert node.inner is not None  # noqa: S101 - the caller looked
        making, inner = self.making, node.inner
        starts = starts_of(inner)
        if not starts:
            making.findings.fault(node.element, node.title, "begins nowhere", "draw a start event in it")
            return
        for other in starts[1:] if starts[0].kind == "startEvent" else []:
            making.findings.fault(other.element, other.title, "is a second start of a sub-process", "draw one")
        done = making.done(node)
        leaves = cleared(making.step(done, targets, node, f"{node.name} is done"), making.watches(node))

        def finish() -> None:
            if not any(done in made.path.targets.states for made in making.flows):
                return
            if not inner.concurrent:
                making.add(leaves)
                return
            others = [state for state in making.inside(inner) if state is not done]
            merges = making.step(done * 2, done, node, f"{node.name} merges").priority(1).metadata(spare=True)
            making.add(merges, leaves.unless(done * 2, *others))

        making.later.append(finish)


def _implementation(node: Node) -> str:
    """The name of what carries out a task, as the tool says it; otherwise its id."""
    if node.kind == "callActivity":
        return node.element.get("calledElement") or node.id
    for element in node.element.walk():
        if topic := element.get("topic") or element.get("decisionRef"):
            return topic
        if element.tag == "taskDefinition" and element.get("type"):
            return element.get("type")
    return node.id
