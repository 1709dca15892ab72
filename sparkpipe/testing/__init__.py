"""For the tests of users' own pipelines; with pytest, the fixtures of a plugin do the rest.

Nothing of it needs pytest: what the fixtures give can be had from here in any test.
"""

from __future__ import annotations

from sparkpipe.session.overlay import temporary_catalog
from sparkpipe.testing.data_set_checks import check_data_set
from sparkpipe.testing.frames import assert_frames_equal
from sparkpipe.testing.runner_checks import RUNNER_CHECKS, check_runner
from sparkpipe.testing.running import TEST_SETTINGS, run_pipeline
from sparkpipe.testing.sample_files import load_samples

__all__ = [
    "RUNNER_CHECKS",
    "TEST_SETTINGS",
    "assert_frames_equal",
    "check_data_set",
    "check_runner",
    "load_samples",
    "run_pipeline",
    "temporary_catalog",
]
