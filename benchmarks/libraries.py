"""Measure the models of timm, torchvision and transformers, each in a process of its own, and tell how each ended.

Run where the library is installed: ``python benchmarks/libraries.py transformers rows.jsonl [--every 8]``. Each model
may take ``--seconds`` and ``--memory`` gigabytes. Rows are appended to the file as they come; a second run goes on
where the first one stopped, and ``--every 1000000`` tells what the file holds. MACs are held against
``torch.utils.flop_counter``, those of torchvision also against the figures that it publishes with its weights.
"""

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import resource
import time
import traceback
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

import archscope
from archscope.errors import ArchscopeError
from archscope.measure.running.call_forms import call_forms
from archscope.measure.running.inputs import invoked, on_meta
from archscope.measure.running.operator_run import run_operator


def sources(library: str) -> list[str]:
    """Every model of ``library`` by the name that archscope takes."""
    if library == "timm":
        import timm

        return [f"timm:{name}" for name in sorted(timm.list_models())]
    if library == "torchvision":
        import torchvision

        return [f"torchvision:{name}" for name in torchvision.models.list_models()]
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    list(CONFIG_MAPPING.values())  # imports every configuration, once for all the processes
    found = [name for name in dir(transformers) if name.endswith("Config")]
    return [f"hf:{name}" for name in found if _is_configuration(getattr(transformers, name, None))]


def _is_configuration(found: Any) -> bool:
    import transformers

    return isinstance(found, type) and issubclass(found, transformers.PreTrainedConfig)


def measure(source: str) -> dict[str, Any]:
    """One model: how it ended and its figures."""
    try:
        spec = archscope.load(source)
        report = archscope.analyze(spec)
    except ArchscopeError as error:
        cause = traceback.format_exception_only(error.__cause__)[-1].strip()[:300] if error.__cause__ else ""
        said = {"what": error.what, "where": error.where, "help": error.help, "cause": cause}
        return {"status": "refused", "error": type(error).__name__, **said}
    except Exception as error:  # noqa: BLE001 - a crash is what this looks for
        return {"status": "CRASH", "error": f"{type(error).__name__}: {str(error)[:300]}"}
    totals = report.totals
    if totals.macs is None:
        status = "parameters alone"
    elif not totals.complete:
        status = "incomplete"
    else:
        status = "depends on values" if report.value_dependent else "complete"
    row: dict[str, Any] = {
        "status": status,
        "parameters": totals.parameters,
        "macs": totals.macs,
        "fallback": report.model.fallback,
        "note": report.model.description,
        "inputs": [f"{spec.name}={'x'.join(map(str, spec.shape))}" for spec in report.inputs],
        "uncounted": [operator.op for operator in report.uncounted],
        "marks": [len(report.unseen), len(report.unregistered)],
    }
    if totals.macs is not None and not report.model.fallback:
        row["counter"] = counted(spec)
        row["lacks"] = {row.op: row.macs for row in report.operators if row.macs and lacks(row.op)}
    return row


class _Following(TorchDispatchMode):
    """Lets the values that a source gives, which are on the CPU, meet meta tensors as archscope does."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run_operator(func, args, kwargs or {})


def lacks(operator: str) -> bool:
    """Whether torch's counter does not know ``operator`` (``aten::_grouped_mm``)."""
    return operator.partition(".")[0] not in {str(known).replace(".", "::") for known in flop_registry}


def counted(spec: Any) -> Any:
    """What torch's own counter says of a run on meta, in FLOPs; or what that run raised."""
    try:
        with torch.no_grad(), spec.within():
            with torch.device("meta"):
                model = spec.build().eval()
            call = on_meta(next(iter(call_forms(model, spec.inputs).forms)))
            with _Following(), FlopCounterMode(display=False) as counter:
                invoked(model, call)(*call.args, **call.kwargs)
    except Exception as error:  # noqa: BLE001 - the library's own failure
        return f"{type(error).__name__}: {str(error)[:200]}"
    return counter.get_total_flops()


def published(name: str) -> tuple[int, float] | None:
    """Parameters and GMACs that torchvision publishes for the weights with the smallest crop."""
    import torchvision

    weights = list(torchvision.models.get_model_weights(name))
    if not weights:
        return None
    smallest = min(weights, key=lambda member: getattr(member.transforms(), "crop_size", [0])[0])
    return smallest.meta["num_params"], smallest.meta["_ops"]


def in_process(source: str, seconds: float, gigabytes: float) -> dict[str, Any]:
    """``measure`` of ``source`` in a child with limits."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(source, gigabytes, sender))
    start = time.perf_counter()
    child.start()
    sender.close()
    try:
        row = receiver.recv() if receiver.poll(seconds) else {"status": "TIME"}
    except EOFError:
        row = {"status": "DIED"}
    child.kill()
    child.join()
    return {"source": source, **row, "seconds": round(time.perf_counter() - start, 2)}


def _child(source: str, gigabytes: float, sender: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 2**30),) * 2)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    row = measure(source)
    if source.startswith("torchvision:") and (known := published(source.partition(":")[2])):
        row["published_parameters"], row["published_gmacs"] = known
    sender.send({**row, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024})


def tell(rows: list[dict[str, Any]]) -> None:
    """Print the counts, and every row that a person should look at."""
    counts = collections.Counter(row["status"] for row in rows)
    print(f"{len(rows)} models: " + ", ".join(f"{count} {status}" for status, count in counts.most_common()))
    held = [row for row in rows if isinstance(row.get("counter"), int)]
    equal = [row for row in held if row["counter"] == 2 * row["macs"]]
    known = [row for row in held if row not in equal and _lacked(row)]
    print(f"equal to torch's counter: {len(equal)} of {len(held)}; {len(known)} but for operators that it lacks")
    for row in known:
        print(f"  LACKS {row['source']}: {_lacked(row)}")
    for row in held:
        if row not in equal and row not in known:
            print(f"  OTHER {row['source']}: {row['macs']:,} MACs against {row['counter'] / 2:,.0f}")
    for row in rows:
        if row["status"] not in {"complete", "depends on values"}:
            said = "; ".join(str(row[key]) for key in ("error", "what", "help", "uncounted", "note") if row.get(key))
            print(f"  {row['status']} {row['source']} ({row['seconds']} s): {said}")
        elif any(row["marks"]):
            print(f"  MARKED {row['source']}: unseen, unregistered {row['marks']}")
    for row in rows:
        if "published_gmacs" in row and "macs" in row and not close(row):
            print(f"  UNLIKE WHAT IS PUBLISHED {row['source']}: {row['macs']} against {row['published_gmacs']} G")
    slow = sorted(rows, key=lambda row: -row["seconds"])[:5]
    print("longest: " + ", ".join(f"{row['source']} {row['seconds']} s" for row in slow))
    print(f"most memory: {max((row.get('megabytes', 0) for row in rows), default=0)} MB")


def _lacked(row: dict[str, Any]) -> str:
    """The operator that is all the difference between a row's MACs and the counter's; empty when there is none."""
    return next((name for name, macs in row["lacks"].items() if 2 * (row["macs"] - macs) == row["counter"]), "")


def close(row: dict[str, Any]) -> bool:
    """Within 1 % of the published GMACs, or within their rounding (three decimals)."""
    off = abs((row["macs"] or 0) / 1e9 - row["published_gmacs"])
    return bool(off <= max(0.01 * row["published_gmacs"], 0.0005))


def main() -> None:
    """Measure what the file lacks, then tell what it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=("timm", "torchvision", "transformers"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--every", type=int, default=1, help="measure one of so many models")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--memory", type=float, default=8, help="gigabytes of data of one process")
    parser.add_argument("--again", default="", help="measure those of this status (refused, CRASH, TIME) once more")
    options = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    if options.file.exists():
        written = [json.loads(line) for line in options.file.read_text(encoding="utf-8").splitlines()]
        rows = {row["source"]: row for row in written if row["source"].startswith(PREFIX[options.library])}
    archscope.analyze(torch.nn.Linear(8, 8), [(1, 8)])  # imports, once for all the processes, what a run needs
    done = {source for source, row in rows.items() if row["status"] != options.again}
    with options.file.open("a", encoding="utf-8") as file:
        for source in sources(options.library)[options.first :: options.every]:
            if source not in done:
                rows[source] = in_process(source, options.seconds, options.memory)
                file.write(json.dumps(rows[source]) + "\n")
                file.flush()
    tell(list(rows.values()))


PREFIX = {"timm": "timm:", "torchvision": "torchvision:", "transformers": "hf:"}

if __name__ == "__main__":
    main()
