"""Operators that watch a run (profiler ranges, annotations) and those that exchange values between processes."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_RANGES = (
    *(
        "_record_function_enter",
        "_record_function_enter_new",
        "_record_function_exit",
        "_call_end_callbacks_on_jit_fut",
    ),
)
_SENT = (
    *("all_gather_into_tensor", "all_gather_into_tensor_coalesced", "all_gather_into_tensor_out", "all_to_all_single"),
    *("broadcast", "wait_tensor", "isend", "irecv", "batch_p2p_ops"),
)
_SENT_IN_PLACE = (
    *("_allgather_base_", "allgather_", "allgather_coalesced_", "allgather_into_tensor_coalesced_", "alltoall_"),
    *("alltoall_base_", "barrier", "broadcast_", "gather_", "monitored_barrier_", "recv_", "recv_any_source_"),
    *("scatter_", "send"),
)
_COMBINED = ("all_reduce", "all_reduce_coalesced", "reduce_scatter_tensor", "reduce_scatter_tensor_coalesced")
_COMBINED_IN_PLACE = (
    *("allreduce_", "allreduce_coalesced_", "reduce_", "reduce_scatter_", "_reduce_scatter_base_"),
    "reduce_scatter_tensor_coalesced_",
)


def register(table: FormulaTable) -> None:
    """Add the operators of profilers and of torch.distributed to ``table``."""
    watching = "a mark for a profiler or a debugger, no values"
    table.free(*(f"profiler::{name}" for name in _RANGES), family="instrumentation", because=watching)
    table.free("debug_mode_ops::annotate", family="instrumentation", because=watching)
    sent = "values sent between processes as they are"
    table.free(*(f"c10d::{name}" for name in _SENT_IN_PLACE), family="communication", because=sent)
    for space in ("_c10d_functional", "_c10d_functional_autograd"):
        table.free(*(f"{space}::{name}" for name in _SENT), family="communication", because=sent)
        table.counted(*(f"{space}::{name}" for name in _COMBINED), family="communication")(combined)
    table.free("_dtensor::shard_dim_alltoall", family="communication", because=sent)
    table.counted("_c10d_functional::reduce_scatter_tensor_out", family="communication")(combined)
    table.counted(*(f"c10d::{name}" for name in _COMBINED_IN_PLACE), family="communication")(combined)
    table.counted("c10d::check_for_nan", family="communication")(combined)


def combined(call: OpCall) -> Cost:
    """Each element that this process gives is combined once on its way around a ring (or tested): 1 per element."""
    own = OpCall(*call[:4], {name: value for name, value in call.arguments.items() if "out" not in name}, ())
    return Cost.of(other=sum(tensor.numel for tensor in own.inputs))
