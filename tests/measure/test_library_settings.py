"""What a model's code sets in Python's logging, imports, limits and functions, and in numpy and torch, comes back."""

from __future__ import annotations

import builtins
import faulthandler
import gc
import logging
import resource
import sys
import warnings

import numpy as np
import pytest
import torch
import torch._dynamo.config
import torch._inductor.config
from torch import nn

import archscope
from archscope.errors import ForwardError

X = torch.ones(1, 4)
LOGGER = logging.getLogger("archscope.tests.of.a.library")
archscope.analyze(nn.Linear(4, 4), X)  # loads what sets its own


def nothing(*_arguments, **_named):
    return None


def fewer_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))


def levels():
    logging.disable(logging.CRITICAL)
    logging.root.setLevel(logging.DEBUG)
    LOGGER.setLevel(logging.ERROR)
    LOGGER.propagate = False


def handlers():
    logging.root.addHandler(logging.NullHandler())
    LOGGER.addHandler(logging.NullHandler())
    LOGGER.addFilter(nothing)
    LOGGER.disabled = True
    logging.captureWarnings(True)
    logging.setLogRecordFactory(nothing)


def told(logger):
    return logger.level, logger.propagate, logger.disabled, [*logger.handlers], [*logger.filters]


def of_dynamo():
    torch._dynamo.config.recompile_limit = 3
    torch._dynamo.config.suppress_errors = True
    torch._inductor.config.max_autotune = True


def of_torch():
    torch.backends.cuda.matmul.allow_fp16_accumulation = True
    torch.backends.cudnn.benchmark_limit = 3
    torch.backends.opt_einsum.enabled = False
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.sparse.check_sparse_tensor_invariants.enable()


CHANGES = {
    "levels": (lambda: (logging.root.manager.disable, told(logging.root), told(LOGGER)), levels),
    "what a logger lets through": (lambda: LOGGER.isEnabledFor(logging.WARNING), levels),
    "handlers": (
        lambda: (told(logging.root), told(LOGGER), warnings.showwarning, logging.getLogRecordFactory()),
        handlers,
    ),
    "import hooks": (lambda: [*sys.meta_path], lambda: sys.meta_path.insert(0, nothing)),
    "path hooks": (lambda: [*sys.path_hooks], sys.path_hooks.clear),
    "callbacks of the collector": (lambda: [*gc.callbacks], lambda: gc.callbacks.append(nothing)),
    "functions of Python": (lambda: (builtins.open, builtins.print), lambda: setattr(builtins, "open", nothing)),
    "faulthandler": (
        faulthandler.is_enabled,
        lambda: faulthandler.disable() if faulthandler.is_enabled() else faulthandler.enable(sys.__stderr__),
    ),
    "limits": (lambda: resource.getrlimit(resource.RLIMIT_NOFILE), fewer_files),
    "form of warnings": (lambda: warnings.formatwarning, lambda: setattr(warnings, "formatwarning", nothing)),
    "numpy's printing": (np.get_printoptions, lambda: np.set_printoptions(precision=2, suppress=True)),
    "numpy's errors": (lambda: (np.geterr(), np.geterrcall()), lambda: (np.seterr(all="call"), np.seterrcall(nothing))),
    "torch's printing": (lambda: repr(torch.ones(3) / 3), lambda: torch.set_printoptions(precision=2, sci_mode=True)),
    "torch's compiler": (
        lambda: (
            torch._dynamo.config.recompile_limit,
            torch._dynamo.config.suppress_errors,
            torch._inductor.config.max_autotune,
        ),
        of_dynamo,
    ),
    "torch's lesser switches": (
        lambda: (
            torch.backends.cuda.matmul.allow_fp16_accumulation,
            torch.backends.cudnn.benchmark_limit,
            torch.backends.opt_einsum.enabled,
            torch.utils.deterministic.fill_uninitialized_memory,
            torch.sparse.check_sparse_tensor_invariants.is_enabled(),
        ),
        of_torch,
    ),
}


class Changing(nn.Linear):
    def __init__(self, change, error):
        super().__init__(4, 4, bias=False)
        self.change, self.error = change, error

    def forward(self, x):
        self.change()
        if self.error:
            raise self.error
        return super().forward(x)


@pytest.mark.parametrize("error", [None, ValueError("mine")], ids=["returns", "raises"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_a_model_sets_in_a_library_is_as_before(name, error):
    read, change = CHANGES[name]
    before = read()
    model = Changing(change, error)
    if error is None:
        assert archscope.analyze(model, X).totals.macs == 16
    else:
        with pytest.raises(ForwardError, match="mine"):
            archscope.analyze(model, X)
    assert read() == before


def test_a_library_that_is_loaded_in_a_run_keeps_its_logger():
    logger = logging.getLogger("archscope.tests.made.late")
    logging.Logger.manager.loggerDict.pop(logger.name)

    def load():
        logging.getLogger(logger.name).setLevel(logging.ERROR)

    archscope.analyze(Changing(load, None), X)
    assert logging.getLogger(logger.name).level == logging.ERROR
