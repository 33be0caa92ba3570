"""A callback for Lightning: ``Trainer(callbacks=[CostGuard(parameters="1M")])`` logs cost and refuses what is over."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from archscope.callbacks.guard import logged, measured, require

if TYPE_CHECKING or importlib.util.find_spec("lightning"):
    from lightning.pytorch import Callback
else:
    from pytorch_lightning import Callback


class CostGuard(Callback):
    """Measures the module before the first step, logs what it costs and raises OverBudgetError over a limit.

    ``inputs`` are what its forward takes, in any form that ``archscope.analyze`` takes; without them, its
    ``example_input_array``, else the first batch of the training data. ``limits`` are metrics: ``macs="0.6G"``.
    ``report`` is there afterwards.
    """

    def __init__(self, inputs: Any = None, **limits: str | int) -> None:
        super().__init__()
        self.inputs, self.limits = inputs, limits
        self.report: Any = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Measure, log, and refuse what is over a limit."""
        given = self.inputs if self.inputs is not None else getattr(pl_module, "example_input_array", None)
        call = "" if _has_forward(pl_module) else "training_step"
        if given is None:
            batch = _first_batch(trainer, pl_module)
            given = (batch, 0) if call else batch
        attached = pl_module._trainer  # noqa: SLF001 - outside of a loop, self.log would look for one
        pl_module._trainer = None  # noqa: SLF001
        try:
            self.report, result = measured(pl_module, given, self.limits, call)
        finally:
            pl_module._trainer = attached  # noqa: SLF001
        for logger in trainer.loggers:
            logger.log_metrics(logged(self.report), step=0)
        require(result)


def _has_forward(module: Any) -> bool:
    """Whether the module has a forward of its own; else its training_step is what runs."""
    return type(module).forward.__module__.partition(".")[0] not in {"lightning", "pytorch_lightning"}


def _first_batch(trainer: Any, module: Any) -> Any:
    """The first batch of the data that training is to begin with."""
    source = trainer.fit_loop._data_source  # noqa: SLF001 - it is made ready only after this hook
    loader = source.instance if not source.is_module() else module.train_dataloader()
    if hasattr(loader, "train_dataloader"):
        loader = loader.train_dataloader()
    return next(iter(loader))
