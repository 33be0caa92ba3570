"""archscope.toml: what a team says about its models, their budgets and their lock."""

from archscope.config.document import Table, nearest, parse_document, read_document
from archscope.config.loader import find_config, load_config, repository_root
from archscope.config.settings import Config, ModelConfig

__all__ = [
    "Config",
    "ModelConfig",
    "Table",
    "find_config",
    "load_config",
    "nearest",
    "parse_document",
    "read_document",
    "repository_root",
]
