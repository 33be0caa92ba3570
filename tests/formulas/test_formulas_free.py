"""Every free operator on random data: its output holds input values or constants, nothing that it worked out."""

from __future__ import annotations

import warnings

import pytest
import torch
from opcalls import cost_of, meta, record

from archscope.formulas import DEFAULT_FORMULAS

A = torch.ops.aten
CONSTANTS = {0.0, 1.0}


def x(*shape):
    """Random numbers of which none is a constant, an index or the sum of others."""
    return torch.rand(shape or (2, 3, 4), dtype=torch.float64) + 10


def at(*places):
    return torch.tensor(places)


def z():
    return torch.view_as_complex(x(3, 2))


def sparse():
    return x(3, 4).to_sparse()


def rows():
    return x(4, 4).to_sparse_csr()


VIEWS = {
    "_conj": lambda: A._conj(z()),
    "_neg_view": lambda: A._neg_view(x()),
    "_reshape_alias": lambda: A._reshape_alias(x(), [6, 4], [4, 1]),
    "_unsafe_view": lambda: A._unsafe_view(x(), [24]),
    "alias": lambda: A.alias(x()),
    "as_strided": lambda: A.as_strided(x(), [2, 2], [1, 3]),
    "detach": lambda: A.detach(x()),
    "diagonal": lambda: A.diagonal(x()),
    "expand": lambda: A.expand(x(1, 3), [4, 3]),
    "lift_fresh": lambda: A.lift_fresh(x()),
    "permute": lambda: A.permute(x(), [2, 0, 1]),
    "resize": lambda: A.resize_(x(), [4, 2]),
    "resize_as": lambda: A.resize_as_(x(), x(3)),
    "select": lambda: A.select(x(), 1, 2),
    "set": lambda: A.set_(x(), x(5)),
    "slice": lambda: A.slice(x(), 1, 0, 2),
    "split": lambda: A.split(x(), 2, 1),
    "split_with_sizes": lambda: A.split_with_sizes(x(), [1, 3], 2),
    "squeeze": lambda: A.squeeze(x(3, 1)),
    "t": lambda: A.t(x(3, 4)),
    "transpose": lambda: A.transpose(x(), 0, 1),
    "unbind": lambda: A.unbind(x()),
    "unfold": lambda: A.unfold(x(), 2, 2, 1),
    "unsafe_split": lambda: A.unsafe_split(x(), 2, 1),
    "unsafe_split_with_sizes": lambda: A.unsafe_split_with_sizes(x(), [1, 3], 2),
    "unsqueeze": lambda: A.unsqueeze(x(), 1),
    "view": lambda: A.view(x(), [24]),
    "view_as_complex": lambda: A.view_as_complex(x(3, 2)),
    "view_as_real": lambda: A.view_as_real(z()),
    "_lazy_clone": lambda: A._lazy_clone(x()),
    "_indices": lambda: A._indices(sparse()),
    "_values": lambda: A._values(sparse()),
    "indices": lambda: A.indices(sparse()),
    "values": lambda: A.values(rows()),
    "crow_indices": lambda: A.crow_indices(rows()),
    "col_indices": lambda: A.col_indices(rows()),
    "ccol_indices": lambda: A.ccol_indices(x(4, 4).to_sparse_csc()),
    "row_indices": lambda: A.row_indices(x(4, 4).to_sparse_csc()),
}
COPIES = {
    "_chunk_cat": lambda: A._chunk_cat([x(4, 2), x(4, 2)], 0, 2),
    "_pack_padded_sequence": lambda: A._pack_padded_sequence(x(), at(3, 2), True),
    "_stack": lambda: A._stack([x(3), x(3)]),
    "_to_copy": lambda: A._to_copy(x()),
    "_unsafe_index": lambda: A._unsafe_index(x(), [at(1, 0), None]),
    "as_strided_scatter": lambda: A.as_strided_scatter(x(), x(2, 2), [2, 2], [1, 2]),
    "block_diag": lambda: A.block_diag([x(2, 2), x(1, 3)]),
    "cat": lambda: A.cat([x(2, 3), x(1, 3)]),
    "channel_shuffle": lambda: A.channel_shuffle(x(1, 4, 2), 2),
    "clone": lambda: A.clone(x()),
    "complex": lambda: A.complex(x(3), x(3)),
    "constant_pad_nd": lambda: A.constant_pad_nd(x(), [1, 2]),
    "copy": lambda: A.copy(x(3), x(3)),
    "diag_embed": lambda: A.diag_embed(x(3)),
    "diagonal_scatter": lambda: A.diagonal_scatter(x(3, 3), x(3)),
    "embedding": lambda: A.embedding(x(5, 3), at(1, 4)),
    "flip": lambda: A.flip(x(), [1]),
    "gather": lambda: A.gather(x(3), 0, at(2, 2, 0)),
    "im2col": lambda: A.im2col(x(1, 2, 4, 4), [2, 2], [1, 1], [0, 0], [1, 1]),
    "index": lambda: A.index(x(), [at(1, 0), None]),
    "index_copy": lambda: A.index_copy(x(3, 4), 0, at(1), x(1, 4)),
    "index_fill": lambda: A.index_fill(x(3, 4), 0, at(1), 0.0),
    "select_backward": lambda: A.select_backward(x(3, 4), [3, 5, 4], 1, 2),
    "slice_backward": lambda: A.slice_backward(x(3, 2), [3, 5], 1, 1, 5, 2),
    "diagonal_backward": lambda: A.diagonal_backward(x(4), [4, 4], 0, 0, 1),
    "index_select": lambda: A.index_select(x(3, 4), 0, at(2, 1)),
    "lift": lambda: A.lift(x()),
    "lift_fresh_copy": lambda: A.lift_fresh_copy(x()),
    "lu_unpack": lambda: A.lu_unpack(x(3, 3), torch.tensor([1, 2, 3], dtype=torch.int32)),
    "max_unpool2d": lambda: A.max_unpool2d(x(1, 1, 1, 2), torch.tensor([[[[0, 3]]]]), [2, 2]),
    "max_unpool3d": lambda: A.max_unpool3d(
        x(1, 1, 1, 1, 2), torch.tensor([[[[[0, 7]]]]]), [2, 2, 2], [2, 2, 2], [0, 0, 0]
    ),
    "pixel_shuffle": lambda: A.pixel_shuffle(x(1, 4, 2, 2), 2),
    "pixel_unshuffle": lambda: A.pixel_unshuffle(x(1, 1, 4, 4), 2),
    "reflection_pad1d": lambda: A.reflection_pad1d(x(1, 3), [1, 2]),
    "reflection_pad2d": lambda: A.reflection_pad2d(x(1, 3, 3), [1, 1, 2, 2]),
    "replication_pad1d": lambda: A.replication_pad1d(x(1, 3), [1, 2]),
    "replication_pad2d": lambda: A.replication_pad2d(x(1, 3, 3), [1, 1, 2, 2]),
    "reflection_pad3d": lambda: A.reflection_pad3d(x(1, 2, 3, 3, 3), [1] * 6),
    "replication_pad3d": lambda: A.replication_pad3d(x(1, 2, 3, 3, 3), [1] * 6),
    "repeat": lambda: A.repeat(x(3), [2, 2]),
    "repeat_interleave": lambda: A.repeat_interleave(at(2, 1, 1)),
    "roll": lambda: A.roll(x(), [1], [1]),
    "rot90": lambda: A.rot90(x(3, 4)),
    "select_scatter": lambda: A.select_scatter(x(3, 4), x(4), 0, 1),
    "slice_scatter": lambda: A.slice_scatter(x(3, 4), x(2, 4), 0, 1),
    "take": lambda: A.take(x(), at(3, 20)),
    "tril": lambda: A.tril(x(3, 4)),
    "triu": lambda: A.triu(x(3, 4)),
    "sparse_mask": lambda: A.sparse_mask(x(3, 4), sparse()),
    "_to_dense": lambda: A._to_dense(sparse()),
    "_to_sparse": lambda: A._to_sparse(x(3, 4)),
    "_to_sparse_csr": lambda: A._to_sparse_csr(x(3, 4)),
    "_to_sparse_csc": lambda: A._to_sparse_csc(x(3, 4)),
    "_to_sparse_bsr": lambda: A._to_sparse_bsr(x(4, 4), [2, 2]),
    "_to_sparse_bsc": lambda: A._to_sparse_bsc(x(4, 4), [2, 2]),
    "_coalesce": lambda: A._coalesce(torch.sparse_coo_tensor(at(2, 0)[None], x(2))),
    "_spdiags": lambda: A._spdiags(x(2, 3), at(0, 1), [3, 3]),
    "upsample_nearest1d": lambda: A.upsample_nearest1d(x(1, 1, 2), [5]),
    "upsample_nearest2d": lambda: A.upsample_nearest2d(x(1, 1, 2, 2), [5, 3]),
    "upsample_nearest3d": lambda: A.upsample_nearest3d(x(1, 1, 2, 2, 2), [3, 5, 3]),
    "_upsample_nearest_exact1d": lambda: A._upsample_nearest_exact1d(x(1, 1, 2), [5]),
    "_upsample_nearest_exact2d": lambda: A._upsample_nearest_exact2d(x(1, 1, 2, 2), [5, 3]),
    "_upsample_nearest_exact3d": lambda: A._upsample_nearest_exact3d(x(1, 1, 2, 2, 2), [3, 5, 3]),
    **{f"{name}_copy": call for name, call in {
        "alias": lambda: A.alias_copy(x()),
        "as_strided": lambda: A.as_strided_copy(x(), [2, 2], [1, 3]),
        "detach": lambda: A.detach_copy(x()),
        "diagonal": lambda: A.diagonal_copy(x()),
        "expand": lambda: A.expand_copy(x(1, 3), [4, 3]),
        "narrow": lambda: A.narrow_copy(x(), 1, 0, 2),
        "permute": lambda: A.permute_copy(x(), [2, 0, 1]),
        "_reshape": lambda: A._reshape_copy(x(), [24]),
        "_reshape_alias": lambda: A._reshape_alias_copy(x(), [24], [1]),
        "_neg_view": lambda: A._neg_view_copy(x()),
        "_conj": lambda: A._conj_copy(z()),
        "select": lambda: A.select_copy(x(), 1, 2),
        "slice": lambda: A.slice_copy(x(), 1, 0, 2),
        "split": lambda: A.split_copy(x(), 2, 1),
        "split_with_sizes": lambda: A.split_with_sizes_copy(x(), [1, 3], 2),
        "squeeze": lambda: A.squeeze_copy(x(3, 1)),
        "t": lambda: A.t_copy(x(3, 4)),
        "transpose": lambda: A.transpose_copy(x(), 0, 1),
        "unbind": lambda: A.unbind_copy(x()),
        "unfold": lambda: A.unfold_copy(x(), 2, 2, 1),
        "unsqueeze": lambda: A.unsqueeze_copy(x(), 1),
        "view": lambda: A.view_copy(x(), [24]),
        "view_as_complex": lambda: A.view_as_complex_copy(x(3, 2)),
        "view_as_real": lambda: A.view_as_real_copy(z()),
        "values": lambda: A.values_copy(rows()),
    }.items()},
}  # fmt: skip
EXAMPLES = {**VIEWS, **COPIES}
POSITIONS = {"_indices", "indices", "crow_indices", "col_indices", "ccol_indices", "row_indices"}
POSITIONS |= {"repeat_interleave", "_pack_padded_sequence"}


def parts(tensor):
    """The plain tensors that hold the numbers of ``tensor``."""
    if tensor.layout is torch.sparse_coo:
        return [tensor._values()]
    if tensor.layout is not torch.strided:
        return [tensor.values()]
    if tensor.is_complex():
        return [torch.view_as_real(tensor.resolve_conj())]
    return [tensor]


def numbers(tensors):
    return {abs(float(n)) for tensor in tensors for part in parts(tensor) for n in part.detach().reshape(-1).tolist()}


def tensors_in(thing):
    if isinstance(thing, torch.Tensor):
        return [thing]
    return [t for item in thing for t in tensors_in(item)] if isinstance(thing, (list, tuple)) else []


class Given:
    """Every tensor that an example makes for its operator."""

    def __enter__(self):
        self.made, self.plain = [], torch.rand

        def remembered(*args, **kwargs):
            self.made.append(self.plain(*args, **kwargs))
            return self.made[-1]

        torch.rand = remembered
        return self

    def __exit__(self, *_):
        torch.rand = self.plain


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.filterwarnings("ignore")
def test_a_free_operator_gives_only_values_that_it_was_given(name):
    with Given() as given:
        output = EXAMPLES[name]()
    values = {abs(n + 10) for n in numbers(given.made)} | CONSTANTS
    outputs = tensors_in(output)
    if name in POSITIONS:
        outputs = [tensor for tensor in outputs if tensor.dtype.is_floating_point]
    assert numbers(outputs) <= values
    assert DEFAULT_FORMULAS.find(f"aten::{name}").kind == "free"


@pytest.mark.filterwarnings("ignore")
def test_an_example_runs_the_operator_that_it_is_named_after():
    for name, example in EXAMPLES.items():
        packets = {call.op.partition(".")[0].partition("::")[2].removesuffix("_") for call in record(example)}
        assert {name, name.removesuffix("_copy")} & packets, (name, packets)


CREATED = {
    "empty": lambda: A.empty([2]),
    "empty_like": lambda: A.empty_like(x()),
    "empty_permuted": lambda: A.empty_permuted([2, 3], [1, 0]),
    "empty_strided": lambda: A.empty_strided([2], [1]),
    "new_empty": lambda: A.new_empty(x(), [2]),
    "new_empty_strided": lambda: A.new_empty_strided(x(), [2], [1]),
    "arange": lambda: A.arange(4),
    "eye": lambda: A.eye(3),
    "fill": lambda: A.fill(x(), 3.0),
    "full": lambda: A.full([2], 3.0),
    "full_like": lambda: A.full_like(x(), 3.0),
    "hann_window": lambda: A.hann_window(5),
    "linspace": lambda: A.linspace(0, 1, 5),
    "logspace": lambda: A.logspace(0, 1, 5),
    "new_full": lambda: A.new_full(x(), [2], 3.0),
    "new_ones": lambda: A.new_ones(x(), [2]),
    "new_zeros": lambda: A.new_zeros(x(), [2]),
    "ones": lambda: A.ones([2]),
    "ones_like": lambda: A.ones_like(x()),
    "range": lambda: A.range(0, 3),
    "scalar_tensor": lambda: A.scalar_tensor(3.0),
    "tril_indices": lambda: A.tril_indices(3, 3),
    "triu_indices": lambda: A.triu_indices(3, 3),
    "zero": lambda: A.zero(x()),
    "zeros": lambda: A.zeros([2]),
    "zeros_like": lambda: A.zeros_like(x()),
}


@pytest.mark.parametrize("name", [n for n in CREATED if "empty" not in n])
def test_a_constant_does_not_depend_on_the_values_given(name):
    torch.manual_seed(1)
    first = CREATED[name]()
    torch.manual_seed(2)
    assert torch.equal(first, CREATED[name]())


# Free operators that no CPU build of torch runs on plain tensors, or that give no tensor at all; each with its reason.
UNTRIED = {
    "gives a number, a flag or a size, or nothing": "a check or a size, no values",
    "a window or a grid of sizes alone": {
        *("bartlett_window", "blackman_window", "hamming_window", "kaiser_window", "fft_fftfreq", "fft_rfftfreq"),
        *("empty_quantized", "_empty_affine_quantized", "_empty_per_channel_affine_quantized"),
        *("_new_zeros_with_same_feature_meta", "_sparse_coo_tensor_with_dims", "_sparse_compressed_tensor_with_dims"),
    },
    "decomposes before it is seen": {
        *("chunk", "contiguous", "expand_as", "flatten", "imag", "moveaxis", "movedim", "narrow", "real", "reshape"),
        *("swapaxes", "swapdims", "unflatten", "unsafe_chunk", "view_as", "stack", "to", "conj", "positive"),
        *("resolve_conj", "resolve_neg", "tensor_split", "_pad_packed_sequence", "sparse_coo_tensor"),
        *("sparse_compressed_tensor", "slice_inverse"),
    },
    "repacks for another device, layout or dtype": {
        *(
            "_convert_weight_to_int4pack",
            "_convert_weight_to_int4pack_for_cpu",
            "_copy_from",
            "_cudnn_rnn_flatten_weight",
        ),
        *("_mkldnn_reshape", "_mkldnn_transpose", "_pin_memory", "mkldnn_reorder_conv2d_weight", "to_mkldnn"),
        *("mkldnn_reorder_conv3d_weight", "_make_per_channel_quantized_tensor", "_make_per_tensor_quantized_tensor"),
        *("int_repr", "copy_sparse_to_sparse", "_sparse_broadcast_to", "_sparse_coo_tensor_with_dims_and_tensors"),
        *("_coalesced", "indices_copy", "_efficientzerotensor", "_fw_primal", "_make_dual", "_make_dual_copy"),
        "_fw_primal_copy",
    },
    "values of a file, as they are": {"from_file"},
    "of nested tensors, whose buffer stays as it is": {
        *(
            "_jagged_to_padded_dense_forward",
            "_padded_dense_to_jagged_forward",
            "_nested_from_padded",
            "to_padded_tensor",
        ),
        *("_nested_from_padded_tensor", "_nested_tensor_from_mask", "_nested_tensor_from_tensor_list"),
        *("_nested_get_jagged_dummy", "_nested_get_lengths", "_nested_get_max_seqlen", "_nested_get_min_seqlen"),
        *("_nested_get_offsets", "_nested_get_values", "_nested_view_from_buffer", "_nested_view_from_jagged"),
    },
}


def test_every_free_operator_of_torch_is_tried_or_says_why_not():
    free = {rule.op[6:]: rule for rule in DEFAULT_FORMULAS if rule.kind == "free" and rule.op.startswith("aten::")}
    told = {
        op for op, rule in free.items() if rule.derivation == UNTRIED["gives a number, a flag or a size, or nothing"]
    }
    told |= {op for why in UNTRIED.values() if isinstance(why, set) for op in why}
    assert free.keys() == told | EXAMPLES.keys() | CREATED.keys()


def test_free_is_free_and_carries_a_reason():
    for rule in DEFAULT_FORMULAS:
        if rule.kind == "free":
            assert rule.derivation
            assert cost_of(rule.op, (2, 3), self=meta(2, 3)).flops == 0


@pytest.mark.filterwarnings("ignore")
def test_packing_and_joining_quantised_tensors_keeps_their_values():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weight = torch.quantize_per_tensor(x(3, 4).float(), 0.1, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weight, None)
    assert torch.equal(torch.ops.quantized.linear_unpack(packed)[0].int_repr(), weight.int_repr())
