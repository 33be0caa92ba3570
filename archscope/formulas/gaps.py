"""Operators of torch that are known to have no rule, each with the reason; a report that meets one is incomplete."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Glob over operator names to the reason; a test holds that every other operator of torch has a rule.
KNOWN_GAPS: Mapping[str, str] = MappingProxyType(
    {
        "aten::*attention*_backward": "calls below the fused attention that autograd runs, which are counted",
        "aten::_sparse_mm_reduce_impl_backward": "depends on how many values a sparse tensor holds",
        "aten::_foreach_*": "operators on lists of tensors, of which a run shows those on each tensor",
        "aten::_fused_ada*": "an optimiser's step",
        "aten::_fused_sgd*": "an optimiser's step",
        "aten::_amp_*": "a step of loss scaling",
        "aten::_sparse_semi_structured_*": "its packed shapes do not tell the size of the product",
        "aten::_to_sparse_semi_structured": "packs for the above",
        "aten::_cslt_*": "its packed shapes do not tell the size of the product",
        "aten::_dyn_quant_*": "its packed shapes do not tell the size of the product",
        "aten::_sparse_csr_*": "depends on how many values a sparse tensor holds",
        "aten::_sparse_softmax*": "depends on how many values a sparse tensor holds",
        "aten::_sparse_log_softmax*": "depends on how many values a sparse tensor holds",
        "aten::_sparse_sum*": "depends on how many values a sparse tensor holds",
        "aten::_sparse_mask_projection": "depends on how many values a sparse tensor holds",
        "aten::_spsolve": "depends on how many values a sparse tensor holds",
        "aten::_convert_indices_*": "depends on how many values a sparse tensor holds",
        "aten::*sparse_resize*": "the layout of sparse tensors",
        "aten::resize_as_sparse*": "the layout of sparse tensors",
        "aten::_nested_tensor_softmax_with_shape": "depends on the lengths inside a nested tensor",
        "aten::_nested_*": "the layout of nested tensors",
        "aten::_philox_key_*": "the state of a random generator",
        "aten::_fill_mem_eff_dropout_mask_": "a mask for torch's own tests",
        "aten::_add_relu*": "a trial of fusion that nothing calls",
        "aten::_copy_from_and_resize": "between devices",
        "aten::*_copy": "copies for the functional passes of compilers, of layouts that have no plain copy",
        "aten::_test_*": "for torch's own tests",
        "aten::_foobar": "for torch's own tests",
    }
)
