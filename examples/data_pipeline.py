"""Temperature readings on their way from a raw file to a result: five states, with a person for what is doubtful.

Each step is an executor that works on a real JSON file. What comes out decides where the readings go: too few usable
ones, or a mean that nobody can rely on, are put before a person.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from circuit_breaker import (
    BaseExecutor,
    Case,
    Engine,
    Rulebook,
    Workflow,
    connect,
    field,
    flow,
    parameter,
    states,
    validate,
)
from circuit_breaker.rules import has_confidence, has_error, meets_quality, requires

READINGS = Path(__file__).with_name("readings")
COLDEST, HOTTEST = -90.0, 60.0


@parameter("input_file", description="A JSON array of readings: {'time': text, 'celsius': number}")
@parameter("folder", description="Where the usable readings are written to")
class DataProcessor(BaseExecutor):
    """Writes the usable readings to a file: one for each time, with a temperature that there is on earth."""

    input_file: str
    folder: str

    @validate
    def input_is_there(self, context: dict[str, Any]) -> None:
        if not Path(context["input_file"]).is_file():
            raise ValueError(f"there is no file '{context['input_file']}'")

    def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        source = Path(context["input_file"])
        raw = json.loads(source.read_text(encoding="utf-8"))
        usable = {reading["time"]: reading["celsius"] for reading in raw if self._is_usable(reading)}
        self.execution.log(f"{len(usable)} of {len(raw)} readings are usable")
        target = Path(context["folder"], source.name)
        target.write_text(json.dumps(usable), encoding="utf-8")
        status = "completed" if usable else "error"
        return {"processed_output": str(target), "raw_count": len(raw), "status": status}

    @staticmethod
    def _is_usable(reading: dict[str, Any]) -> bool:
        return isinstance(reading.get("celsius"), (int, float)) and COLDEST <= reading["celsius"] <= HOTTEST


@parameter("readings_file", description="What DataProcessor wrote")
@parameter("raw_count", description="How many readings there were", minimum=1)
class Analyst(BaseExecutor):
    """The mean, the quality (the share of usable readings) and the confidence (how narrow the mean is known)."""

    readings_file: str
    raw_count: int

    def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        temperatures = list(json.loads(Path(context["readings_file"]).read_text(encoding="utf-8")).values())
        mean = statistics.fmean(temperatures)
        margin = 1.96 * statistics.stdev(temperatures) / len(temperatures) ** 0.5
        return {
            "analysis_results": {"mean": round(mean, 2), "margin": round(margin, 2)},
            "quality_score": round(len(temperatures) / context["raw_count"], 3),
            "confidence_score": round(max(0.0, 1 - margin / 10), 3),
        }


rules = Rulebook(
    has_processed_data=requires("processed_output"),
    processing_error=has_error(),
    meets_quality_threshold=meets_quality(0.8),
    has_analysis_results=requires("analysis_results"),
    high_confidence=has_confidence(0.9),
)

raw_data, processed, analyzed, human_review, completed = states(
    "raw_data", "processed", "analyzed", "human_review", "completed"
)

data_pipeline = Workflow(
    "data_pipeline",
    flow(raw_data >> processed)
    .transition("process")
    .policy(validations={"all": ["input_file"]}, rules={"all": ["has_processed_data"], "none": ["processing_error"]})
    .execute(DataProcessor, input_file=field("input_file"), folder=field("folder"))
    .otherwise(human_review)
    .on_failure(human_review),
    flow(processed >> analyzed)
    .transition("analyze")
    .policy(validations={"all": ["processed_output"]}, rules={"all": ["meets_quality_threshold"]})
    .execute(Analyst, readings_file=field("processed_output"), raw_count=field("raw_count"))
    .otherwise(human_review)
    .on_failure(human_review),
    flow(analyzed >> completed).transition("complete").guard({"all": ["has_analysis_results", "high_confidence"]}),
    flow(analyzed >> human_review).transition("request_review").priority(-1),
    flow(human_review >> completed).transition("accept").manual(),
    rules=rules,
)


async def main() -> None:
    files = [Path(name) for name in sys.argv[1:]] or [*sorted(READINGS.glob("*.json")), READINGS / "lost.json"]
    with tempfile.TemporaryDirectory() as folder:
        async with Engine(data_pipeline, storage=connect("memory://")) as engine:
            for file in files:
                case = await engine.start(
                    "data_pipeline", id=file.stem, data={"input_file": str(file), "folder": folder}
                )
                case = await engine.run(case)
                print(f"{case.id}: {case.state}")
                print("  scores", {key: value for key, value in case.data.items() if key.endswith("_score")})
                if case.state == human_review:
                    print(f"  {reason(case)}")
                    case = await engine.fire(case, "accept", by="ann", data={"comment": "seen"})
                    print(f"  {case.state}, after {case.history.by_actor('ann')[0].by} looked at it")


def reason(case: Case) -> str:
    """What led the case to a person."""
    arrival = case.history.by_type("TransitionFired", "TransitionRefused", "ActionFailed")[-1]
    words = {"TransitionFired": "led here", "TransitionRefused": "was refused", "ActionFailed": "failed"}
    return f"'{arrival.transition}' {words[arrival.type]}"


if __name__ == "__main__":
    asyncio.run(main())
