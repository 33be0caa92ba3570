"""Every operator of torch's own test database: the same MACs, FLOPs, activations, peak and saved bytes on meta and CPU.

The first samples of each; ``benchmarks/operators.py`` takes them all, in other dtypes too.
"""

from __future__ import annotations

import pytest
import torch
from op_samples import compared, full_name

SAMPLES = 2
PARTS = 16

# Operators whose figures differ, with the reason; none is left in float32.
DIFFERENT: dict[str, str] = {}

# Operators that torch does not run on meta, at least for some samples: they are measured on the CPU instead.
READS_VALUES = "its result depends on values"
NO_META_KERNEL = "torch has no meta kernel for it, or for its gradient"
NOT_ON_META = {
    **dict.fromkeys(("item", "allclose", "equal", "corrcoef", "cov", "narrow", "tensor_split"), READS_VALUES),
    **dict.fromkeys(
        ("combinations", "masked_select", "nonzero", "argwhere", "unique", "unique_consecutive"), READS_VALUES
    ),
    **dict.fromkeys(("index_fill", "index_put", "nn.functional.gaussian_nll_loss", "to_sparse"), READS_VALUES),
    **dict.fromkeys(
        ("histogram", "histogramdd", "geqrf", "linalg.lstsq", "linalg.lstsq.grad_oriented"), NO_META_KERNEL
    ),
    **dict.fromkeys(("sparse.sampled_addmm", "sparse.mm.reduce", "nn.functional.ctc_loss"), NO_META_KERNEL),
    **dict.fromkeys(("nn.functional.multi_margin_loss", "nn.functional.multilabel_margin_loss"), NO_META_KERNEL),
    "nn.functional.fractional_max_pool3d": NO_META_KERNEL,
}
NO_GRADIENT = "nothing that the model returned can be differentiated"

# Operators that run on no machine without a GPU.
GPU_ALONE = "jiterator_"


def operators():
    from torch.testing._internal.common_methods_invocations import op_db

    # that import forbids every later change of a backend's flags in this process
    torch.backends.flags_frozen.__globals__["__allow_nonbracketed_mutation_flag"] = True

    return [op for op in op_db if torch.float32 in op.supported_dtypes("cpu") and not op.name.startswith(GPU_ALONE)]


@pytest.mark.parametrize("part", range(PARTS))
def test_the_figures_of_an_operator_are_the_same_on_meta_and_on_the_cpu(part):
    differences = {}
    for op in operators()[part::PARTS]:
        for seen in compared(op, SAMPLES):
            if NO_GRADIENT in seen.meta.refusal and seen.cpu.refusal == seen.meta.refusal:
                continue  # not an operator's failure: torch gives this argument no gradient
            if seen.refusal:
                assert seen.op in NOT_ON_META, seen
                assert not seen.cpu.refusal
            elif seen.differences and seen.op not in DIFFERENT:
                differences[seen.op, seen.sample, seen.gradients] = seen.differences
    assert differences == {}


def test_what_is_listed_exists_and_nearly_all_operators_are_compared():
    names = {full_name(op) for op in operators()}
    assert NOT_ON_META.keys() | DIFFERENT.keys() <= names
    assert len(names) - len(NOT_ON_META) >= 630
