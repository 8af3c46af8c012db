"""Functions of AWS Lambda, at Moto's server and at a fake with bad days."""

from __future__ import annotations

import time

import pytest

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    ExtraMissing,
    FunctionNotFound,
    OutputTooLarge,
    ParameterInvalid,
    SecretNotFound,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors.secrets import secret
from circuit_breaker.executors.serverless import ServerlessExecutor
from circuit_breaker.executors.serverless.aws import MOST_ASYNC, MOST_SYNC, LambdaFunctions
from tests.services.lambda_fake import lambda_fake
from tests.services.moto import archive, moto_server

aiobotocore = pytest.importorskip("aiobotocore.session")

KEYS = {"access_key_id": "AKIA", "secret_access_key": secret("AWS")}
SECRETS = {"AWS": "aws-s3cret", "KEY": "s3cret"}


def executor(url, name, **parameters):
    functions = LambdaFunctions(region="eu-west-1", endpoint=url, credentials=KEYS, secrets=SECRETS)
    settings = ServerlessExecutor.under(backends={"aws": functions}, secrets=SECRETS)
    return settings(**{"function_name": name, "backend": "aws", "timeout": 5.0, **parameters})


@pytest.fixture
async def fake():
    async with lambda_fake() as there:
        yield there


async def test_the_outcome_is_the_answer(fake):
    """The output, the version, the request and the end of the logs are the outcome."""
    outcome = await executor(fake.url, "echo", payload={"a": "ü"}, version="live").execute()

    assert ("completed", {"a": "ü"}, "live") == (
        outcome["status"],
        outcome["output"]["given"],
        outcome["output"]["qualifier"],
    )
    assert ("$LATEST", "r-1", "START\nhello\nEND\n") == (outcome["version"], outcome["request_id"], outcome["logs"])
    assert 0 < outcome["duration"] < 5


async def test_a_function_is_told_the_key_of_its_call(fake):
    """The idempotency key is in the client context, and the lines of the log are passed on."""
    one = executor(fake.url, "echo")
    outcome = await one.execute()

    assert one.execution.idempotency_key == outcome["output"]["context"]["custom"]["idempotency_key"]
    assert ["START", "hello", "END"] == [line.line for line in one.logs]


async def test_an_asynchronous_call_is_accepted(fake):
    """An asynchronous call gives no output, but the id of the request."""
    outcome = await executor(fake.url, "accepts", invocation="async").execute()

    assert ("accepted", None, "r-2") == (outcome["status"], outcome["output"], outcome["request_id"])
    assert "Event" == fake.seen[0].headers["x-amz-invocation-type"]


@pytest.mark.parametrize(
    ("name", "error", "code", "message"),
    [
        ("handled", ActionError, "OrderInvalid", r"failed \(handled\): no items"),
        ("unhandled", ActionError, "ZeroDivisionError", r"failed \(unhandled\): division by zero"),
        ("exits", ActionError, "Runtime.ExitError", "signal: killed"),
        ("too_slow", ActionTimeout, "timeout", "Task timed out"),
        ("odd", ActionError, "function_unhandled", r"\['no', 'object'\]"),
        ("unreadable", ActionError, "function_unhandled", "�"),
        ("throttled", ServiceFailed, "service_failed", "TooManyRequestsException: about"),
        ("broken", ServiceFailed, "service_failed", "refused"),
        ("missing", FunctionNotFound, "function_not_found", "has no function 'missing'"),
        ("huge", OutputTooLarge, "output_too_large", "longer than 1048576 bytes"),
        ("cut", ServiceUnavailable, "service_unavailable", "cannot be reached"),
    ],
)
async def test_each_failure_has_its_error(fake, name, error, code, message):
    """A function that fails, and a service that refuses or breaks off, are each one error; nothing is repeated."""
    with pytest.raises(error, match=message) as failed:
        await executor(fake.url, name).execute()

    assert (code, 1) == (failed.value.code, len(fake.seen))


async def test_a_throttled_call_says_when_to_try_again(fake):
    """The status and the seconds to wait are on the error, for a retry policy to see."""
    with pytest.raises(ServiceFailed) as failed:
        await executor(fake.url, "throttled").execute()

    assert (429, 7.0) == (failed.value.status, failed.value.retry_after)


async def test_a_call_that_hangs_is_left(fake):
    """A call takes no longer than its timeout."""
    begun = time.monotonic()
    with pytest.raises(ActionTimeout):
        await executor(fake.url, "hanging", timeout=0.3).execute()

    assert time.monotonic() - begun < 2


async def test_the_logs_of_a_failure_are_passed_on(fake):
    """What a function wrote before it failed is in the log."""
    one = executor(fake.url, "unhandled")
    with pytest.raises(ActionError):
        await one.execute()

    assert ["ERROR seen"] == [line.line for line in one.logs]


async def test_a_version_that_is_missing_is_named(fake):
    """The error names the version that was asked for."""
    with pytest.raises(FunctionNotFound, match="'missing:7'"):
        await executor(fake.url, "missing", version="7").execute()


@pytest.mark.parametrize(("invocation", "most"), [("sync", MOST_SYNC), ("async", MOST_ASYNC)])
async def test_a_payload_that_is_too_large_is_not_sent(fake, invocation, most):
    """The limits of Lambda are checked before the call."""
    with pytest.raises(ParameterInvalid, match=f"{most + 1} bytes long, and .* at most {most}"):
        await executor(fake.url, "echo", payload="x" * (most - 1), invocation=invocation).execute()

    assert [] == fake.seen


async def test_what_lambda_cannot_be_told_is_not_dropped(fake):
    """A runtime or an environment for one call is refused, not left out in silence."""
    with pytest.raises(ParameterInvalid) as wrong:
        await executor(fake.url, "echo", environment={"A": "b"}, runtime="ruby").execute()

    assert ["parameter 'runtime'", "parameter 'environment'"] == [fault.place for fault in wrong.value.faults]
    assert [] == fake.seen


async def test_secrets_are_taken_out_of_the_answer(fake):
    """A function that echoes a secret does not get it into the outcome; credentials are shown nowhere."""
    one = executor(fake.url, "echo", payload={"key": secret("KEY")})
    outcome = await one.execute()

    assert {"key": "***"} == outcome["output"]["given"]
    assert "aws-s3cret" not in repr(one.settings) + repr(outcome)
    assert b"s3cret" in fake.seen[0].body


async def test_lambda_that_is_not_there_is_told():
    """An endpoint where nobody answers is a service that cannot be reached."""
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        await executor("http://127.0.0.1:9", "echo").execute()


async def test_without_credentials_nothing_is_sent(fake, monkeypatch, tmp_path):
    """When nobody has given credentials, that is the error."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    functions = LambdaFunctions(region="eu-west-1", endpoint=fake.url)

    with pytest.raises(SecretNotFound, match="no credentials for AWS"):
        await ServerlessExecutor.under(backends={"aws": functions})(function_name="echo", backend="aws").execute()
    assert [] == fake.seen


@pytest.mark.parametrize("credentials", [{}, {"access_key_id": "a"}, {**KEYS, "password": "x"}])
def test_credentials_are_whole(credentials):
    """Half of the credentials, or something else, is refused where it is given."""
    with pytest.raises(ValueError, match=r"unknown|missing"):
        LambdaFunctions(region="eu-west-1", credentials=credentials)


async def test_the_extra_is_named_when_it_is_missing(monkeypatch):
    """Without aiobotocore the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "circuit_breaker.executors.serverless.aws_lambda", None)
    monkeypatch.delattr("circuit_breaker.executors.serverless.aws_lambda", raising=False)

    with pytest.raises(ExtraMissing, match=r"circuit-breaker-sdk\[aws\]"):
        await executor("http://127.0.0.1:9", "echo").execute()


@pytest.fixture(scope="module")
def moto():
    pytest.importorskip("moto")
    with moto_server() as url:
        yield url


@pytest.mark.service("moto")
async def test_a_function_of_moto_is_called(moto):
    """B12: a function that was created at an independent likeness of AWS answers, also by its version and its alias."""
    session = aiobotocore.get_session()
    keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "aws-s3cret"}
    async with session.create_client("iam", region_name="eu-west-1", endpoint_url=moto, **keys) as iam:
        role = await iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    async with session.create_client("lambda", region_name="eu-west-1", endpoint_url=moto, **keys) as aws:
        await aws.create_function(
            FunctionName="orders", Runtime="python3.12", Role=role["Role"]["Arn"], Handler="handler.handler",
            Code={"ZipFile": archive()},
        )  # fmt: skip
        version = (await aws.publish_version(FunctionName="orders"))["Version"]
        await aws.create_alias(FunctionName="orders", Name="live", FunctionVersion=version)

    for qualifier in (None, version, "live"):
        outcome = await executor(moto, "orders", payload={"a": 1}, version=qualifier).execute()
        assert "completed" == outcome["status"]
    accepted = await executor(moto, "orders", invocation="async").execute()
    assert "accepted" == accepted["status"]
