"""Running every peer on a model, each in a process with a time limit."""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archscope.errors import UsageError
from archscope.judge.crosscheck.attribution import macs_differences, parameter_differences
from archscope.judge.crosscheck.peers import COUNTERS
from archscope.measure.measuring import analyze, trace_spec
from archscope.records import Trace
from archscope.results.crosscheck import COUNTED, FAILED, MISSING, TIMED_OUT, Crosscheck, Difference, PeerResult
from archscope.spec import ModelSpec, literal_of
from archscope.units import format_integer

#: The peers, in the order of the table, and the package that each comes with.
PEERS: Mapping[str, str] = {name: distribution for name, (_, distribution) in COUNTERS.items()}
_RUN = "from archscope.judge.crosscheck.peers import main; main()"
_LAST_LINE = 200


def crosscheck(
    spec: ModelSpec,
    inputs: Any = None,
    *,
    peers: Sequence[str] = tuple(PEERS),
    timeout: int = 300,
    announce: Callable[[str], None] = lambda _peer: None,
) -> Crosscheck:
    """Count ``spec`` by archscope and by ``peers``, at most ``timeout`` seconds each.

    ``announce`` is called with the name of each peer before it runs. The inputs are the spec's own unless given. A peer
    that is not installed, crashes or takes too long is a row that says so. Raises UsageError for a model without
    inputs, and what tracing raises.
    """
    given = inputs or spec.inputs
    if not given:
        raise UsageError(f"{spec.name} has no known inputs", help="add --input 1x3x224x224, as the model takes it")
    start = time.perf_counter()
    seen = trace_spec(spec, given)
    report = analyze(seen)
    milliseconds = round(1000 * (time.perf_counter() - start))
    job = json.dumps(
        {
            "source": spec.source,
            "options": {option.name: literal_of(option.value) for option in spec.options},
            "inputs": base64.b64encode(pickle.dumps(given)).decode(),  # for a process of our own
        }
    )
    results = []
    for peer in peers:
        announce(peer)
        results.append(_result(peer, job, seen, timeout))
    return Crosscheck(
        model=spec.name,
        inputs=seen.inputs,
        parameters=report.totals.parameters,
        macs=report.totals.macs or 0,
        complete=report.totals.complete,
        milliseconds=milliseconds,
        results=tuple(results),
        verdict=_verdict(results, report.totals.macs or 0),
    )


def _result(peer: str, job: str, seen: Trace, timeout: int) -> PeerResult:
    command = [sys.executable, "-c", _RUN, peer]
    try:
        done = subprocess.run(command, input=job, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603 - our own module
    except subprocess.TimeoutExpired:
        return _without(peer, TIMED_OUT, f"no result after {timeout} s")
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1][:_LAST_LINE]
        missing = f"No module named '{PEERS[peer]}'" in last
        return _without(peer, MISSING if missing else FAILED, f"pip install {PEERS[peer]}" if missing else last)
    figures: dict[str, Any] = json.loads(done.stdout)
    parameters = figures["parameters"]
    return PeerResult(
        peer=peer,
        version=figures["version"],
        status=COUNTED,
        detail="",
        parameters=parameters,
        macs=figures["macs"],
        milliseconds=figures["milliseconds"],
        macs_differences=macs_differences(peer, seen, figures["macs"], figures["by_module"]),
        parameter_differences=() if parameters is None else parameter_differences(peer, seen, parameters),
    )


def _without(peer: str, status: str, detail: str) -> PeerResult:
    return PeerResult(
        peer=peer,
        version="",
        status=status,
        detail=detail,
        parameters=None,
        macs=None,
        milliseconds=None,
        macs_differences=(),
        parameter_differences=(),
    )


def _verdict(results: list[PeerResult], macs: int) -> str:
    counted = [result for result in results if result.status == COUNTED]
    if not counted:
        return "no peer gave a figure"
    agreeing = [result.peer for result in counted if result.macs == macs]
    sentences = [
        f"{', '.join(agreeing)} of {len(counted)} peers agree to the unit" if agreeing else "no peer agrees to the unit"
    ]
    for row in _missed_by_all(counted):
        missed = f"{row.what} ({row.calls} calls, {format_integer(-row.amount)} MACs)"
        sentences.append(f"all {len(counted)} miss {missed}")
    return "; ".join(sentences)


def _missed_by_all(counted: list[PeerResult]) -> list[Difference]:
    shared = [row for row in counted[0].macs_differences if all(row in result.macs_differences for result in counted)]
    return [row for row in shared if row.amount < 0 and row.calls]
