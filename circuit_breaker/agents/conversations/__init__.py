"""Conversations with agents: what is kept of them, whose turn it is in each, and what an agent remembers.

One execution at a time has its turn in a conversation; the next ones wait until it is over, in the order in which they
came. A turn is kept in the same step as the end of its execution: all that was said in it, or, where the execution did
not come to an answer, nothing.
"""

from __future__ import annotations

from circuit_breaker.agents.conversations.conversation import Conversation, ConversationTurn
from circuit_breaker.agents.conversations.office import Conversations

__all__ = ["Conversation", "ConversationTurn", "Conversations"]
