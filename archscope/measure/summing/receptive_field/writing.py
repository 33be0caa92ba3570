"""What a tensor depends on after one of its views was written to."""

from __future__ import annotations

from archscope.measure.summing.receptive_field import views
from archscope.measure.summing.receptive_field.call import Call
from archscope.measure.summing.receptive_field.positions import Positions, aligned, forgotten, plain, together
from archscope.measure.summing.receptive_field.reach import UntoldError

BEHIND = "some of it was written to through another view"


def written(base: Positions, view: Positions, read: Call) -> Positions:
    """``base`` after ``view`` of it, made by the call ``read``, came to depend on what it does now.

    Where some positions were written to and others that depend on something were not, nobody can tell those axes.
    Raises UntoldError for views of other kinds.
    """
    shape = base.shape
    if read.op in {"view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "flatten", "alias", "detach"}:
        return views.reshaped(view, shape)
    if read.op == "permute":
        order = [dim % len(shape) for dim in read["dims"]]
        return views.permuted(view, sorted(range(len(order)), key=order.__getitem__))
    if read.op in {"transpose", "t"}:
        one, other = [*read.arguments.values()][1:3] if read.op == "transpose" else (0, 1)
        order = [*range(len(shape))]
        order[one], order[other] = order[other], order[one]
        return views.permuted(view, order)
    if read.op not in {"select", "slice"}:
        raise UntoldError(BEHIND)
    dim = read["dim"] % len(shape)
    if read.op == "select":
        view = view.with_dims((*view.dims[:dim], (), *view.dims[dim:]))
    elif not base.axes and read["step"] == 1:
        start, _, _ = slice(read.get("start"), read.get("end"), 1).indices(shape[dim])
        return views.bordered(view, dim, start, shape[dim] - start - view.shape[dim])
    states = [forgotten(state, dim, BEHIND) if state.used(state.dims[dim]) else state for state in (base, view)]
    along = plain(shape[dim])
    return together(aligned([s.with_dims((*s.dims[:dim], along, *s.dims[dim + 1 :])) for s in states]))
