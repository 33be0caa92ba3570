"""Reports made by hand: rows from own figures, totals and components summed here, not by archscope."""

from archscope.metrics import Figures, Rows, carried_by
from archscope.records import InputRecord, ParameterRecord
from archscope.report import (
    SCHEMA_VERSION,
    UNASSIGNED,
    ComponentRow,
    ModelInfo,
    ModuleRow,
    OperatorRow,
    Provenance,
    Report,
    Totals,
)

IMAGE = (1, 3, 640, 640)


def made_report(modules, *, name="made", shape=IMAGE, mode="eval", rules=1, run=True, types=None, options=()):
    """``modules``: path -> (component, own parameters, own macs, own flops), the root ("") included."""
    types = types or {}
    known = [c for c in dict.fromkeys(figures[0] for figures in modules.values()) if c != UNASSIGNED]

    def under(path, index):
        prefix = f"{path}." if path else ""
        return sum(f[index] for p, f in modules.items() if p == path or p.startswith(prefix))

    def ran(value):
        return value if run else None

    def of(component, index):
        return sum(f[index] for f in modules.values() if f[0] == component)

    def figures(parameters, macs, flops):
        run = dict.fromkeys(("activations", "conv_activations", "bytes_read", "bytes_written"), ran(0))
        held = {"parameters": parameters, "trainable": parameters, "parameter_bytes": 4 * parameters}
        return Figures(held, macs=ran(macs), flops=ran(flops), **run)

    rows = tuple(
        ModuleRow(
            path=path,
            type=types.get(path, "Module"),
            depth=path.count(".") + 1 if path else 0,
            component=component,
            aliases=(),
            calls=ran(1),
            input_shapes=(),
            output_shapes=(),
            figures=Figures(
                figures(under(path, 1), under(path, 2), under(path, 3)), backward_macs=None, backward_flops=None
            ),
            own=figures(*own),
        )
        for path, (component, *own) in modules.items()
    )
    components = tuple(
        ComponentRow(
            name=component,
            role="",
            description="",
            patterns=(),
            modules=tuple(path for path, row in modules.items() if row[0] == component),
            figures=figures(of(component, 1), of(component, 2), of(component, 3)),
        )
        for component in [*known, UNASSIGNED]
        if component in known or of(component, 1) or of(component, 3)
    )
    return Report(
        schema_version=SCHEMA_VERSION,
        model=ModelInfo(
            name=name,
            source=f"made:{name}",
            description="",
            options=options,
            mode=mode,
            device="meta",
            fallback="",
        ),
        inputs=(InputRecord(name="image", shape=shape, dtype="float32"),) if run else (),
        totals=Totals(
            figures=Figures(
                dict.fromkeys(carried_by(Rows.TOTALS)) | dict(figures(under("", 1), under("", 2), under("", 3))),
                buffers=0,
                buffer_bytes=0,
                peak_activation_bytes=ran(0),
            ),
            complete=True,
        ),
        components=components,
        modules=rows,
        operators=(
            (
                OperatorRow(
                    op="aten::convolution",
                    kind="counted",
                    calls=1,
                    figures=Figures(macs=under("", 2), flops=under("", 3)),
                ),
            )
            if run
            else ()
        ),
        parameters=tuple(
            ParameterRecord(
                path=f"{path}.weight" if path else "weight",
                aliases=(),
                shape=(own_parameters,),
                dtype="float32",
                trainable=True,
                nbytes=4 * own_parameters,
            )
            for path, (_, own_parameters, _, _) in modules.items()
            if own_parameters
        ),
        uncounted=(),
        uncalled=(),
        flows=(),
        calls=None,
        provenance=Provenance(counting_rules=rules, components=""),
    )
