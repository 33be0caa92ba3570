"""The config, archscope.toml or [tool.archscope] in pyproject.toml: models, budgets and what the lock records."""

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
