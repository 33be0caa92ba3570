"""Values known before any run: operators that work out shapes, conditions and counts from small constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archscope.records import Shape
from archscope.sources.tflite_file.shapes_moved import strides_of
from archscope.sources.tflite_file.values import SMALL, Value

Arrays = Sequence[Any]
#: Of two numbers, as numpy calls it.
_BINARY = {
    "ADD": "add",
    "SUB": "subtract",
    "MUL": "multiply",
    "FLOOR_DIV": "floor_divide",
    "FLOOR_MOD": "remainder",
    "MAXIMUM": "maximum",
    "MINIMUM": "minimum",
    "POW": "power",
    "EQUAL": "equal",
    "NOT_EQUAL": "not_equal",
    "LESS": "less",
    "LESS_EQUAL": "less_equal",
    "GREATER": "greater",
    "GREATER_EQUAL": "greater_equal",
    "LOGICAL_AND": "logical_and",
    "LOGICAL_OR": "logical_or",
}
_UNARY = {"NEG": "negative", "ABS": "abs", "LOGICAL_NOT": "logical_not", "SQUARE": "square", "CEIL": "ceil"}
_UNARY |= {"FLOOR": "floor", "SQRT": "sqrt", "SIGN": "sign", "ROUND": "rint"}
_REDUCED = {"REDUCE_PROD": "prod", "SUM": "sum", "REDUCE_MAX": "max", "REDUCE_MIN": "min"}
_REDUCED |= {"REDUCE_ANY": "any", "REDUCE_ALL": "all"}


def folded(
    op: str, options: Mapping[str, Any], inputs: Sequence[Value | None], shapes: Sequence[Shape | None]
) -> Sequence[Any]:
    """The outputs of ``op`` as arrays, as far as they are known; ``shapes`` are theirs. Nothing large is worked out."""
    if op in {"SHAPE", "RANK"}:
        return _of_sizes(op, inputs)
    rule = _RULES.get(op)
    values = [value.numbers for value in inputs if value is not None]
    small = all(shape is not None and _count(shape) <= SMALL for shape in shapes)
    if rule is None or not small or not values or len(values) < len(inputs) or any(v is None for v in values):
        return ()
    if options.get("fused_activation_function", "NONE") != "NONE":
        return ()
    import numpy as np

    with np.errstate(all="ignore"):
        try:
            return rule(options, inputs, values, shapes)
        except (ValueError, IndexError, TypeError, OverflowError, ArithmeticError):
            return ()


def _count(shape: Shape) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _of_sizes(op: str, inputs: Sequence[Value | None]) -> Sequence[Any]:
    import numpy as np

    shape = inputs[0].shape if inputs and inputs[0] is not None else None
    if shape is None:
        return ()
    return (np.array(shape if op == "SHAPE" else len(shape), np.int64),)


Rule = Callable[[Mapping[str, Any], Sequence[Value | None], Arrays, Sequence[Shape | None]], Sequence[Any]]


def _numpy(name: str) -> Rule:
    def rule(_options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
        import numpy as np

        return (np.asarray(getattr(np, name)(*values)),)

    return rule


def _divided(_options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    """Integers are divided towards zero, as C does."""
    import numpy as np

    left, right = values
    if left.dtype.kind == "f":
        return (left / right,)
    return (np.trunc(left / right).astype(left.dtype),)


def _reduced(name: str) -> Rule:
    def rule(options: Mapping[str, Any], _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
        import numpy as np

        axes = tuple({int(axis) for axis in values[1].reshape(-1)})
        return (np.asarray(getattr(np, name)(values[0], axis=axes, keepdims=bool(options.get("keep_dims")))),)

    return rule


def _viewed(_options: Any, _inputs: Any, values: Arrays, shapes: Sequence[Shape | None]) -> Sequence[Any]:
    import numpy as np

    return (np.asarray(values[0]).reshape(shapes[0]),)


def _filled(_options: Any, _inputs: Any, values: Arrays, shapes: Sequence[Shape | None]) -> Sequence[Any]:
    import numpy as np

    return (np.full(shapes[0] or (), values[1].reshape(-1)[0]),)


def _strided(options: Any, inputs: Sequence[Value | None], values: Arrays, _shapes: Any) -> Sequence[Any]:
    import numpy as np

    return (np.asarray(values[0][tuple(strides_of(options, inputs, values[0].ndim))]),)


def _sliced(_options: Any, _inputs: Any, values: Arrays, shapes: Sequence[Shape | None]) -> Sequence[Any]:
    begins = [int(begin) for begin in values[1].reshape(-1)]
    return (values[0][tuple(slice(b, b + n) for b, n in zip(begins, shapes[0] or (), strict=True))],)


def _joined(options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    import numpy as np

    return (np.concatenate(values, axis=options.get("axis", 0)),)


def _packed(options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    import numpy as np

    return (np.stack(values, axis=options.get("axis", 0)),)


def _unpacked(options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    import numpy as np

    axis = options.get("axis", 0)
    return tuple(np.take(values[0], place, axis=axis) for place in range(values[0].shape[axis]))


def _gathered(options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    import numpy as np

    return () if options.get("batch_dims") else (np.take(values[0], values[1], axis=options.get("axis", 0)),)


def _transposed(_options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    return (values[0].transpose([int(axis) for axis in values[1]]),)


def _counted(_options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    import numpy as np

    return (np.arange(*(value.reshape(-1)[0] for value in values)),)


def _chosen(_options: Any, _inputs: Any, values: Arrays, _shapes: Any) -> Sequence[Any]:
    import numpy as np

    return (np.where(*values),)


_RULES: dict[str, Rule] = {
    **{op: _numpy(name) for op, name in (_BINARY | _UNARY).items()},
    **{op: _reduced(name) for op, name in _REDUCED.items()},
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CAST"), _viewed),
    "DIV": _divided,
    "FILL": _filled,
    "STRIDED_SLICE": _strided,
    "SLICE": _sliced,
    "CONCATENATION": _joined,
    "PACK": _packed,
    "UNPACK": _unpacked,
    "GATHER": _gathered,
    "TRANSPOSE": _transposed,
    "RANGE": _counted,
    "SELECT": _chosen,
    "SELECT_V2": _chosen,
}
