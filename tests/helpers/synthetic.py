"""Reports made up for the page: any number of modules, any figures, any names. Nothing is measured."""

from __future__ import annotations

from archscope.metrics import Figures, Rows, carried_by
from archscope.records import InputRecord, ParameterRecord
from archscope.report import (
    UNASSIGNED,
    ComponentRow,
    Flow,
    ModelInfo,
    ModuleRow,
    OperatorRow,
    Provenance,
    Report,
    Totals,
    UncountedRow,
)

RUN = ("macs", "flops", "activations", "conv_activations", "bytes_read", "bytes_written")
SHAPE = (1, 64, 80, 80)
BLOCKS = {"": ("Net", 5, 0), "stem": ("Conv2d", 10, 100), "layers": ("Sequential", 0, 0)} | {
    path: what
    for k in range(12)
    for path, what in (
        (f"layers.{k}", ("Block", 1, 0)),
        (f"layers.{k}.conv", ("Conv2d", 30, 300)),
        (f"layers.{k}.act", ("ReLU", 0, 0)),
    )
}


def report_of(tree, *, name="toy", components=None, ran=True, uncounted=(), flows=()):
    """A report of ``tree``: {path: (type, own parameters, own macs)} with parents before children, the root ``""``.

    flops are 2 x macs + 7, activations macs + 3, bytes 4 x parameters; ``components`` are {name: first part of paths}.
    """
    claims = components or {}
    own = {
        path: {
            "parameters": parameters,
            "trainable": parameters,
            "parameter_bytes": 4 * parameters,
            "macs": macs,
            "flops": 2 * macs + 7,
            "activations": macs + 3,
            "conv_activations": macs,
            "bytes_read": 4 * macs,
            "bytes_written": 2 * macs,
        }
        for path, (_, parameters, macs) in tree.items()
    }
    total = {path: dict(figures) for path, figures in own.items()}
    for path in reversed([*tree]):
        if path:
            above = total[path.rpartition(".")[0]]
            for figure, value in total[path].items():
                above[figure] += value
    owner = {path: next((c for c, part in claims.items() if path.startswith(part)), UNASSIGNED) for path in tree}
    return Report(
        schema_version=1,
        model=ModelInfo(
            name=name, source="made:up", description="made up", options=(), mode="eval", device="meta", fallback=""
        ),
        inputs=(InputRecord(name="", shape=(1, 3, 640, 640), dtype="float32"),) if ran else (),
        totals=_totals(total[""], ran=ran, complete=not uncounted),
        components=tuple(
            _component(part, [path for path in tree if owner[path] == part], own, ran=ran)
            for part in (*claims, UNASSIGNED)
        ),
        modules=tuple(_module(path, tree[path][0], owner[path], own[path], total[path], ran=ran) for path in tree),
        operators=(
            OperatorRow(
                op="aten::convolution",
                kind="counted",
                calls=len(tree),
                figures=Figures(macs=total[""]["macs"], flops=total[""]["flops"]),
            ),
            OperatorRow(op="aten::view", kind="free", calls=2, figures=Figures(macs=0, flops=0)),
            *(
                OperatorRow(op=row[0], kind="uncounted", calls=row[1], figures=Figures(macs=0, flops=0))
                for row in uncounted
            ),
        )
        if ran
        else (),
        parameters=tuple(
            ParameterRecord(
                path=f"{path}.weight" if path else "weight",
                aliases=(),
                shape=(figures["parameters"],),
                dtype="float32",
                trainable=True,
                nbytes=figures["parameter_bytes"],
            )
            for path, figures in own.items()
            if figures["parameters"]
        ),
        uncounted=tuple(UncountedRow(op=op, calls=calls, modules=modules) for op, calls, modules in uncounted),
        uncalled=(),
        flows=tuple(
            Flow(source=source, target=target, shape=shape, dtype="float32") for source, target, shape in flows
        ),
        calls=None,
        provenance=Provenance(counting_rules=1, components="source"),
    )


def _figures(figures, *, ran, **more):
    return Figures({name: value if ran or name not in RUN else None for name, value in figures.items()} | more)


def _totals(total, *, ran, complete):
    unasked = dict.fromkeys(carried_by(Rows.TOTALS))
    figures = _figures(total, ran=ran, buffers=9, buffer_bytes=36, peak_activation_bytes=1234567 if ran else None)
    return Totals(figures=Figures(unasked | dict(figures)), complete=complete)


def _component(name, paths, own, *, ran):
    sums = {figure: sum(own[path][figure] for path in paths) for figure in next(iter(own.values()))}
    return ComponentRow(
        name=name,
        role="",
        description="",
        patterns=(f"{name}.**",),
        modules=tuple(paths[:1]),
        figures=_figures(sums, ran=ran),
    )


def _module(path, kind, owner, own, total, *, ran):
    return ModuleRow(
        path=path,
        type=kind,
        depth=path.count(".") + 1 if path else 0,
        component=owner,
        aliases=(),
        calls=1 if ran else None,
        input_shapes=(SHAPE,) if ran else (),
        output_shapes=(SHAPE,) if ran else (),
        figures=_figures(total, ran=ran, backward_macs=None, backward_flops=None),
        own=_figures(own, ran=ran),
    )


def transformer(modules, *, width=768):
    """A network of about ``modules`` modules: blocks of ten, equal but for their place; every tenth is wider."""
    tree = {"": ("Transformer", width, 0), "stem": ("Embedding", 50257 * width, 0), "blocks": ("ModuleList", 0, 0)}
    block = 0
    while len(tree) < modules - 1:
        here, size = f"blocks.{block}", width * (2 if block % 10 == 9 else 1)
        tree |= {
            here: ("Block", 0, 0),
            f"{here}.norm1": ("LayerNorm", 2 * size, 0),
            f"{here}.attention": ("Attention", 0, 1024 * 1024 * size),
            f"{here}.attention.qkv": ("Linear", 3 * size * size, 1024 * 3 * size * size),
            f"{here}.attention.out": ("Linear", size * size, 1024 * size * size),
            f"{here}.norm2": ("LayerNorm", 2 * size, 0),
            f"{here}.mlp": ("MLP", 0, 0),
            f"{here}.mlp.up": ("Linear", 4 * size * size, 1024 * 4 * size * size),
            f"{here}.mlp.act": ("GELU", 0, 0),
            f"{here}.mlp.down": ("Linear", 4 * size * size, 1024 * 4 * size * size),
        }
        block += 1
    tree["head"] = ("Linear", 50257 * width, 1024 * 50257 * width)
    return report_of(
        tree, name=f"transformer-{modules}", components={"Stem": "stem", "Blocks": "blocks", "Head": "head"}
    )
