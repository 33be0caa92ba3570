"""Training and evaluation mode, as the model itself understands them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from torch import nn

from archscope.measure.running.script_modules import is_script


def set_mode(model: nn.Module, modules: Iterable[nn.Module], *, training: bool) -> None:
    """Put ``modules`` in that mode, those too that ``model.train()`` does not reach; then let ``model`` have its say.

    A ``train()`` of a model's own keeps some of its layers as they are (a frozen batch norm). An exported program
    refuses to be asked.
    """
    found = [module for module in modules if not is_script(module)]
    for module in found:
        module.__dict__["training"] = training
    if any("train" in module.__dict__ or type(module).train is not nn.Module.train for module in found):
        with contextlib.suppress(NotImplementedError):
            model.train(training)
