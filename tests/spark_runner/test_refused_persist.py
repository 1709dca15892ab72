"""Where Spark does not persist, as on serverless compute, frames that nodes share stay lazy."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

REFUSED = "[NOT_SUPPORTED_WITH_SERVERLESS] PERSIST TABLE is not supported on serverless compute."
LOGGER = "sparkpipe.spark.jobs.shared_frames"


def two_shared_frames(session: SparkSession) -> Any:
    def made() -> DataFrame:
        return session.range(5).groupBy("id").count()

    return pipeline(
        [
            *[node(made, None, name, name=f"make_{name}") for name in ("a", "b")],
            *[
                node(lambda frame: frame.count(), name, f"{name}{n}", name=f"read_{name}{n}")
                for name in ("a", "b")
                for n in range(2)
            ],
        ]
    )


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == LOGGER and record.levelno == logging.WARNING
    ]


@pytest.mark.parametrize("asked", ["persist", "get_storage_level", "semantic_hash"])
@pytest.mark.parametrize("runner", [SequentialRunner(), ThreadRunner(max_workers=2)])
def test_a_server_that_refuses_leaves_frames_lazy_and_it_is_said_once(
    connect: SparkSession, caplog: pytest.LogCaptureFixture, runner: AbstractRunner, asked: str
) -> None:
    session, requests = refusing(connect, asked)
    try:
        with activated(SparkProvider(session=session)):
            out = runner.run(two_shared_frames(session), DataCatalog())
    finally:
        session.stop()
    assert out == {"a0": 5, "a1": 5, "b0": 5, "b1": 5}
    said = refusals(caplog)
    assert len(said) == 1
    assert "NOT_SUPPORTED_WITH_SERVERLESS" in said[0]
    assert "\n" not in said[0]
    # Threads may ask for two frames at the same time; after the first answer nobody asks again.
    assert len(requests) <= (1 if isinstance(runner, SequentialRunner) else 2)


def test_a_frame_that_is_wrong_is_told_as_such(
    connect: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = pipeline(
        [
            node(lambda: connect.range(5).groupBy("no_such").count(), None, "a", name="make"),
            *[node(lambda frame: frame.count(), "a", f"a{n}", name=f"r{n}") for n in range(2)],
        ]
    )
    with activated(SparkProvider(session=connect)), pytest.raises(RunFailedError) as caught:
        SequentialRunner().run(pipe, DataCatalog())
    assert "no_such" in str(caught.value)
    assert not refusals(caplog)


@pytest.mark.classic("the server of Connect is tested above")
def test_a_classic_session_that_refuses(
    spark: SparkSession, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("persist is not whitelisted\nwith more lines")

    monkeypatch.setattr(type(spark.range(1)), "persist", refuse)
    out = SequentialRunner().run(two_shared_frames(spark), DataCatalog())
    assert out == {"a0": 5, "a1": 5, "b0": 5, "b1": 5}
    assert len(refusals(caplog)) == 1
    assert "persist is not whitelisted)" in refusals(caplog)[0]


def refusing(connect: SparkSession, asked: str) -> tuple[Any, list[str]]:
    """Return a session whose server refuses what is asked about a plan, and what was asked."""
    import grpc
    from google.protobuf import any_pb2
    from google.rpc import error_details_pb2, status_pb2
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    requests: list[str] = []

    class Refusal(grpc.RpcError):  # type: ignore[misc]
        def code(self) -> Any:
            return grpc.StatusCode.INTERNAL

        def details(self) -> str:
            return REFUSED

        def trailing_metadata(self) -> list[tuple[str, bytes]]:
            info = any_pb2.Any()
            info.Pack(
                error_details_pb2.ErrorInfo(
                    reason="org.apache.spark.SparkUnsupportedOperationException",
                    metadata={"errorClass": "NOT_SUPPORTED_WITH_SERVERLESS", "sqlState": "0A000"},
                )
            )
            status = status_pb2.Status(code=13, message=REFUSED, details=[info])
            return [("grpc-status-details-bin", status.SerializeToString())]

    class Refusing(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            if details.method.endswith("AnalyzePlan") and request.HasField(asked):
                requests.append(asked)
                raise Refusal
            return continuation(details, request)

    assert is_connect(connect)
    client: Any = connect.client
    builder = DefaultChannelBuilder(f"sc://{client._builder.endpoint}")
    builder.add_interceptor(Refusing())
    return ConnectSession.builder.channelBuilder(builder).create(), requests
