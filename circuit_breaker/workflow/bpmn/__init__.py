"""BPMN 2.0 models, read into workflows.

Tasks of people are fired by hand, tasks of programs carried out by executors or functions; gateways become guards,
splits and joins; events become signals, timers and ways out of failures; sub-processes are part of the same workflow.
What a model says beside that is left alone and noted; what would change what happens and is not understood is refused.
"""

from __future__ import annotations

from circuit_breaker.workflow.bpmn.importing import Imported, import_bpmn, load_bpmn

__all__ = ["Imported", "import_bpmn", "load_bpmn"]
