"""``python -m circuit_breaker.cli`` is ``circuit-breaker``."""

from circuit_breaker.cli import main

main()
