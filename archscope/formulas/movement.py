"""Operators that move, create or describe data without arithmetic."""

from __future__ import annotations

from archscope.formulas.table import FormulaTable

VIEW = "a view: the same values"
COPY = "a copy of input values"
CONSTANTS = "constants, no arithmetic"

_VIEWS = (
    *("view", "_unsafe_view", "reshape", "_reshape_alias", "expand", "permute", "transpose", "t", "squeeze"),
    *("unsqueeze", "select", "slice", "split", "split_with_sizes", "unbind", "chunk", "alias", "detach", "as_strided"),
    *("unfold", "diagonal", "view_as_real", "view_as_complex", "flatten", "unflatten", "narrow", "movedim"),
    *("lift_fresh", "unsafe_split", "unsafe_split_with_sizes", "_conj", "_neg_view", "resize_as", "resize"),
    *("expand_as", "view_as", "unsafe_chunk", "real", "imag", "moveaxis", "swapaxes", "swapdims", "_lazy_clone"),
    *("values", "indices", "_values", "_indices", "crow_indices", "col_indices", "ccol_indices", "row_indices"),
    *("_nested_view_from_buffer", "_nested_view_from_jagged", "_nested_get_values", "_nested_get_offsets"),
    *("_nested_get_lengths", "_nested_get_min_seqlen", "_nested_get_max_seqlen", "_nested_get_jagged_dummy"),
    *(
        "set",
        "slice_inverse",
        "_coalesced",
        "int_repr",
        "_make_dual",
        "_fw_primal",
        "_make_dual_copy",
        "_fw_primal_copy",
    ),
)
_COPIES = (
    *("clone", "copy", "_to_copy", "to", "contiguous", "cat", "stack", "constant_pad_nd", "repeat", "roll", "flip"),
    *("index_select", "gather", "index", "embedding", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "lift"),
    *("lift_fresh_copy", "alias_copy", "as_strided_copy", "detach_copy", "diagonal_copy", "expand_copy", "narrow_copy"),
    *(
        "permute_copy",
        "_reshape_alias_copy",
        "_reshape_copy",
        "select_copy",
        "slice_copy",
        "split_copy",
        "squeeze_copy",
    ),
    *("split_with_sizes_copy", "t_copy", "transpose_copy", "unbind_copy", "unfold_copy", "unsqueeze_copy", "view_copy"),
    *("view_as_real_copy", "view_as_complex_copy", "_neg_view_copy", "_conj_copy", "values_copy", "indices_copy"),
    *("reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d"),
    *("replication_pad3d", "tril", "triu", "diag_embed", "block_diag", "rot90", "take", "repeat_interleave", "_stack"),
    *("select_backward", "slice_backward", "diagonal_backward"),
    *("slice_scatter", "select_scatter", "diagonal_scatter", "as_strided_scatter", "index_copy", "index_fill"),
    *("im2col", "max_unpool2d", "max_unpool3d", "_unsafe_index", "_chunk_cat", "complex"),
    *("_pack_padded_sequence", "_pad_packed_sequence", "to_padded_tensor", "_jagged_to_padded_dense_forward"),
    *("_padded_dense_to_jagged_forward", "_nested_from_padded", "_nested_tensor_from_mask", "_to_dense", "_to_sparse"),
    *("_nested_from_padded_tensor", "_nested_tensor_from_tensor_list", "_to_sparse_csr", "_to_sparse_csc", "_coalesce"),
    *("_to_sparse_bsr", "_to_sparse_bsc", "to_mkldnn", "_mkldnn_reshape", "_mkldnn_transpose", "_pin_memory"),
    *("mkldnn_reorder_conv2d_weight", "mkldnn_reorder_conv3d_weight", "_cudnn_rnn_flatten_weight", "lu_unpack"),
    *("_convert_weight_to_int4pack", "_convert_weight_to_int4pack_for_cpu", "_spdiags", "sparse_mask", "_copy_from"),
    *(
        "sparse_coo_tensor",
        "_sparse_coo_tensor_with_dims_and_tensors",
        "sparse_compressed_tensor",
        "_efficientzerotensor",
    ),
    *("copy_sparse_to_sparse", "_sparse_broadcast_to", "_make_per_tensor_quantized_tensor", "conj"),
    *("_make_per_channel_quantized_tensor", "resolve_conj", "resolve_neg", "positive", "tensor_split"),
)
_CONSTANTS = (
    *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "zeros", "zeros_like", "new_zeros"),
    *("ones", "ones_like", "new_ones", "full", "full_like", "new_full", "arange", "scalar_tensor", "fill", "zero"),
    *("eye", "linspace", "logspace", "range", "tril_indices", "triu_indices", "empty_permuted", "empty_quantized"),
    *("_empty_affine_quantized", "_empty_per_channel_affine_quantized", "fft_fftfreq", "fft_rfftfreq"),
    *(
        "bartlett_window",
        "blackman_window",
        "hamming_window",
        "hann_window",
        "kaiser_window",
        "_new_zeros_with_same_feature_meta",
    ),
    *("_sparse_coo_tensor_with_dims", "_sparse_compressed_tensor_with_dims"),
)
_CHECKS = (
    *("_local_scalar_dense", "_assert_async", "_assert_scalar", "_assert_tensor_metadata", "_functional_assert_async"),
    *("_functional_assert_scalar", "_print", "_linalg_check_errors", "is_same_size", "is_pinned", "is_set_to"),
    *("_functional_sym_constrain_range", "_functional_sym_constrain_range_for_size", "sym_constrain_range"),
    *("sym_constrain_range_for_size", "_make_dep_token", "_validate_compressed_sparse_indices", "is_coalesced"),
    *(
        "dense_dim",
        "sparse_dim",
        "_dimI",
        "_dimV",
        "_nnz",
        "qscheme",
        "q_scale",
        "q_zero_point",
        "q_per_channel_scales",
    ),
    *(
        "q_per_channel_zero_points",
        "q_per_channel_axis",
        "_nested_tensor_size",
        "_nested_tensor_strides",
        "record_stream",
    ),
    *("_nested_tensor_storage_offsets", "_nested_get_ragged_idx", "_fused_sdp_choice", "_use_cudnn_ctc_loss", "item"),
    *("_use_miopen_ctc_loss", "_has_same_storage_numel", "_cudnn_init_dropout_state", "sym_size", "sym_stride"),
    *(
        "sym_numel",
        "sym_storage_offset",
        "_nested_tensor_from_mask_left_aligned",
        "_resize_output",
        "_debug_has_internal_overlap",
    ),
)


def register(table: FormulaTable) -> None:
    """Add the free operators to ``table``."""
    table.free(*(f"aten::{name}" for name in _VIEWS), family="movement", because=VIEW)
    table.free(*(f"aten::{name}" for name in _COPIES), family="movement", because=COPY)
    table.free(*(f"aten::{name}" for name in _CONSTANTS), family="movement", because=CONSTANTS)
    table.free(*(f"aten::{name}" for name in _CHECKS), family="movement", because="a check or a size, no values")
    table.free("aten::from_file", family="movement", because="values of a file, as they are")
    table.free("prim::device", family="movement", because="shape work, the same values")
