"""Connect to a Spark Connect server; tell in one message why that does not work.

pyspark makes a session without a word to the server, and its first query would try for more than
ten minutes to reach one that is down. So the server is asked for its version at once.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import SparkStartError
from sparkpipe.spark.failures.chain import GRPC, before_retries
from sparkpipe.spark.start.patience import give_up_on_gone_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: What pyspark sets for good when it is asked for a session of Connect; no classic one starts then.
CONNECT_MODE = "SPARK_CONNECT_MODE_ENABLED"

_logger = logging.getLogger(__name__)

# Together about five seconds: a server that is starting may take as long.
_RETRIES = 4

_ALL_ADDRESSES = re.compile(r"^failed to connect to all addresses; last error: (\w+: )?")
_CHECK = "Check the address: SPARK_REMOTE, or spark.remote in spark.yml."


def connect(address: str) -> SparkSession:
    """Return a session of a Spark Connect server that answers.

    Args:
        address: ``sc://host:port``, with parameters such as ``/;token=...``.

    Raises:
        SparkStartError: There is none; says why and what to do. It names no parameters.
    """
    check_packages()
    from pyspark.sql import SparkSession

    session: Any = None
    mode = os.environ.get(CONNECT_MODE)
    try:
        session = SparkSession.builder.remote(address).getOrCreate()
        _check_version(_shown(address), _version(session))
        give_up_on_gone_server(session.client, _RETRIES)
    except Exception as exc:
        if session is not None:
            _leave(session)
        if mode is None:
            os.environ.pop(CONNECT_MODE, None)
        if isinstance(exc, SparkStartError):
            raise
        raise _error(address, exc) from exc
    taken: SparkSession = session
    return taken


def check_packages() -> None:
    """Look for the packages that pyspark needs for Spark Connect; it would name one at a time.

    Raises:
        SparkStartError: Some are not installed.
    """
    packages = ["pandas", "pyarrow", "grpc", "grpc_status"]
    if _numbers(_client_version()) >= (4, 1):
        packages.append("zstandard")
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise SparkStartError(
            f"Spark Connect needs packages that are not installed: {', '.join(missing)}.",
            hint="Install them with: pip install 'pyspark[connect]'",
        )


def _check_version(shown: str, server: str) -> None:
    """Refuse a server of an older major version than the client's; warn of an older minor one."""
    client = _client_version()
    if _numbers(server) >= _numbers(client):
        return
    line = ".".join(map(str, _numbers(server)))
    package = "pyspark-client" if _numbers(server) >= (4, 0) else "pyspark[connect]"
    hint = f"Install the pyspark of the server: pip install '{package}=={line}.*'"
    if _numbers(server)[:1] == _numbers(client)[:1]:
        _logger.warning(
            "The Spark Connect server %s is of Spark %s, and pyspark here of %s: what is new in it "
            "fails there. %s",
            *(shown, server, client, hint),
        )
        return
    raise SparkStartError(
        f"The Spark Connect server {shown} is too old: it is of Spark {server}, and pyspark here "
        f"of {client}.",
        hint=hint,
    )


def _version(session: Any) -> str:
    """Ask the server for its version, with little patience."""
    client = session.client
    with _impatient(client), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of retries: what comes of them is told
        return str(session.version)


@contextmanager
def _impatient(client: Any) -> Iterator[None]:
    if not hasattr(client, "set_retry_policies"):  # before Spark 4.0
        before = client._retry_policy
        client._retry_policy = {**before, "max_retries": _RETRIES}
        yield
        client._retry_policy = before
        return
    from pyspark.sql.connect.client.retries import DefaultPolicy

    policies = client.get_retry_policies()
    client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES)])
    yield
    client.set_retry_policies(policies)


def _leave(session: Any) -> None:
    """Drop a session, so that this process is as it was."""
    session.release_session_on_close = False  # the server may not answer
    session.stop()


def _error(address: str, exc: Exception) -> SparkStartError:
    shown = _shown(address)
    told = _without_parameters(str(before_retries(exc)), address)
    grpc = GRPC.search(told)
    code, reason = grpc.groups() if grpc else ("", told)
    reason = reason.strip().partition("\n")[0]
    reason = _ALL_ADDRESSES.sub("", reason)
    server = f"The Spark Connect server {shown}"
    if code == "UNAVAILABLE" and "handshake" in reason:
        return SparkStartError(
            f"{server} does not speak TLS as the address asks for: {reason}",
            hint="Leave out use_ssl; a token without TLS is taken to localhost only.",
        )
    if code == "UNAVAILABLE":
        return SparkStartError(
            f"{server} does not answer: {reason}", hint=f"Is it started? {_CHECK}"
        )
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        if "token=" in address or os.environ.get("SPARK_CONNECT_AUTHENTICATE_TOKEN"):
            return SparkStartError(
                f"{server} refuses the token: {reason}", hint=f"Ask for one that is valid. {_CHECK}"
            )
        return SparkStartError(
            f"{server} wants a token: {reason}",
            hint=f"Add it to the address: {shown}/;token=..., or set "
            "SPARK_CONNECT_AUTHENTICATE_TOKEN.",
        )
    if code == "UNIMPLEMENTED":
        return SparkStartError(
            f"What answers at {shown} is no Spark Connect server, or one too old: {reason}",
            hint=_CHECK,
        )
    return SparkStartError(
        f"No connection to the Spark Connect server {shown}: {reason}", hint=_CHECK
    )


def _shown(address: str) -> str:
    """Return an address without its parameters, for one of them is the token.

    >>> _shown("sc://spark.example:15002/;token=secret")
    'sc://spark.example:15002'
    """
    return address.partition(";")[0].rstrip("/")


def _without_parameters(text: str, address: str) -> str:
    for parameter in address.split(";")[1:]:
        value = parameter.partition("=")[2]
        if value:
            text = text.replace(value, "...")
    return text


def _client_version() -> str:
    from pyspark import __version__ as version

    return str(version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
