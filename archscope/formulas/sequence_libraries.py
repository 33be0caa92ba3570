"""State space and linear attention kernels: mamba_ssm, causal_conv1d, vLLM, flash-linear-attention, by their names.

Kernels that these libraries launch by Triton stand as ``triton::`` and the kernel's name, with its parameters.
"""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

_SCANS = ("mamba_ssm::selective_scan_fwd", "mambacuda::selective_scan_fwd", "_C::selective_scan_fwd")
_GATES = ("g", "g_gamma", "gk", "gv")
_SILU, _SOFTPLUS = 2, 3


def register(table: FormulaTable) -> None:
    """Add these libraries' kernels to ``table``."""
    family = "state space"
    table.counted(*_SCANS, family=family)(selective_scan)
    table.counted("mamba_ssm::selective_scan_bwd", "mambacuda::selective_scan_bwd", family=family)(
        selective_scan_backward
    )
    convolution = "convolution"
    table.counted(
        *("DaoAILab::_causal_conv1d_fwd_cpp", "DaoAILab::_causal_conv1d_update_cpp"),
        *("_C::causal_conv1d_fwd", "_C::causal_conv1d_update"),
        family=convolution,
    )(causal_convolution)
    table.counted("DaoAILab::_causal_conv1d_bwd_cpp", family=convolution)(causal_convolution_backward)
    table.counted("triton::_chunk_cumsum_fwd_kernel", family=family)(chunk_steps)
    table.counted("triton::_chunk_state_fwd_kernel", family=family)(chunk_states)
    table.counted("triton::_state_passing_fwd_kernel", family=family)(state_passing)
    table.counted("triton::_bmm_chunk_fwd_kernel", family=family)(chunk_scores)
    table.counted("triton::_chunk_scan_fwd_kernel", family=family)(chunk_scan)
    linear = "linear attention"
    table.counted("triton::fused_recurrent_fwd_kernel", family=linear)(recurrent)
    table.counted("triton::chunk_fwd_kernel_h", family=linear)(chunk_memory)
    table.counted("triton::chunk_fwd_kernel_o", family=linear)(chunk_output)


def _present(call: OpCall, *names: str) -> bool:
    return any(call.arguments.get(name) is not None for name in names)


def _scanned(call: OpCall) -> tuple[int, int]:
    """Elements of the sequence (batch x channels x steps), and states of each channel."""
    sequence: TensorMeta = call.arguments["u"]
    return sequence.numel, call.arguments["A"].shape[-1]


def selective_scan(call: OpCall) -> Cost:
    """The selective scan (Gu and Dao 2023): h = exp(delta A) h + (delta u) B and y = C h for N states a channel.

    macs = 2 x batch x channels x steps x N, of the state and of the output. Besides, per state 3 (delta x A, exp, x B)
    and per element 1 (delta x u); a skip D adds 2, a gate z 3 (silu, multiply), a bias of delta 1, its softplus 3.
    """
    elements, states = _scanned(call)
    each = 1 + 2 * _present(call, "D", "D_") + (_SILU + 1) * _present(call, "z", "z_")
    each = each + _present(call, "delta_bias", "delta_bias_") + _SOFTPLUS * bool(call.arguments.get("delta_softplus"))
    return Cost.of(macs=2 * elements * states, other=elements * (3 * states + each))


def selective_scan_backward(call: OpCall) -> Cost:
    """The states again, and the recurrence of their gradients backwards: macs = 5 x elements x N.

    The state; its gradient g = g exp(delta A) + C dy; and the gradients of C (dy h), of B (g delta u) and of delta u
    (g B). Besides, per state 3 as forward, and 4 for the gradients of delta and A (g x h x exp, x A, x delta, sums).
    """
    elements, states = _scanned(call)
    return Cost.of(macs=5 * elements * states, other=7 * elements * states)


def _activated(call: OpCall, operations: int) -> int:
    return operations if call.arguments.get("silu_activation") else 0


def causal_convolution(call: OpCall) -> Cost:
    """A convolution of each channel with its own w weights of the past: macs = numel(x) x w.

    A bias adds 1 per element, a SiLU 2.
    """
    x, weight = call.arguments["x"], call.arguments["weight"]
    each = _present(call, "bias", "bias_") + _activated(call, _SILU)
    return Cost.of(macs=x.numel * weight.shape[-1], other=x.numel * each)


def causal_convolution_backward(call: OpCall) -> Cost:
    """Both gradients, as many macs each as forward: macs = 2 x numel(x) x w; a bias adds 1 per element.

    A SiLU: the convolution again (numel(x) x w) with its bias, and its gradient, 6 per element.
    """
    x, weight = call.arguments["x"], call.arguments["weight"]
    again = bool(call.arguments.get("silu_activation"))
    bias = _present(call, "bias")
    macs = (2 + again) * x.numel * weight.shape[-1]
    return Cost.of(macs=macs, other=x.numel * (bias * (1 + again) + _activated(call, 6)))


def chunk_steps(call: OpCall) -> Cost:
    """Mamba 2 (Dao and Gu 2024): the step sizes of all tokens and heads, their products with A, and the running sums.

    2 per step; a bias adds 1, a softplus 3.
    """
    arguments = call.arguments
    bias = _present(call, "dt_bias_ptr")
    each = 2 + bias + _SOFTPLUS * bool(arguments.get("DT_SOFTPLUS", arguments.get("dt_softplus", False)))
    return Cost.of(other=each * arguments["dt_ptr"].numel)


def chunk_states(call: OpCall) -> Cost:
    """The state of each chunk, the sum of its decayed x B^T: macs = tokens x heads x features x states.

    The decay of a token takes 3 (subtract, exp, x step) and its product with B 1 per state.
    """
    x: TensorMeta = call.arguments["x_ptr"]
    states = call.arguments["dstate"]
    rows = x.numel // x.shape[-1]
    return Cost.of(macs=x.numel * states, other=rows * (3 + states))


def state_passing(call: OpCall) -> Cost:
    """The state of each chunk joined with the decayed one before: a multiply-add per element, 2."""
    return Cost.of(other=2 * call.arguments["states_ptr"].numel)


def chunk_scores(call: OpCall) -> Cost:
    """C B^T within each chunk, for each group of heads: macs = numel(scores) x states, of full chunks."""
    return Cost.of(macs=call.arguments["out_ptr"].numel * call.arguments["K"])


def chunk_scan(call: OpCall) -> Cost:
    """The output of each token: scores within its chunk times x, and C times the state before the chunk.

    macs = tokens x heads x features x (chunk + states), of the full chunk, as attention is counted. A score takes 4
    (subtract, exp, x decay, x step), a token's decay 1 and 1 per feature; a skip D 2 and a gate z 3 per feature.
    """
    arguments = call.arguments
    x: TensorMeta = arguments["x_ptr"]
    rows = x.numel // x.shape[-1]
    chunk = arguments["chunk_size"]
    each = 1 + 2 * _present(call, "D_ptr") + (_SILU + 1) * _present(call, "z_ptr")
    return Cost.of(macs=x.numel * (chunk + arguments["dstate"]), other=rows * (4 * chunk + 1) + x.numel * each)


def _rows(call: OpCall) -> tuple[int, int, int]:
    """Tokens x heads, and the features of keys and values."""
    values = call.arguments["V"]
    return call.arguments["v"].numel // values, call.arguments["K"], values


def recurrent(call: OpCall) -> Cost:
    """Linear attention step by step: the memory S = decay S + k v^T and o = q S, K x V for each token and head.

    macs = 2 x tokens x heads x K x V; a rank-one change of the memory (a, b: S a, then its product with b) adds 2 more.
    A delta rule (beta alone: v becomes beta x (v - S k)) adds 1 more, and 2 per element of v. The query's scale takes 1
    per element, a decay 1 per element of the memory (and an exp for each of its own).
    """
    rows, keys, values = _rows(call)
    changed = _present(call, "a", "alpha") and _present(call, "b", "beta")
    corrected = isinstance(call.arguments.get("beta"), TensorMeta) and not changed
    gates = [call.arguments[name] for name in _GATES if _present(call, name)]
    decays = len(gates) * rows * keys * values + sum(gate.numel for gate in gates)
    other = rows * keys + decays + 2 * corrected * rows * values
    return Cost.of(macs=(2 + 2 * changed + corrected) * rows * keys * values, other=other)


def chunk_memory(call: OpCall) -> Cost:
    """The memory before each chunk of BT tokens, the sum of k v^T: macs = tokens x heads x K x V.

    A decay takes 2 per token (subtract, exp) and 1 per value, and 1 per element of the memory for each chunk.
    """
    rows, keys, values = _rows(call)
    gates = sum(_present(call, name) for name in _GATES)
    decays = gates * (rows * (2 + values) + rows * keys * values // call.arguments["BT"])
    return Cost.of(macs=rows * keys * values, other=decays)


def chunk_output(call: OpCall) -> Cost:
    """The output of each token: q times the memory before its chunk, and (q k^T) v within the chunk of BT tokens.

    macs = tokens x heads x (K x V + BT x (K + V)), of the full chunk, as attention is counted. The scale takes 1 per
    output element of both parts, a mask 1 per score. A decay takes 3 per score (subtract, exp, multiply), and for each
    token an exp and 1 per value.
    """
    rows, keys, values = _rows(call)
    chunk = call.arguments["BT"]
    gated = _present(call, "g", "g_gamma")
    other = rows * (2 * values + chunk) + gated * rows * (3 * chunk + values + 1)
    return Cost.of(macs=rows * (keys * values + chunk * (keys + values)), other=other)
