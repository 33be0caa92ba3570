"""What the measures of memory and traffic add to tracing and analysing: the same with them switched off by patches.

Off: the identity, birth and release of storages while tracing; peak bytes, activations, traffic and flows afterwards.
"""

from __future__ import annotations

import contextlib
import functools
import statistics
import time
import warnings
from unittest import mock

import torch
from ratios import Ratio, best, show
from suite import NAMES, subject

import archscope
from archscope.formulas import FREE
from archscope.formulas.lookup import cost_of
from archscope.formulas.table import UNCOUNTED, Rule
from archscope.measure.running.recorder import Recorder
from archscope.measure.summing import analysis
from archscope.measure.summing import counted_calls as calls
from archscope.records import OpCall

ROUNDS = 2
GOAL = 1.25


def _nowhere(_recorder: Recorder, _tensor: torch.Tensor, _born: int | None) -> int:
    return -1


def _nothing(_trace: archscope.Trace) -> int:
    return 0


def _no_flows(_trace: archscope.Trace, _owners: object) -> tuple[()]:
    return ()


def _cost_alone(call: OpCall, rule: Rule | None, _born: object) -> calls.CountedCall:
    return calls.CountedCall(call, rule.kind if rule else UNCOUNTED, cost_of(rule, call) if rule else FREE, 0, 0, 0, 0)


def without_extras(name: str, analyze: functools.partial[archscope.Report]) -> archscope.Report:
    """The report of ``name`` without these measures; raises ValueError when one of them is still there."""
    with contextlib.ExitStack() as stack:
        for patch in (
            mock.patch.object(Recorder, "_storage", _nowhere),
            mock.patch.object(analysis, "peak_activation_bytes", _nothing),
            mock.patch.object(analysis, "component_flows", _no_flows),
            mock.patch.object(calls, "_count", _cost_alone),
        ):
            stack.enter_context(patch)
        report = analyze()
    if report.flows or any((report.totals.activations, report.totals.peak_activation_bytes, report.totals.bytes_read)):
        raise ValueError(f"{name}: a measure was not switched off")
    return report


def main() -> None:
    """Time every model with and without, in turns, and print."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = []
    for name in NAMES:
        found = subject(name)
        both = {
            "with": found.analyze,
            "without": functools.partial(without_extras, name, functools.partial(found.analyze)),
        }
        seconds = best(both, ROUNDS, clock=time.process_time)
        rows.append(
            Ratio(what=name, against="without them", seconds=seconds["with"], reference=seconds["without"], goal=GOAL)
        )
    show("Memory and traffic, trace + analyze with them", rows)
    median = statistics.median(row.value for row in rows)
    print(f"  median {median:.2f} (goal <= {GOAL:g}){'' if median <= GOAL else '   MISSED'}")


if __name__ == "__main__":
    main()
