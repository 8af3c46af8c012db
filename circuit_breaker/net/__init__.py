"""Coloured Petri nets, as pure values: structure, marking, firing and drawing."""

from circuit_breaker.net.firing import bindings, enabled, fire, missing
from circuit_breaker.net.marking import Marking
from circuit_breaker.net.structure import Arc, Net, NetTransition

__all__ = ["Arc", "Marking", "Net", "NetTransition", "bindings", "enabled", "fire", "missing"]
