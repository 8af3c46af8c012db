"""dbos on SQLite: the guarded loop as a durable workflow, one step a transition."""

from __future__ import annotations

from dbos import DBOS, DBOSConfig

from benchmarks.timing import per_second, report

NEXT = {"draft": "review", "review": "approved", "approved": "draft"}


@DBOS.step()
def move(state: str, score: int) -> str:
    """The next state, if the guard lets it through."""
    return NEXT[state] if score >= 8 else state


@DBOS.workflow()
def loop(limit: int) -> int:
    """Goes round for that many steps."""
    state = "draft"
    for _ in range(limit):
        state = move(state, 9)
    return limit


def launch() -> None:
    DBOS(
        config=DBOSConfig(
            name="loop", system_database_url="sqlite:///dbos.db", log_level="ERROR", max_executor_threads=100
        )
    )
    DBOS.launch()
    loop(1)


def durable_one(limit: int = 1000) -> float:
    launch()
    return per_second(lambda: loop(limit))


def durable_hundred(limit: int = 20, cases: int = 100) -> float:
    launch()

    def work() -> int:
        handles = [DBOS.start_workflow(loop, limit) for _ in range(cases)]
        return sum(handle.get_result() for handle in handles)

    return per_second(work)


if __name__ == "__main__":
    try:
        report("dbos", {"durable_one": ("steps/s", durable_one), "durable_hundred": ("steps/s", durable_hundred)})
    finally:
        DBOS.destroy()
