"""The one exception tree of circuit_breaker.

::

    CircuitBreakerError
    ├── DefinitionError              something declared is wrong; carries every fault found
    │   ├── WorkflowInvalid          a workflow, a flow or a pattern
    │   ├── RuleInvalid              a rule, a condition or a policy
    │   │   └── ConditionParsingError    an expression, with the position of the fault
    │   ├── ExecutorInvalid          an executor class
    │   ├── FunctionInvalid          a container function, a trigger or a chain
    │   ├── ToolInvalid              a tool, or tools that do not go together
    │   ├── AgentInvalid             an agent or its prompts
    │   └── DocumentInvalid          a YAML or JSON document, with line and column
    ├── RulesError                   judging a rule was not possible
    │   ├── RuleNotFound             (LookupError)
    │   ├── EvaluationFailed
    │   └── EvaluationTimeout        (TimeoutError)
    ├── CaseError                    something asked of a case is not possible
    │   ├── WorkflowNotFound         (LookupError)
    │   ├── CaseNotFound             (LookupError)
    │   ├── TransitionNotFound       (LookupError)
    │   ├── TokenNotFound            (LookupError)
    │   ├── CaseExists
    │   ├── CaseClosed
    │   ├── DataInvalid              (ValueError) data that is no JSON or not of the declared type
    │   ├── HistoryIncomplete        (LookupError)
    │   ├── MergeConflict            two branches changed the same key differently
    │   ├── MergeFailed              the function that merges their data failed
    │   ├── NotEnabled               the tokens for a transition are not there
    │   ├── LimitReached             the case would hold more than it may
    │   ├── TooManyChoices           there are too many ways to take the tokens to try them all
    │   └── Refused                  a guard, validation or rule said no; carries the verdict
    ├── ActionError                  an action or an executor did not do its work
    │   ├── ParameterInvalid         (ValueError)
    │   ├── ActionTimeout            (TimeoutError)
    │   ├── OutcomeInvalid           what came back is not usable
    │   │   ├── OutputInvalid        a program's output is not what was asked for, such as no JSON
    │   │   └── OutputTooLarge       there was more of it than allowed
    │   ├── ProgramFailed            a program or container ended with an error; carries the exit code
    │   │   └── OutOfMemory          it was killed for using more memory than it may
    │   ├── ServiceUnavailable       an outside engine or server cannot be reached
    │   ├── ServiceFailed            it was reached, and answered with an error
    │   ├── ImageUnavailable         a container image is not here and cannot be had
    │   ├── AddressRefused           an address that executors may not call
    │   ├── SecretNotFound           (LookupError) a secret that nobody has given
    │   ├── ToolNotFound             (LookupError)
    │   ├── ActionWithdrawn          its case was cancelled or its tokens withdrawn while it was carried out
    │   └── ActionInDoubt            started before a crash; nobody knows whether it ended
    ├── LLMError                     a model was asked, and no usable answer came; names provider and model
    │   ├── ProviderNotFound         (LookupError)
    │   ├── DefaultProviderNotFound  (LookupError)
    │   ├── NoProviderAvailable      all that could be asked have failed, or none can do it
    │   ├── ModelNotFound            (LookupError)
    │   ├── APIError                 the provider answered with an error
    │   │   ├── AuthenticationFailed
    │   │   ├── RateLimitExceeded
    │   │   │   └── QuotaExhausted   the account is used up: waiting does not help
    │   │   ├── ContextTooLong
    │   │   └── ProviderOverloaded
    │   ├── RequestRefused           the request is wrong, whoever is asked
    │   ├── ContentFiltered
    │   ├── ConnectionFailed
    │   ├── ResponseInvalid          what came back cannot be read
    │   │   └── ResponseTooLong      there is more of it than could have been asked for
    │   ├── ResponseTimeout          (TimeoutError) no answer, or none any more
    │   └── BudgetExceeded           the money or the tokens for it are used up
    ├── FunctionError                something asked of a container function is not possible
    │   ├── FunctionNotFound         (LookupError)
    │   └── ExecutionNotFound        (LookupError)
    ├── AgentError                   something asked of an agent is not possible
    │   ├── AgentNotFound            (LookupError)
    │   ├── AgentExecutionNotFound   (LookupError)
    │   ├── ConversationNotFound     (LookupError)
    │   ├── InvalidAgentType         an agent of this kind has no such thing
    │   ├── AgentForbidden           somebody may not use this agent, or do this to it
    │   └── GuardrailViolated        an input or an output was refused by a check of the agent
    ├── StorageError                 the journal cannot be read or written
    │   ├── VersionConflict          somebody else changed the case first
    │   ├── StorageLocked            (TimeoutError)
    │   ├── StorageFull
    │   ├── StorageForeign           the file or server holds something else
    │   ├── StorageNewer             written by a later release
    │   ├── StorageCorrupt
    │   └── StorageClosed
    └── ExtraMissing                 an optional dependency is not installed

A message says what happened, where, with which value, and what to do. Every class has a ``code`` that does not change
between releases; doors translate it. Secrets are never put into a message.
"""

from __future__ import annotations

from circuit_breaker.errors.actions import (
    ActionError,
    ActionInDoubt,
    ActionTimeout,
    ActionWithdrawn,
    AddressRefused,
    ImageUnavailable,
    OutcomeInvalid,
    OutOfMemory,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    ProgramFailed,
    SecretNotFound,
    ServiceFailed,
    ServiceUnavailable,
    ToolNotFound,
)
from circuit_breaker.errors.agents import (
    AgentError,
    AgentExecutionNotFound,
    AgentForbidden,
    AgentNotFound,
    ConversationNotFound,
    GuardrailViolated,
    InvalidAgentType,
)
from circuit_breaker.errors.cases import (
    CaseClosed,
    CaseError,
    CaseExists,
    CaseNotFound,
    DataInvalid,
    HistoryIncomplete,
    LimitReached,
    MergeConflict,
    MergeFailed,
    NotEnabled,
    Refused,
    TokenNotFound,
    TooManyChoices,
    TransitionNotFound,
    WorkflowNotFound,
)
from circuit_breaker.errors.definitions import (
    AgentInvalid,
    ConditionParsingError,
    DefinitionError,
    DocumentInvalid,
    ExecutorInvalid,
    FunctionInvalid,
    RuleInvalid,
    ToolInvalid,
    WorkflowInvalid,
)
from circuit_breaker.errors.functions import (
    ExecutionNotFound,
    FunctionError,
    FunctionNotFound,
)
from circuit_breaker.errors.models import (
    APIError,
    AuthenticationFailed,
    BudgetExceeded,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    DefaultProviderNotFound,
    LLMError,
    ModelNotFound,
    NoProviderAvailable,
    ProviderNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimitExceeded,
    RequestRefused,
    ResponseInvalid,
    ResponseTimeout,
    ResponseTooLong,
)
from circuit_breaker.errors.root import (
    CircuitBreakerError,
    ExtraMissing,
    Fault,
)
from circuit_breaker.errors.rules import (
    EvaluationFailed,
    EvaluationTimeout,
    RuleNotFound,
    RulesError,
)
from circuit_breaker.errors.storage import (
    StorageClosed,
    StorageCorrupt,
    StorageError,
    StorageForeign,
    StorageFull,
    StorageLocked,
    StorageNewer,
    VersionConflict,
)
from circuit_breaker.errors.words import (
    nearest,
    words_of,
)

__all__ = [
    "APIError",
    "ActionError",
    "ActionInDoubt",
    "ActionTimeout",
    "ActionWithdrawn",
    "AddressRefused",
    "AgentError",
    "AgentExecutionNotFound",
    "AgentForbidden",
    "AgentInvalid",
    "AgentNotFound",
    "AuthenticationFailed",
    "BudgetExceeded",
    "CaseClosed",
    "CaseError",
    "CaseExists",
    "CaseNotFound",
    "CircuitBreakerError",
    "ConditionParsingError",
    "ConnectionFailed",
    "ContentFiltered",
    "ContextTooLong",
    "ConversationNotFound",
    "DataInvalid",
    "DefaultProviderNotFound",
    "DefinitionError",
    "DocumentInvalid",
    "EvaluationFailed",
    "EvaluationTimeout",
    "ExecutionNotFound",
    "ExecutorInvalid",
    "ExtraMissing",
    "Fault",
    "FunctionError",
    "FunctionInvalid",
    "FunctionNotFound",
    "GuardrailViolated",
    "HistoryIncomplete",
    "ImageUnavailable",
    "InvalidAgentType",
    "LLMError",
    "LimitReached",
    "MergeConflict",
    "MergeFailed",
    "ModelNotFound",
    "NoProviderAvailable",
    "NotEnabled",
    "OutOfMemory",
    "OutcomeInvalid",
    "OutputInvalid",
    "OutputTooLarge",
    "ParameterInvalid",
    "ProgramFailed",
    "ProviderNotFound",
    "ProviderOverloaded",
    "QuotaExhausted",
    "RateLimitExceeded",
    "Refused",
    "RequestRefused",
    "ResponseInvalid",
    "ResponseTimeout",
    "ResponseTooLong",
    "RuleInvalid",
    "RuleNotFound",
    "RulesError",
    "SecretNotFound",
    "ServiceFailed",
    "ServiceUnavailable",
    "StorageClosed",
    "StorageCorrupt",
    "StorageError",
    "StorageForeign",
    "StorageFull",
    "StorageLocked",
    "StorageNewer",
    "TokenNotFound",
    "TooManyChoices",
    "ToolInvalid",
    "ToolNotFound",
    "TransitionNotFound",
    "VersionConflict",
    "WorkflowInvalid",
    "WorkflowNotFound",
    "nearest",
    "words_of",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # what a traceback says is what one imports
