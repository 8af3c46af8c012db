"""A model was asked, and no usable answer came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from circuit_breaker.errors.root import CircuitBreakerError

__all__ = [
    "APIError",
    "AuthenticationFailed",
    "BudgetExceeded",
    "ConnectionFailed",
    "ContentFiltered",
    "ContextTooLong",
    "DefaultProviderNotFound",
    "LLMError",
    "ModelNotFound",
    "NoProviderAvailable",
    "ProviderNotFound",
    "ProviderOverloaded",
    "QuotaExhausted",
    "RateLimitExceeded",
    "RequestRefused",
    "ResponseInvalid",
    "ResponseTimeout",
    "ResponseTooLong",
]


class LLMError(CircuitBreakerError):
    """No usable answer came from a model.

    Attributes:
        provider: Who was asked, or an empty text.
        model: What was asked for, or an empty text.
        attempt: Which attempt it was, counted from 1.
        status: The number that the provider answered with, as HTTP has them, or None.
        retry_after: Seconds that it wants one to wait, or None.
        request_id: What to tell the provider's support, or None.
        again: Whether the same provider may do better when it is asked again; of a class, unless its answer said so.
        elsewhere: Whether another provider may do better.
        charged: Whether it may have to be paid all the same: there may have been an answer, which was lost or is
            useless.
    """

    code = "llm"
    again: bool = False
    elsewhere: ClassVar[bool] = False
    charged: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        provider: str = "",
        model: str = "",
        attempt: int = 1,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        remedy: str = "",
    ) -> None:
        self.provider = provider
        self.model = model
        self.attempt = attempt
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id
        super().__init__(message, remedy=remedy)

    def to_document(self) -> dict[str, Any]:
        told = ("provider", "model", "attempt", "status", "retry_after", "request_id")
        return super().to_document() | {name: getattr(self, name) for name in told}


class ProviderNotFound(LLMError, LookupError):
    """There is no provider of that name."""

    code = "provider_not_found"


class DefaultProviderNotFound(LLMError, LookupError):
    """There is no default provider, and nothing else says who is to be asked."""

    code = "default_provider_not_found"


class NoProviderAvailable(LLMError):
    """Nobody can answer: all have failed, are unwell, or cannot do what is asked.

    Attributes:
        errors: What each of them said, in the order in which they were asked.
    """

    code = "no_provider_available"

    def __init__(self, message: str = "", *, errors: Iterable[Exception] = (), **told: Any) -> None:
        self.errors = tuple(errors)
        super().__init__(message, **told)


class ModelNotFound(LLMError, LookupError):
    """The provider has no model of that name."""

    code = "model_not_found"
    elsewhere = True


class APIError(LLMError):
    """The provider answered with an error."""

    code = "api_error"
    elsewhere = True


class AuthenticationFailed(APIError):
    """The provider does not accept the key."""

    code = "authentication_failed"


class RateLimitExceeded(APIError):
    """The provider was asked too often."""

    code = "rate_limit_exceeded"
    again = True


class QuotaExhausted(RateLimitExceeded):
    """The account at the provider is used up."""

    code = "quota_exhausted"
    again = False


class ContextTooLong(APIError):
    """The conversation is longer than the model can read."""

    code = "context_too_long"


class ProviderOverloaded(APIError):
    """The provider has an error of its own, or too much to do."""

    code = "provider_overloaded"
    again = True


class RequestRefused(LLMError):
    """The provider refuses the request as it is."""

    code = "request_refused"


class ContentFiltered(LLMError):
    """The provider does not answer this, for what it says."""

    code = "content_filtered"


class ConnectionFailed(LLMError):
    """The provider cannot be reached."""

    code = "connection_failed"
    again = True
    elsewhere = True
    charged = True


class ResponseInvalid(LLMError):
    """What came back cannot be read.

    Attributes:
        misfit: Whether it can, but has not the form that the request asked for; that may be the fault of the form.
    """

    code = "invalid_response"
    again = True
    elsewhere = True
    charged = True
    misfit: bool = False


class ResponseTooLong(ResponseInvalid):
    """There is more of an answer than could have been asked for: its server does not end it."""

    code = "response_too_long"
    again = False


class ResponseTimeout(LLMError, TimeoutError):
    """No answer came in time, or it stopped coming."""

    code = "response_timeout"
    again = True
    elsewhere = True
    charged = True


class BudgetExceeded(LLMError):
    """The money or the tokens for this are used up."""

    code = "budget_exceeded"
