"""The settings of Python's logging that a model's code may change: levels, handlers, filters; put back afterwards."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

Restore: TypeAlias = Callable[[], object]
_Settings: TypeAlias = tuple[int, bool, bool, tuple[Any, ...], tuple[Any, ...]]


def logging_state() -> Restore:
    """A function that puts back the settings of every logger that there is now, and of logging as a whole.

    Loggers that are made meanwhile, by a library that is loaded, keep theirs.
    """
    manager = logging.Logger.manager
    loggers = [logging.root, *(one for one in manager.loggerDict.values() if isinstance(one, logging.Logger))]
    before = _settings(loggers)
    off, kind, made_by = manager.disable, logging.getLoggerClass(), logging.getLogRecordFactory()
    module: Any = sys.modules["logging"]
    captured = module._warnings_showwarning  # noqa: SLF001 - whether warnings are captured has no public name

    def restore() -> None:
        if manager.disable != off or _settings(loggers) != before:
            for logger, settings in zip(loggers, before, strict=True):
                logger.level, logger.propagate, logger.disabled, logger.handlers[:], logger.filters[:] = settings
            manager.disable = off
            manager._clear_cache()  # type: ignore[attr-defined]  # noqa: SLF001 - what loggers remember of their levels
        logging.setLoggerClass(kind)
        logging.setLogRecordFactory(made_by)
        module._warnings_showwarning = captured  # noqa: SLF001

    return restore


def _settings(loggers: list[logging.Logger]) -> list[_Settings]:
    return [(it.level, it.propagate, it.disabled, tuple(it.handlers), tuple(it.filters)) for it in loggers]
