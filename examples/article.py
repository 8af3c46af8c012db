"""An article that is checked twice at once, and published when a rule about both checks holds."""

from circuit_breaker import SyncEngine, Token, Workflow, connect, field, flow, states

draft, reading, checking, read, checked, ready, published = states(
    "draft", "reading", "checking", "read", "checked", "ready", "published"
)


def count_words(token: Token) -> dict[str, int]:
    return {"words": len(token.data["text"].split())}


article = Workflow(
    "article",
    flow(draft >> (reading, checking)).transition("submit"),
    flow(reading >> read).transition("count_words").action(count_words),
    flow(checking >> checked).transition("check_facts").manual(),
    flow((read, checked) >> ready).transition("collect"),
    flow(ready >> published).transition("publish").guard((field("words") >= 5) & (field("sources") >= 2)),
    flow(ready >> ready).transition("revise").manual(),
)

if __name__ == "__main__":
    with SyncEngine(article, storage=connect("sqlite:///articles.db")) as engine:
        case = engine.run(engine.start("article", data={"text": "Petri nets are sixty years old"}))
        case = engine.run(engine.fire(case, "check_facts", by="ann", data={"sources": 1}))
        print(engine.explain(case))
        case = engine.run(engine.fire(case, "revise", by="ann", data={"sources": 3}))
        print(case.state, case.status, dict(case.data))
