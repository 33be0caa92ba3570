"""Recurrent layers over packed sequences as the CPU runs them: each step has as many rows as sequences that long."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch.nn.functional import linear

from archscope.measure.running.composites import taken_apart
from archscope.measure.running.recurrent_kernel import (
    Cell,
    State,
    aten,
    by_onednn,
    gru_cell,
    layers,
    lstm_cell,
    onednn_takes,
    simple_cell,
    without_onednn,
)

PACKED_LSTM = aten.lstm.data
_BATCH_FIRST = False  # packed sequences never are
PACKED_GRU, PACKED_TANH, PACKED_RELU = aten.gru.data, aten.rnn_tanh.data, aten.rnn_relu.data


def packed_lstm(
    data: torch.Tensor, sizes: torch.Tensor, hx: list[torch.Tensor], params: list[torch.Tensor], *rest: Any
) -> Any:
    """An LSTM over packed sequences; those of one length are padded ones, and may go to oneDNN."""
    given, fused = (data, sizes, hx, params, *rest), onednn_takes(data, hx, params)
    options: Any = (*rest, _BATCH_FIRST)
    if not data.is_meta and not fused:
        return without_onednn(PACKED_LSTM, given)
    if not data.is_meta or sizes.is_meta:  # on meta nobody knows how long they are
        return taken_apart(PACKED_LSTM, *given)
    steps = sizes.tolist()
    if fused and len(set(steps)) == 1:
        output, hidden, cells = by_onednn(data.view(len(steps), steps[0], -1), hx, params, *options)
        return output.view(data.shape[0], -1), hidden, cells
    each = (4 if rest[0] else 2) + (hx[0].shape[2] != hx[1].shape[2])
    run = partial(_packed_layer, steps)
    output, (hidden, cells) = layers(lstm_cell, data, hx, params, *options, each=each, layer=run)
    return output, hidden, cells


def packed_gru(*given: Any) -> Any:
    """A GRU over packed sequences."""
    return _stepwise(PACKED_GRU, gru_cell, *given)


def packed_tanh(*given: Any) -> Any:
    """Elman's network with tanh over packed sequences."""
    return _stepwise(PACKED_TANH, simple_cell(torch.tanh), *given)


def packed_relu(*given: Any) -> Any:
    """Elman's network with ReLU over packed sequences."""
    return _stepwise(PACKED_RELU, simple_cell(torch.relu), *given)


def _stepwise(func: Any, cell: Cell, data: torch.Tensor, sizes: torch.Tensor, hx: torch.Tensor, *rest: Any) -> Any:
    if sizes.is_meta:
        return taken_apart(func, data, sizes, hx, *rest)
    options: Any = (*rest, _BATCH_FIRST)
    each, run = 4 if rest[1] else 2, partial(_packed_layer, sizes.tolist())
    output, (hidden,) = layers(cell, data, [hx], *options, each=each, layer=run)
    return output, hidden


def _packed_layer(
    sizes: list[int], cell: Cell, x: torch.Tensor, starts: Sequence[State], weights: Sequence[Sequence[Any]]
) -> tuple[torch.Tensor, list[State]]:
    ways = (_forwards, _backwards)[: len(starts)]
    made = [way(sizes, cell, x, start, own) for way, start, own in zip(ways, starts, weights, strict=True)]
    outputs = [output for output, _ in made]
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1), [states for _, states in made]


def _forwards(
    sizes: list[int], cell: Cell, x: torch.Tensor, states: State, own: Sequence[Any]
) -> tuple[torch.Tensor, State]:
    """From the first step, which all sequences have, to the last: the states of those that end are set aside."""
    given = linear(x, own[0], own[2])
    outputs, ended, done, before = [], [], 0, sizes[0]
    for size in sizes:
        step = given.narrow(0, done, size)
        done += size
        if size < before:
            ended.append(_rows(states, size, before))
            states = _rows(states, 0, size)
        before = size
        states = cell(step, states, own)
        outputs.append(states[0])
    ended.append(states)
    return torch.cat(outputs, 0), _joined(ended[::-1])


def _backwards(
    sizes: list[int], cell: Cell, x: torch.Tensor, start: State, own: Sequence[Any]
) -> tuple[torch.Tensor, State]:
    """From the last step, which the longest sequences have, to the first: others join with their first states."""
    given = linear(x, own[0], own[2])
    outputs, done, before = [], x.shape[0], sizes[-1]
    states = _rows(start, 0, before)
    for size in reversed(sizes):
        if size > before:
            states = _joined([states, _rows(start, before, size)])
        step = given.narrow(0, done - size, size)
        done -= size
        before = size
        states = cell(step, states, own)
        outputs.append(states[0])
    return torch.cat(outputs[::-1], 0), states


def _rows(states: State, first: int, end: int) -> State:
    return tuple(state.narrow(0, first, end - first) for state in states)


def _joined(parts: Sequence[State]) -> State:
    return tuple(torch.cat(states, 0) for states in zip(*parts, strict=True))
