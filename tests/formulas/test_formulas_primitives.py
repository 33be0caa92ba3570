"""Torch's primitive operators, profiler marks and exchanges between processes: free where free, else as torch's own."""

from __future__ import annotations

import pytest
import torch
from opcalls import cost_of, made, meta, record

from archscope.formulas import DEFAULT_FORMULAS

P = torch.ops.prims
PRIMITIVES = sorted(rule.op for rule in DEFAULT_FORMULAS if rule.op.startswith("prims::"))


def x(*shape):
    """Random numbers of which none is a constant."""
    return torch.rand(shape or (2, 3, 4), dtype=torch.float64) + 10


MOVED = {
    "as_strided": lambda t: P.as_strided(t, [2, 2], [1, 3], 0),
    "broadcast_in_dim": lambda t: P.broadcast_in_dim(t, [5, 2, 3, 4], [1, 2, 3]),
    "collapse_view": lambda t: P.collapse_view(t, 0, 1),
    "split_dim": lambda t: P.split_dim(t, 2, 2),
    "squeeze": lambda t: P.squeeze(t[:1], [0]),
    "transpose": lambda t: P.transpose(t, [2, 0, 1]),
    "view_of": P.view_of,
    "view_of_dtype": lambda t: P.view_of_dtype(t, torch.float64),
    "resize": lambda t: P.resize(t, [4, 2]),
    "cat": lambda t: P.cat([t, t], 0),
    "clone": P.clone,
    "collapse": lambda t: P.collapse(t, 0, 1),
    "convert_element_type": lambda t: P.convert_element_type(t, torch.float64),
    "copy_strided": lambda t: P.copy_strided(t, [12, 4, 1]),
    "copy_to": lambda t: P.copy_to(torch.zeros_like(t), t),
    "device_put": lambda t: P.device_put(t, torch.device("cpu")),
    "reshape": lambda t: P.reshape(t, [6, 4]),
    "rev": lambda t: P.rev(t, [0]),
    "as_strided_scatter": lambda t: P.as_strided_scatter(t, t[0, :2, :2].clone(), [2, 2], [4, 1], 0),
}
OF_COMPLEX_NUMBERS = {"conj", "real", "imag"}
CONSTANT = {
    *("empty", "empty_permuted", "empty_strided", "fill", "full", "full_like", "iota", "maximum_value"),
    *("minimum_value", "scalar_tensor", "item", "_make_token", "_sink_tokens"),
}


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.filterwarnings("ignore")
def test_a_free_primitive_gives_only_values_that_it_was_given(name):
    given = x()
    output = MOVED[name](given.clone())
    assert set(output.reshape(-1).tolist()) <= set(given.reshape(-1).tolist())
    assert DEFAULT_FORMULAS.find(f"prims::{name}").kind == "free"


@pytest.mark.parametrize("name", sorted(OF_COMPLEX_NUMBERS))
def test_the_parts_of_complex_numbers_are_free(name):
    given = torch.view_as_complex(x(3, 2))
    output = getattr(P, name)(given)
    parts = torch.view_as_real(output.resolve_conj()) if output.is_complex() else output
    assert set(parts.abs().reshape(-1).tolist()) <= set(torch.view_as_real(given).reshape(-1).tolist())
    assert DEFAULT_FORMULAS.find(f"prims::{name}").kind == "free"


def test_every_free_primitive_is_tried_or_makes_a_constant():
    free = {op.partition("::")[2] for op in PRIMITIVES if DEFAULT_FORMULAS.find(op).kind == "free"}
    assert free == MOVED.keys() | OF_COMPLEX_NUMBERS | CONSTANT


# What torch's compiler makes for its own code, once it is loaded: no eager program runs these.
OF_THE_COMPILER = ("prims::inductor_", "prims::_low_memory_", "prims::_unsafe_", "prims::fma", "prims::prepare_")


def test_every_primitive_of_torch_has_a_rule():
    schemas = torch._C._jit_get_all_schemas()
    names = {schema.name for schema in schemas if schema.name.startswith(("prims::", "rngprims::", "profiler::"))}
    assert len(names) > 120
    missing = {name for name in names if DEFAULT_FORMULAS.find(name) is None}
    assert {name for name in missing if not name.startswith(OF_THE_COMPILER)} == set()


DIFFERENTLY_NAMED = {"erf_inv": "erfinv", "shift_left": "bitwise_left_shift", "zeta": "special_zeta", "cbrt": "sqrt"}
DIFFERENTLY_NAMED |= {"shift_right_arithmetic": "bitwise_right_shift", "xor_sum": "sum", "ndtri": "special_ndtri"}
DIFFERENTLY_NAMED |= {"erfcx": "special_erfcx", "bessel_i0": "i0", "spherical_bessel_j0": "special_spherical_bessel_j0"}
DIFFERENTLY_NAMED |= {f"bessel_{kind}": f"special_{kind}" for kind in ("i0e", "i1", "i1e")}
DIFFERENTLY_NAMED |= {f"bessel_{kind}": f"special_bessel_{kind}" for kind in ("j0", "j1")}
OF_THEIR_OWN = {"isfinite", "fft_c2c", "fft_c2r", "fft_r2c", "svd", "normal", "uniform"}


@pytest.mark.parametrize(
    "op", [op for op in PRIMITIVES if DEFAULT_FORMULAS.find(op).kind == "counted" and op[7:] not in OF_THEIR_OWN]
)
def test_a_primitive_costs_what_torchs_operator_of_that_name_does(op):
    name = op.partition("::")[2]
    plain = f"aten::{DIFFERENTLY_NAMED.get(name, name)}"
    arguments = {"self": meta(3, 5), "alpha": 1}
    assert cost_of(op, (3, 5), **arguments) == cost_of(plain, (3, 5), **arguments)
    assert cost_of(op, (3, 5), **arguments).flops >= 15


def test_other_primitives_by_hand():
    assert cost_of("prims::isfinite", (3, 5), self=meta(3, 5)).flops == 2 * 15  # absolute value, compare
    assert cost_of("prims::normal", (3, 5)).flops == cost_of("rngprims::philox_rand", (3, 5), ()).flops == 15
    arguments = {"self": meta(3, 8, dtype="complex64"), "dim": [1]}
    assert cost_of("prims::fft_c2c", (3, 8), **arguments).flops == 5 * 24 * 3
    assert cost_of("prims::fft_r2c", (3, 5), **arguments).flops == 5 * 24 * 3 // 2
    assert cost_of("prims::fft_c2r", (3, 8), self=meta(3, 5), dim=[1]).flops == 5 * 24 * 3 // 2
    same = {"A": meta(6, 4), "compute_uv": True}
    for full in (False, True):
        shapes = [(6, 6 if full else 4), (4,), (4, 4)]
        torchs = cost_of("aten::_linalg_svd", *shapes, **same, full_matrices=full)
        assert cost_of("prims::svd", *shapes, A=meta(6, 4), full_matrices=full) == torchs


def test_marks_of_a_profiler_are_free_and_so_is_what_is_only_sent():
    def ranged():
        with torch.profiler.record_function("block"):
            return torch.ones(3)

    ops = {call.op.partition(".")[0] for call in record(ranged)}
    assert {"profiler::_record_function_enter_new", "profiler::_record_function_exit"} <= ops
    assert all(DEFAULT_FORMULAS.find(op).kind == "free" for op in ops)
    sent = ("c10d::broadcast_", "c10d::send", "_c10d_functional::wait_tensor", "_c10d_functional::all_to_all_single")
    assert all(DEFAULT_FORMULAS.find(op).kind == "free" for op in sent)


def test_what_processes_add_up_takes_one_operation_per_element_that_this_one_gives():
    assert cost_of("_c10d_functional::all_reduce", (6,), input=meta(6), reduce_op="sum").flops == 6
    given = {"inputs": [meta(8), meta(4)], "reduce_op": "sum", "group_size": 2}
    assert cost_of("_c10d_functional::reduce_scatter_tensor_coalesced", (4,), (2,), **given).flops == 12
    given = {"output_tensor": meta(4), "input_tensor": meta(8)}
    assert cost_of("c10d::_reduce_scatter_base_", (4,), **given).flops == 8
    given = {"output_tensors": [meta(4)], "input_tensors": [[meta(4), meta(4)]]}
    assert cost_of("c10d::reduce_scatter_", (4,), **given).flops == 8
    assert made("c10d::barrier").op
