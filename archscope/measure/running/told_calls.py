"""Operator calls that read a tensor's values (item, nonzero) or make a tensor of Python's, noted while recording."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch.utils import _pytree as pytree

from archscope.measure.running.code_lines import running_line
from archscope.measure.running.held_numbers import of_a_file
from archscope.measure.running.outsiders import Outsider
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.steering_lines import answer_chooses
from archscope.records import OpCall, ReadRecord

Places: TypeAlias = tuple[tuple[int, str], ...]

ENTRY, NUMBER, SIZE, FILL, FILE = "entry", "number", "size", "fill", "file"

_BY_TAG = {"data_dependent_output": NUMBER, "dynamic_output_shape": SIZE}
_BY_NAME = {"aten::lift_fresh": ENTRY, "torchvision::nms": SIZE, "aten::_pack_padded_sequence": SIZE}
_BY_NAME |= {f"aten::set_.source_Storage{form}": FILE for form in ("", "_storage_offset")} | {"aten::from_file": FILE}
_BY_NAME |= {f"aten::_to_sparse{form}": SIZE for form in ("", ".sparse_dim", "_csr", "_csc", "_bsr", "_bsc")}
_BY_NAME |= dict.fromkeys(("aten::full", "aten::full_like", "aten::new_full", "aten::scalar_tensor"), FILL)
_BY_NAME |= dict.fromkeys(("aten::fill_.Scalar", "aten::masked_fill.Scalar", "aten::masked_fill_.Scalar"), FILL)
_BY_NAME |= dict.fromkeys((f"aten::{name}.Tensor" for name in ("add", "add_", "mul", "mul_")), FILL)
_GATHERS = {"aten::index.Tensor", "aten::_unsafe_index.Tensor"}
_ARITHMETIC = ("aten::add", "aten::mul")  # with a number, on a single element
_LEAVES_META = {"aten::_to_copy", "aten::copy_"}


def told_kind(func: Any, name: str) -> str:
    """What a call of ``func`` tells: ``entry``, ``number``, ``size``, or nothing."""
    tags = (_BY_TAG.get(tag.name, "") for tag in getattr(func, "tags", ()))
    return _BY_NAME.get(name) or max(tags, default="")


def reads_values(kind: str, name: str, args: tuple[Any, ...]) -> bool:
    """Whether a call of that kind reads values; a gather by numbers, the only one that goes on meta, reads none."""
    return kind in {NUMBER, SIZE} and not (name in _GATHERS and args[0].is_meta)


def tell_failure(notes: RunNotes, kind: str, name: str, given: Any) -> None:
    """Write down that an operator raised on meta, for want of values or of a kernel; elsewhere that is the model's."""
    if any(isinstance(leaf, torch.Tensor) and leaf.is_meta for leaf in pytree.tree_leaves(given)):
        notes.failed(name, values=kind in {NUMBER, SIZE} or name.partition(".")[0] in _LEAVES_META)


def written_places(func: Any) -> Places:
    """The position and name of each argument that ``func`` writes to."""
    given = enumerate(func._schema.arguments)  # noqa: SLF001 - no public name
    return tuple((i, a.name) for i, a in given if a.alias_info is not None and a.alias_info.is_write)


def follow_lost_values(notes: RunNotes, kind: str, name: str, writes: Places, given: tuple[Any, Any]) -> bool:
    """Know which tensors hold other values than the model wrote: torch's meta kernels write nothing into real tensors.

    Whether what the operator returns holds such values too; raises NotImplementedError where they would be read.
    """
    args, kwargs = given
    tensors = _tensors_of(given)
    wrong = any(notes.storage(tensor) in notes.lost for tensor in tensors)
    if wrong and kind in {NUMBER, SIZE}:
        notes.failed(name, values=True)
        raise NotImplementedError(f"{name} would read values of a meta tensor, which has none")
    from_meta = any(tensor.is_meta for tensor in tensors)
    if wrong or from_meta:
        lose(notes, [args[index] if index < len(args) else kwargs.get(key) for index, key in writes])
    return wrong and not from_meta


def lose(notes: RunNotes, values: Any) -> None:
    """Know that the real tensors among ``values`` do not hold what the model computed."""
    notes.lost.update(notes.storage(tensor) for tensor in _tensors_of(values) if not tensor.is_meta)
    notes.lost.discard(-1)


def _tensors_of(values: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def tell(notes: RunNotes, kind: str, call: OpCall, outsiders: list[Outsider], output: Any) -> None:
    """Write down what a call tells; what it brings in, seen as its argument before, is no outsider."""
    if kind in {ENTRY, FILE}:
        _tell_entry(notes, kind, call, outsiders, output)
        return
    inputs = call.inputs
    if kind == FILL and notes.reads and (output.numel() == 1 or not call.op.startswith(_ARITHMETIC)):
        notes.filled(next((value for value in call.arguments.values() if type(value) is float), None))
    if kind == FILL:
        return
    if call.op in _GATHERS and not any(tensor.dtype in {"bool", "uint8"} for tensor in inputs[1:]):
        return
    line = running_line()
    notes.sized |= kind == SIZE
    if kind == NUMBER:
        notes.numbers.add(output)
    notes.reads.append(
        ReadRecord(
            call.index,
            call.op,
            kind,
            call.path,
            line.where,
            line.only_checks and kind == NUMBER,
            tuple(tensor.storage for tensor in inputs),
            any(_is_floating(tensor.dtype) for tensor in inputs[:1]),
            1,
            kind == NUMBER and answer_chooses(),
        )
    )


def _tell_entry(notes: RunNotes, kind: str, call: OpCall, outsiders: list[Outsider], output: Any) -> None:
    if kind == FILE:
        notes.made.append(of_a_file(call.outputs[0].storage, output))
        return
    if outsiders and outsiders[-1].call == call.index:
        outsiders.pop()
    if notes.reads and not output.is_meta and not output.dim() and output.is_floating_point():
        notes.filled(output.item())
        return
    for tensor in call.inputs:
        notes.entered(tensor.storage, tensor.shape, floating=_is_floating(tensor.dtype))
        notes.becomes(tensor.storage, output)


def _is_floating(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat", "complex"))
