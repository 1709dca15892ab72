"""Processes that are forked from a small one find loaded what they would else import each."""

from __future__ import annotations

import multiprocessing

# Only the start method 'forkserver' heeds it.
multiprocessing.set_forkserver_preload(
    ["pytest", "sparkpipe.runner", "sparkpipe.testing.runner_checks", "runner_nodes"]
)
