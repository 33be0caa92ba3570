"""A callback for transformers: ``Trainer(callbacks=[CostGuard(inputs, macs="2T")])`` refuses to start over a limit."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from archscope.callbacks.guard import logged, measured, require


class CostGuard(TrainerCallback):
    """Measures the model before the first step, logs what it costs and raises OverBudgetError over a limit.

    ``inputs`` are what its forward takes, in any form that ``archscope.analyze`` takes; without them, the first batch
    of the training data. ``limits`` are metrics: ``macs="0.6G"``. ``report`` is there afterwards.
    """

    def __init__(self, inputs: Any = None, **limits: str | int) -> None:
        self.inputs, self.limits = inputs, limits
        self.report: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the library's
        """Measure, log, and refuse what is over a limit."""
        given = self.inputs
        if given is None and kwargs.get("train_dataloader") is not None:
            given = next(iter(kwargs["train_dataloader"]))
        self.report, result = measured(kwargs["model"], given, self.limits)
        state.log_history.append({**logged(self.report), "step": state.global_step})
        require(result)
