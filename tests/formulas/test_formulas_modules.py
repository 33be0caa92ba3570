"""Every module class of torch.nn: runs, nothing uncounted, parameters once, the same MACs on meta and on the CPU."""

from __future__ import annotations

import inspect
import warnings

import pytest
from torch import nn
from torch_modules import CASES, NOT_ON_META, built

from archscope import Inputs, analyze, trace
from archscope.errors import ForwardError

# Classes that hold or wrap other modules, or that no forward pass of their own defines.
NOT_RUN = {
    "Module": "the base class",
    "Container": "an old name of Module",
    "ModuleDict": "a container without a forward pass",
    "ModuleList": "a container without a forward pass",
    "ParameterDict": "a container without a forward pass",
    "ParameterList": "a container without a forward pass",
    "RNNBase": "the base class of RNN, LSTM and GRU",
    "RNNCellBase": "the base class of the cells",
    "DataParallel": "runs replicas on GPUs",
}


def measured(module, inputs, device):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return analyze(trace(module, Inputs(args=inputs), device=device))


@pytest.mark.parametrize(("name", "args", "options", "inputs"), CASES, ids=[case[0] for case in CASES])
def test_a_module_is_counted_whole_and_alike_on_meta_and_cpu(name, args, options, inputs):
    module = built(name, args, options, inputs)
    on_cpu = measured(module, inputs, "cpu")
    assert on_cpu.uncounted == ()
    assert on_cpu.totals.complete
    assert on_cpu.totals.parameters == sum(p.numel() for p in module.parameters())
    if name in NOT_ON_META:
        with pytest.raises(ForwardError):
            measured(module, inputs, "meta")
        assert measured(module, inputs, "").model.fallback
        return
    on_meta = measured(module, inputs, "meta")
    assert on_meta.uncounted == ()
    assert on_meta.totals.macs == on_cpu.totals.macs


def test_every_module_class_of_torch_is_tried():
    classes = {name for name, thing in vars(nn).items() if inspect.isclass(thing) and issubclass(thing, nn.Module)}
    assert classes == {case[0] for case in CASES} | set(NOT_RUN)
