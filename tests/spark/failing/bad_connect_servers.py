"""Spark Connect servers that cannot be used, in a process of its own: prints what is told of each.

A server of another version, or with a token, is a program of gRPC with the answers of the real one.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

from sparkpipe.errors import SparkStartError
from sparkpipe.spark.session import SparkProvider


class Answers(base_pb2_grpc.SparkConnectServiceServicer):
    """Tells its version, to who has its token."""

    def __init__(self, version: str, token: str | None = None) -> None:
        self._version = version
        self._token = token

    def AnalyzePlan(self, request: Any, context: grpc.ServicerContext) -> Any:
        given = dict(context.invocation_metadata()).get("authorization")
        if self._token is not None and given != f"Bearer {self._token}":
            told = "Invalid authentication token" if given else "No authentication token provided"
            context.abort(grpc.StatusCode.UNAUTHENTICATED, told)
        response = base_pb2.AnalyzePlanResponse(session_id=request.session_id)
        response.spark_version.version = self._version
        return response


@contextmanager
def serving(answers: Answers | None) -> Iterator[str]:
    """Give the address of a server; one without answers knows nothing of Spark."""
    server = grpc.server(ThreadPoolExecutor(2))
    if answers is not None:
        base_pb2_grpc.add_SparkConnectServiceServicer_to_server(answers, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"sc://localhost:{port}"
    finally:
        server.stop(None)


class Warnings(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


def tell(name: str, address: str) -> None:
    warnings = Warnings()
    logging.getLogger("sparkpipe").addHandler(warnings)
    started = time.monotonic()
    try:
        SparkProvider({"spark.remote": address}).get()
        told = " ".join(warnings.told)
    except SparkStartError as exc:
        told = str(exc)
    finally:
        logging.getLogger("sparkpipe").removeHandler(warnings)
    is_as_before = "SPARK_CONNECT_MODE_ENABLED" not in os.environ
    print(json.dumps([name, told, time.monotonic() - started, is_as_before]), flush=True)


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tell("down", f"sc://localhost:{port}")
    tell("wrong address", "sc://localhost/path")
    with serving(None) as address:
        tell("something else", address)
    with serving(Answers("3.5.1")) as address:
        tell("too old", address)
    with serving(Answers("99.0.0", token="known")) as address:
        tell("no token", address)
        tell("wrong token", f"{address}/;token=hush-hush")
        # One address only: of localhost's two, the other one's refusal might be told.
        tell("TLS", f"{address.replace('localhost', '127.0.0.1')}/;use_ssl=true")
    with serving(Answers("4.0.0")) as address:
        tell("older", address)


if __name__ == "__main__":
    main()
    os._exit(0)  # clients would take leave of servers that are gone
