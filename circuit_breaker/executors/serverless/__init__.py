"""Serverless functions: of this machine, behind HTTP, or at AWS."""

from __future__ import annotations

from circuit_breaker.executors.serverless.executor import ServerlessExecutor, ServerlessSettings

__all__ = ["ServerlessExecutor", "ServerlessSettings"]
