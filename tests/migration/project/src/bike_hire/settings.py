"""Project settings."""

from kedro.config import OmegaConfigLoader  # noqa: import-outside-toplevel
from kedro.framework.session.store import BaseSessionStore

from bike_hire.hooks import RecordHooks, SparkHooks

# Hooks are executed in a Last-In-First-Out (LIFO) order.
HOOKS = (SparkHooks(), RecordHooks())

# Installed plugins for which to disable hook auto-registration.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-viz",)

SESSION_STORE_CLASS = BaseSessionStore
SESSION_STORE_ARGS = {"path": "./sessions"}

CONF_SOURCE = "conf"

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "config_patterns": {
        "spark": ["spark*", "spark*/**"],
        "parameters": ["parameters*", "parameters*/**", "**/parameters*"],
    }
}
