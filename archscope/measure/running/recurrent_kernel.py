"""Recurrent layers as the CPU runs them, where torch runs them otherwise on meta.

The CPU multiplies all steps of a layer by its input matrix at once, meta each step for itself. In inference it hands
each layer of a float32 LSTM to oneDNN as one operator, as a GPU hands it to cuDNN. In training both keep a workspace
whose size is their own secret; there LSTM is measured step by step, as torch runs it without them, on the CPU too. The
forms are those of aten/src/ATen/native/RNN.cpp and mkldnn/RNN.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch.nn.functional import dropout as dropped
from torch.nn.functional import linear

from archscope.measure.running.composites import taken_apart

State: TypeAlias = tuple[torch.Tensor, ...]  # hidden, and for LSTM the cell
Cell: TypeAlias = Callable[[torch.Tensor, State, Sequence[Any]], State]
Layer: TypeAlias = Callable[
    [Cell, torch.Tensor, Sequence[State], Sequence[Sequence[Any]]], tuple[torch.Tensor, list[State]]
]

aten = torch.ops.aten
LSTM = aten.lstm.input
GRU, TANH, RELU = aten.gru.input, aten.rnn_tanh.input, aten.rnn_relu.input
_OF_LSTM = 2  # oneDNN's number
_PROJECTED = 5  # the place of a projection among the weights of a layer, with biases


def lstm(x: torch.Tensor, hx: list[torch.Tensor], params: list[torch.Tensor], *rest: Any) -> Any:
    """An LSTM: by oneDNN's operators in inference, step by step in training."""
    given = (x, hx, params, *rest)
    has_biases, batch_first = rest[0], rest[-1]
    projected = hx[0].shape[2] != hx[1].shape[2]
    fused = onednn_takes(x, hx, params)
    if not x.is_meta:
        return taken_apart(LSTM, *given) if fused else without_onednn(LSTM, given)
    if fused:
        return by_onednn(*given)
    output, (hidden, cells) = layers(lstm_cell, *given, each=(4 if has_biases else 2) + projected)
    return output.transpose(0, 1) if batch_first else output, hidden, cells


def gru(x: torch.Tensor, hx: torch.Tensor, *rest: Any) -> Any:
    """A GRU, step by step."""
    return _stepwise(gru_cell, x, hx, *rest)


def rnn_tanh(x: torch.Tensor, hx: torch.Tensor, *rest: Any) -> Any:
    """Elman's network with tanh, step by step."""
    return _stepwise(simple_cell(torch.tanh), x, hx, *rest)


def rnn_relu(x: torch.Tensor, hx: torch.Tensor, *rest: Any) -> Any:
    """Elman's network with ReLU, step by step."""
    return _stepwise(simple_cell(torch.relu), x, hx, *rest)


def _stepwise(cell: Cell, x: torch.Tensor, hx: torch.Tensor, *rest: Any) -> Any:
    has_biases, batch_first = rest[1], rest[-1]
    output, (hidden,) = layers(cell, x, [hx], *rest, each=4 if has_biases else 2)
    return output.transpose_(0, 1) if batch_first else output, hidden


def onednn_takes(x: torch.Tensor, hx: Sequence[torch.Tensor], params: Sequence[torch.Tensor]) -> bool:
    """Whether an LSTM is handed to oneDNN: float32 without a projection, where nothing takes gradients."""
    learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *hx, *params))
    return x.dtype is torch.float32 and hx[0].shape[2] == hx[1].shape[2] and not learns and x.numel() > 0


def without_onednn(func: Any, given: Sequence[Any]) -> Any:
    """Run ``func`` on the CPU step by step."""
    before = torch._C._get_mkldnn_enabled()  # noqa: SLF001 - the public switch warns of another one
    torch._C._set_mkldnn_enabled(False)  # noqa: FBT003, SLF001
    try:
        return taken_apart(func, *given)
    finally:
        torch._C._set_mkldnn_enabled(before)  # noqa: SLF001


def by_onednn(  # noqa: PLR0913, PLR0917 - the operator's own arguments
    x: torch.Tensor,
    hx: list[torch.Tensor],
    params: list[torch.Tensor],
    has_biases: bool,  # noqa: FBT001
    num_layers: int,
    dropout: float,
    train: bool,  # noqa: FBT001
    bidirectional: bool,  # noqa: FBT001
    batch_first: bool,  # noqa: FBT001
) -> Any:
    """An LSTM as oneDNN runs it: one operator for each layer and direction."""
    given = x = (x.transpose(0, 1) if batch_first else x).contiguous()  # held to the end, as torch holds it
    hidden, cells = (state.contiguous() for state in hx)
    each, directions = 4 if has_biases else 2, 2 if bidirectional else 1
    options = (_OF_LSTM, hidden.shape[2], num_layers, has_biases, bidirectional, batch_first, train)
    last: list[State] = []
    outputs = [x] * directions
    for layer in range(num_layers):
        for direction in range(directions):
            place = layer * directions + direction
            weights = params[place * each : (place + 1) * each]
            start = (hidden[place], cells[place])
            output, *states = aten.mkldnn_rnn_layer.default(
                x, *weights, *([] if has_biases else _zeros(weights)), *start, direction > 0, [], *options
            )
            outputs[direction] = output
            last.append((states[0], states[1]))
        x = outputs[0] if directions == 1 else torch.cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            x = dropped(x, dropout)
    final = [torch.stack(states, 0) for states in zip(*last, strict=True)]
    del given
    return x.transpose(0, 1) if batch_first else x, *final


def _zeros(weights: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """What torch gives oneDNN for biases where there are none; the last is made first."""
    made = [torch.zeros(weight.shape, dtype=weight.dtype, device=weight.device) for weight in reversed(weights)]
    return made[::-1]


def layers(  # noqa: PLR0913, PLR0917 - the operator's own arguments
    cell: Cell,
    x: torch.Tensor,
    hx: list[torch.Tensor],
    params: list[torch.Tensor],
    has_biases: bool,  # noqa: FBT001
    num_layers: int,
    dropout: float,
    train: bool,  # noqa: FBT001
    bidirectional: bool,  # noqa: FBT001
    batch_first: bool,  # noqa: FBT001
    *,
    each: int,
    layer: Layer | None = None,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The output and the last states of all layers; each layer and direction has ``each`` weights.

    ``layer`` runs one of them, where it is not a padded one.
    """
    run = layer or _layer
    x = x.transpose(0, 1) if batch_first else x
    starts = list(zip(*(state.unbind(0) for state in hx), strict=True))
    per_layer = 2 if bidirectional else 1
    last: list[State] = []
    for number in range(num_layers):
        places = range(number * per_layer, (number + 1) * per_layer)
        own = [params[place * each : (place + 1) * each] for place in places]
        weights: list[list[Any]] = [[*w] if has_biases else [*w[:2], None, None, *w[2:]] for w in own]
        x, states = run(cell, x, [starts[place] for place in places], weights)
        last += states
        if dropout and train and number < num_layers - 1:
            x = dropped(x, dropout)
    return x, [torch.stack(states, 0) for states in zip(*last, strict=True)]


def _layer(
    cell: Cell, x: torch.Tensor, starts: Sequence[State], weights: Sequence[Sequence[Any]]
) -> tuple[torch.Tensor, list[State]]:
    """One layer in one or two directions; what the first made is held while the second runs, as torch holds it."""
    made: list[list[torch.Tensor]] = []
    outputs: list[torch.Tensor] = []
    last: list[State] = []
    steps: list[torch.Tensor] = []
    for states, own in zip(starts, weights, strict=True):
        given = linear(x, own[0], own[2])
        steps = list(given.unbind(0))
        made.append([])
        for step in reversed(steps) if outputs else steps:
            states = cell(step, states, own)  # noqa: PLW2901 - the state of the next step
            made[-1].append(states[0])
        outputs.append(torch.stack(made[-1][::-1] if len(made) > 1 else made[-1], 0))
        last.append(states)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, outputs[0].dim() - 1), last


def lstm_cell(given: torch.Tensor, states: State, weights: Sequence[Any]) -> State:
    """One step of an LSTM (with a projection where there is a fifth weight); ``given`` is the step's own product."""
    hidden, cells = states
    gates = linear(hidden, weights[1], weights[3]).add_(given)
    into, keep, new, out = gates.unsafe_chunk(4, 1)
    into, keep, new, out = into.sigmoid_(), keep.sigmoid_(), new.tanh_(), out.sigmoid_()
    cells = (keep * cells).add_(into * new)
    hidden = out * cells.tanh()
    return (hidden if len(weights) < _PROJECTED else torch.matmul(hidden, weights[4].t())), cells


def gru_cell(given: torch.Tensor, states: State, weights: Sequence[Any]) -> State:
    """One step of a GRU."""
    (hidden,) = states
    inputs = given.unsafe_chunk(3, 1)
    gates = linear(hidden, weights[1], weights[3]).unsafe_chunk(3, 1)
    reset = gates[0].add_(inputs[0]).sigmoid_()
    keep = gates[1].add_(inputs[1]).sigmoid_()
    new = inputs[2].add(gates[2].mul_(reset)).tanh_()
    return ((hidden - new).mul_(keep).add_(new),)


def simple_cell(activation: Callable[[torch.Tensor], torch.Tensor]) -> Cell:
    """One step of Elman's network."""

    def cell(given: torch.Tensor, states: State, weights: Sequence[Any]) -> State:
        return (activation(linear(states[0], weights[1], weights[3]).add_(given)),)

    return cell
