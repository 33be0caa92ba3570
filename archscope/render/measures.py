"""The figures of a whole model as rows of label, exact figure and what else is said of it."""

from __future__ import annotations

from decimal import Decimal

from archscope.render.facts import bounded
from archscope.render.names import plain
from archscope.report import Report
from archscope.units import format_bytes, format_count, format_integer, format_percent

Measure = tuple[str, str, str]


def model_measures(report: Report) -> list[Measure]:
    """The model itself: parameters, buffers, their bytes, and the dtypes where there are several."""
    totals = report.totals
    frozen = totals.parameters - totals.trainable
    rows = [
        ("parameters", format_integer(totals.parameters), format_count(totals.parameters)),
        ("trainable", format_integer(totals.trainable), f"{format_integer(frozen)} frozen" if frozen else "all"),
        ("buffers", format_integer(totals.buffers), format_bytes(totals.buffer_bytes)),
        ("parameter bytes", format_integer(totals.parameter_bytes), format_bytes(totals.parameter_bytes)),
    ]
    if totals.active_parameters is not None:
        picks = dict.fromkeys(f"{row.picked} of {row.experts}" for row in report.mixtures)
        rows.insert(
            1,
            (
                "active parameters",
                format_integer(totals.active_parameters),
                f"{format_count(totals.active_parameters)}, a token uses {', '.join(picks)} experts",
            ),
        )
    if len(report.dtypes) > 1:
        rows += [
            (f"  {plain(row.dtype)}", format_integer(row.nbytes), f"{format_integer(row.parameters)} parameters")
            for row in report.dtypes
        ]
    if totals.zero_parameters is not None:
        share = format_percent(totals.zero_parameters, totals.parameters)
        rows.append(("zero parameters", format_integer(totals.zero_parameters), share))
    return rows


def run_measures(report: Report) -> list[Measure]:
    """One forward pass; nothing when the model was not run."""
    totals, short = report.totals, not report.totals.complete
    if totals.macs is None:
        return []
    moved = (totals.bytes_read or 0) + (totals.bytes_written or 0)
    per_byte = f"{Decimal(totals.flops or 0) / moved:.1f} FLOPs per byte moved" if moved else ""
    return [
        ("MACs", bounded(totals.macs, "macs", short=short), format_count(totals.macs)),
        ("FLOPs", bounded(totals.flops, "flops", short=short), format_count(totals.flops)),
        ("activations", format_integer(totals.activations), format_count(totals.activations)),
        ("conv activations", format_integer(totals.conv_activations), format_count(totals.conv_activations)),
        _bytes("peak activation bytes", totals.peak_activation_bytes),
        _bytes("bytes read", totals.bytes_read),
        (
            "bytes written",
            format_integer(totals.bytes_written),
            ", ".join(filter(None, (format_bytes(totals.bytes_written), per_byte))),
        ),
    ]


def training_measures(report: Report) -> list[Measure]:
    """One training step; nothing when none was run."""
    step = report.totals.training
    if step is None:
        return []
    short = not step.complete
    ratio = f"{Decimal(step.backward_flops) / step.forward_flops:.2f} x forward" if step.forward_flops else ""
    rows = [
        ("forward FLOPs", bounded(step.forward_flops, "flops", short=short), format_count(step.forward_flops)),
        ("backward FLOPs", bounded(step.backward_flops, "flops", short=short), ratio),
        ("step FLOPs", bounded(step.flops, "flops", short=short), format_count(step.flops)),
        _bytes("gradient bytes", step.gradient_bytes),
        _bytes("saved activation bytes", step.saved_activation_bytes),
        (
            "optimizer state bytes",
            format_integer(step.optimizer_bytes),
            f"{format_bytes(step.optimizer_bytes)}, {plain(step.optimizer)}",
        ),
        _bytes("peak bytes", step.peak_bytes),
        _bytes("step memory bytes", step.memory_bytes),
    ]
    if step.unassigned_flops:
        share = format_percent(step.unassigned_flops, step.backward_flops)
        what = f"{share} of backward, caused by no module's forward"
        rows.insert(2, ("  [unassigned]", format_integer(step.unassigned_flops), what))
    return rows


def _bytes(label: str, value: int | None) -> Measure:
    return (label, format_integer(value), format_bytes(value))
