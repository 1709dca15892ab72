"""How long queries of Spark Connect wait for a server that has gone.

pyspark tries for more than ten minutes, whatever has happened. Where nobody listens any more the
server has ended, and with it all that it knew of the session: what begins to listen there is
another one. So a connection that is refused is tried again for a few seconds only.
"""

from __future__ import annotations

import re
import time
from typing import Any

_REFUSED = re.compile(r"connection refused|actively refused", re.IGNORECASE)

# What is asked right after a server was given up must not wait as long again.
_GONE_SECONDS = 30.0

# Other failures may have come before, after each of which pyspark waits four times as long.
_LONGEST_WAIT_MS = 1500


def give_up_on_gone_server(client: Any, retries: int) -> None:
    """Let a client try no longer once connections to its server are refused.

    Args:
        client: That of a session of Spark Connect.
        retries: How often a refused connection is tried again: four take about five seconds.
    """
    if hasattr(client, "set_retry_policies"):  # from Spark 4.0 on
        client.set_retry_policies([_policy(retries)])


def _policy(retries: int) -> Any:
    from pyspark.sql.connect.client.retries import DefaultPolicy, RetryPolicyState

    class WhileItListens(DefaultPolicy):
        """Tries as pyspark does by itself, as long as somebody listens."""

        given_up = float("-inf")

        def to_state(self) -> RetryPolicyState:
            """Return what counts the tries of one call."""
            return _Tries(self)

    class _Tries(RetryPolicyState):
        refusals = 0

        def next_attempt(self, exception: BaseException | None = None) -> int | None:
            """Return how long to wait, in milliseconds; raise the error to give up."""
            waiting = super().next_attempt(exception)
            if exception is None or waiting is None or not is_refused(exception):
                return None if waiting is None else int(waiting)
            policy: Any = self.policy
            self.refusals += 1
            now = time.monotonic()
            if self.refusals > retries or now - policy.given_up < _GONE_SECONDS:
                policy.given_up = now
                raise exception  # where None is returned, pyspark warns of it besides
            return min(int(waiting), _LONGEST_WAIT_MS)

    return WhileItListens()


def is_refused(exception: Any) -> bool:
    """Whether a call failed as nobody listens at the address."""
    details = getattr(exception, "details", None)
    return callable(details) and _REFUSED.search(str(details())) is not None
