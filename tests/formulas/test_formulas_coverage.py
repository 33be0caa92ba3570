"""Every operator of torch has a rule, or stands among the known gaps with its reason."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import torch

from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.gaps import KNOWN_GAPS


def operators_with_kernels():
    """The operators that a run can show: those that torch does not take apart first."""
    names = set()
    for schema in torch._C._jit_get_all_schemas():
        full = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
        if not schema.name.startswith("aten::"):
            continue
        try:
            composite = torch._C._dispatch_has_kernel_for_dispatch_key(full, "CompositeImplicitAutograd")
        except RuntimeError:  # an operator of TorchScript alone
            continue
        if not composite and re.search("Tensor", str(schema)):
            names.add(schema.name)
    return names


def is_known_gap(op):
    return any(fnmatchcase(op, pattern) for pattern in KNOWN_GAPS)


def test_every_operator_of_torch_has_a_rule_or_a_reason():
    operators = operators_with_kernels()
    assert len(operators) > 1000
    assert {op for op in operators if DEFAULT_FORMULAS.find(op) is None and not is_known_gap(op)} == set()


def test_a_known_gap_is_one():
    missing = {op for op in operators_with_kernels() if DEFAULT_FORMULAS.find(op) is None}
    for pattern, reason in KNOWN_GAPS.items():
        assert reason
        assert any(fnmatchcase(op, pattern) for op in missing), f"{pattern} leaves archscope/formulas/gaps.py"
