"""Reports made by hand: rows from own figures, totals and components summed here, not by archscope."""

from archscope.records import InputRecord
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
            parameters=under(path, 1),
            own_parameters=own_parameters,
            trainable=under(path, 1),
            parameter_bytes=4 * under(path, 1),
            macs=ran(under(path, 2)),
            own_macs=ran(own_macs),
            flops=ran(under(path, 3)),
            own_flops=ran(own_flops),
            activations=ran(0),
            own_activations=ran(0),
            conv_activations=ran(0),
            bytes_read=ran(0),
            bytes_written=ran(0),
        )
        for path, (component, own_parameters, own_macs, own_flops) in modules.items()
    )
    components = tuple(
        ComponentRow(
            name=component,
            role="",
            description="",
            patterns=(),
            modules=tuple(path for path, figures in modules.items() if figures[0] == component),
            parameters=of(component, 1),
            trainable=of(component, 1),
            parameter_bytes=4 * of(component, 1),
            macs=ran(of(component, 2)),
            flops=ran(of(component, 3)),
            activations=ran(0),
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
            parameters=under("", 1),
            trainable=under("", 1),
            buffers=0,
            parameter_bytes=4 * under("", 1),
            buffer_bytes=0,
            macs=ran(under("", 2)),
            flops=ran(under("", 3)),
            activations=ran(0),
            conv_activations=ran(0),
            peak_activation_bytes=ran(0),
            bytes_read=ran(0),
            bytes_written=ran(0),
            complete=True,
        ),
        components=components,
        modules=rows,
        operators=(
            (OperatorRow(op="aten::convolution", kind="counted", calls=1, macs=under("", 2), flops=under("", 3)),)
            if run
            else ()
        ),
        parameters=(),
        uncounted=(),
        uncalled=(),
        flows=(),
        calls=None,
        provenance=Provenance(counting_rules=rules, components=""),
    )
