"""Configuration: YAML and JSON files of ``conf/<environment>``, read by the safe loader only."""

from sparkpipe.config.files import read_file
from sparkpipe.config.loaders import (
    PATTERNS,
    AbstractConfigLoader,
    BadConfigException,
    ConfigLoader,
    Configuration,
    MissingConfigError,
    MissingConfigException,
    OmegaConfigLoader,
)
from sparkpipe.config.params import merged, parse_params, without_secrets
from sparkpipe.config.parsing import to_yaml
from sparkpipe.config.templated import TemplatedConfigLoader
from sparkpipe.config.typed_params import GivenParams, fit_params

__all__ = [
    "PATTERNS",
    "AbstractConfigLoader",
    "BadConfigException",
    "ConfigLoader",
    "Configuration",
    "GivenParams",
    "MissingConfigError",
    "MissingConfigException",
    "OmegaConfigLoader",
    "TemplatedConfigLoader",
    "fit_params",
    "merged",
    "parse_params",
    "read_file",
    "to_yaml",
    "without_secrets",
]
