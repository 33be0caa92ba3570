"""Elementwise formulas: each states its expression, which must give what torch gives and take what the formula says."""

from __future__ import annotations

import math
import operator
import random
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from opcalls import cost, cost_of, made

from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.expression import operations

STATED = re.compile(r"`(?P<expression>.+)`: (?P<each>\d+) per output element\.")
EXPRESSIONS = {rule.op: STATED.fullmatch(rule.derivation) for rule in DEFAULT_FORMULAS}
EXPRESSIONS = {op: match for op, match in EXPRESSIONS.items() if match and "quantized" not in op}


class Number:
    """A number that counts what is done to it."""

    done = 0

    def __init__(self, value):
        self.value = value

    def __bool__(self):
        return bool(self.value)


def _value(thing):
    return thing.value if isinstance(thing, Number) else thing


def counting(function):
    def counted(*args):
        Number.done += 1
        return Number(function(*map(_value, args)))

    return counted


for name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "pow",
    "lshift",
    "rshift",
    "and",
    "or",
    "xor",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
    "neg",
    "invert",
]:
    function = getattr(operator, f"{name}_" if name in {"and", "or"} else name)
    setattr(Number, f"__{name}__", counting(function))
    setattr(Number, f"__r{name}__", counting(lambda a, b, function=function: function(b, a)))


def _bits(function):
    return lambda *args: function(*(bool(a) for a in args))


OF_MATH = (
    *(
        "ceil",
        "floor",
        "trunc",
        "fmod",
        "copysign",
        "sqrt",
        "exp",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "erf",
        "erfc",
    ),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    *("gcd", "lcm", "lgamma"),
)
FUNCTIONS = {
    "max": max,
    "min": min,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "remainder": lambda x, y: x - y * math.floor(x / y),
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "exp2": lambda x: 2.0**x,
    "logical_and": _bits(lambda x, y: x and y),
    "logical_or": _bits(lambda x, y: x or y),
    "logical_xor": _bits(lambda x, y: x != y),
    "logical_not": _bits(lambda x: not x),
    "round": round,
    **{
        name: getattr(math, name)
        for name in ["ceil", "floor", "trunc", "fmod", "copysign", "sqrt", "exp", "expm1", "log", "log2", "log10"]
    },
    **{
        name: getattr(math, name)
        for name in ["log1p", "erf", "erfc", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh"]
    },
    **{name: getattr(math, name) for name in OF_MATH},
    "complex": complex,
}
OF_TORCH_ALONE = re.compile(r"(conj|special_|digamma|i0|angle|igamma|erfinv|polygamma)")
CONSTANTS = {
    "q": 3,
    "scale": 0.5,
    "zero_point": 1,
    "low": -1.0,
    "high": 1.0,
    "highest": 127,
    "bias": 0.25,
    "pi": math.pi,
    "inf": math.inf,
    "lowest": -math.inf,
    "largest": 3e38,
    "negative_slope": 0.1,
    "weight": 0.25,
    "threshold": 0.75,
    "value": -2.0,
    "alpha": 1.5,
    "lambd": 0.5,
    "beta": 2.0,
    "nan": 0.0,
    "posinf": 3.4028234663852886e38,
    "neginf": -3.4028234663852886e38,
    "n": 2,
}


def evaluated(expression, x, y):
    """The value of ``expression`` and the operations it took."""
    names = {name: counting(function) for name, function in FUNCTIONS.items()}
    names |= {name: counting(lambda *_: 0.0) for name in re.findall(r"(\w+)\(", expression) if name not in names}
    names |= {name: Number(value) for name, value in CONSTANTS.items()}
    names |= {"where": lambda condition, a, b: a if condition else b, "x": Number(x), "y": Number(y)}
    names |= {"a": Number(x), "b": Number(y), "constant": Number(1.0), "__builtins__": {}}
    Number.done = 0
    return _value(eval(expression, names)), Number.done  # noqa: S307 - our own expressions


INTEGERS = {"x & y", "x | y", "x ^ y", "~x", "x << y", "x >> y", "gcd(x, y)", "lcm(x, y)"}
OF_POSITIVE_NUMBERS = (
    *("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "pow", "float_power"),
    *("xlogy", "special_entr", "special_xlog1py"),
)
POSITIVE = (0.1, 3.0)
DOMAINS = {
    **dict.fromkeys(OF_POSITIVE_NUMBERS, POSITIVE),
    **dict.fromkeys(["asin", "acos", "atanh"], (-0.9, 0.9)),
    "acosh": (1.1, 3.0),
}


@pytest.mark.parametrize("op", EXPRESSIONS)
def test_an_expression_takes_as_many_operations_as_its_formula_says(op):
    expression, each = EXPRESSIONS[op]["expression"], int(EXPRESSIONS[op]["each"])
    x, y = (6, 2) if expression in INTEGERS else (sum(DOMAINS.get(op[6:], (0.2, 0.8))) / 2, 0.25)
    assert evaluated(expression, x, y)[1] == each  # where() has both branches evaluated, as a device does
    assert DEFAULT_FORMULAS.find(op).formula(made(op, (3, 5))).flops == 15 * each
    assert DEFAULT_FORMULAS.find(op).formula(made(op, (3, 5))).macs == 0
    assert operations(expression) == each


# Functions of torch's own library, a factor that each has of its own, or two halves of one argument.
NOT_BY_VALUE = {"deg2rad", "rad2deg", "glu", "nextafter"}


PREFERRED = ("Tensor", "Tensor_Tensor", "default")


def _by_torch(packet, x, y):
    """The operator called with tensors x and y, and with our constants for what else it asks for."""
    schema = next(
        getattr(packet, name)._schema for name in (*PREFERRED, *packet.overloads()) if name in packet.overloads()
    )
    overload = getattr(packet, schema.overload_name or "default")
    tensors = iter((x, y))
    args = []
    for argument in schema.arguments:
        if argument.kwarg_only:
            break
        if str(argument.type) == "Tensor" and argument.name != "weight":
            args.append(next(tensors))
        elif argument.name in CONSTANTS:
            tensor = str(argument.type) == "Tensor"
            args.append(torch.full_like(x, CONSTANTS[argument.name]) if tensor else CONSTANTS[argument.name])
        elif argument.name in {"min", "max", "other", "exponent", "values"}:
            args.append(float(y))
        else:
            break
    return overload(*args)


BY_VALUE = [
    op
    for op, match in EXPRESSIONS.items()
    if op.startswith("aten::")
    and op[6:] not in NOT_BY_VALUE
    and not OF_TORCH_ALONE.match(match["expression"])
    and hasattr(torch.ops.aten, op[6:])
    and not op[6:].startswith("__")
]


@pytest.mark.parametrize("op", BY_VALUE)
def test_an_expression_gives_what_torch_gives(op):
    name, expression = op[6:], EXPRESSIONS[op]["expression"]
    draw = random.Random(op)  # noqa: S311 - numbers for a test
    low, high = DOMAINS.get(name, (-3.0, 3.0))
    for _ in range(6):
        if expression in INTEGERS:
            x, y = draw.randint(1, 60), draw.randint(1, 5)
            tensors = torch.tensor(x), torch.tensor(y)
        else:
            x, y = draw.uniform(low, high), draw.choice([-1, 1]) * draw.uniform(0.2, 2.0)
            if name in {"xlogy", "special_xlog1py", "hypot", "floor_divide"}:
                y = abs(y)
            tensors = torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
        given_by_torch = _by_torch(getattr(torch.ops.aten, name), *tensors)
        if isinstance(given_by_torch, tuple):
            given_by_torch = given_by_torch[0]
        ours = evaluated(expression, x, y)[0]
        assert given_by_torch.item() == pytest.approx(ours, rel=1e-6, abs=1e-9), (x, y)


def test_the_conventions_of_the_design():
    by_hand = {"relu": 1, "leaky_relu": 2, "silu": 2, "exp": 1, "mul": 1, "eq": 1, "pow": 1, "sigmoid": 1}
    assert {name: cost_of(f"aten::{name}", (7,)).flops for name in by_hand} == {n: 7 * k for n, k in by_hand.items()}
    assert cost_of("aten::gelu", (7,), approximate="none").flops == 4 * 7
    assert cost_of("aten::gelu", (7,), approximate="tanh").flops == 8 * 7
    assert cost_of("aten::_softmax", (7,)).flops == cost_of("aten::_log_softmax", (7,)).flops == 5 * 7


def test_a_scale_a_rounding_and_each_bound_add_one():
    x, y = torch.rand(3, 4), torch.rand(4)
    assert cost(torch.add, x, y).flops == 12
    assert cost(torch.add, x, y, alpha=2).flops == 24
    assert cost(torch.sub, x, y, alpha=3).flops == 24
    assert cost(torch.div, x, y).flops == 12
    assert cost(torch.div, x, y, rounding_mode="floor").flops == 24
    assert cost(torch.addcmul, x, x, x).flops == 24
    assert cost(torch.addcdiv, x, x, x, value=3).flops == 36
    assert cost(torch.clamp, x, min=0).flops == 12
    assert cost(torch.clamp, x, max=1.0).flops == 12
    assert cost(torch.clamp, x, min=y, max=y).flops == 24
    assert cost(torch.nn.functional.hardtanh, x).flops == 24
    assert cost(torch.nn.functional.relu6, x).flops == 24
    assert cost(torch.logit, x).flops == 36
    assert cost(torch.logit, x, eps=0.1).flops == 60
    assert cost(torch.where, torch.ones(4, dtype=torch.bool), x, y).flops == 12
    assert cost(x.masked_fill, torch.ones(4, dtype=torch.bool), 0.0).flops == 12
    assert cost(torch.linalg.cross, x[:, :3], x[:, :3]).flops == 27
    assert cost(torch.frexp, x).flops == 12
    assert cost(torch.mvlgamma, x + 2, 3).flops == 9 * 12


def test_elu_counts_the_scales_that_it_has():
    x = torch.rand(3, 4)
    assert cost(torch.nn.functional.elu, x).flops == 3 * 12
    assert cost(torch.nn.functional.selu, x).flops == 4 * 12
    assert cost_of("aten::elu", (12,), scale=1, input_scale=2).flops == 4 * 12
    assert cost_of("aten::elu", (12,), scale=2, input_scale=2).flops == 5 * 12
    assert cost_of("aten::rrelu_with_noise", (12,), training=False).flops == 2 * 12
    assert cost_of("aten::rrelu_with_noise", (12,), training=True).flops == 3 * 12


def test_an_in_place_operator_costs_what_its_plain_form_costs():
    x = torch.rand(3, 4)
    assert cost(x.add_, x, alpha=2).flops == cost(torch.add, x, x, alpha=2).flops
    assert cost(x.relu_) == cost(torch.relu, x)


@given(st.lists(st.integers(1, 5), max_size=4), st.lists(st.sampled_from([1, 0]), min_size=4, max_size=4))
def test_broadcasting_counts_the_elements_of_the_output(shape, kept):
    small = [size if keep else 1 for size, keep in zip(shape, kept, strict=False)]
    assert cost(torch.mul, torch.rand(shape), torch.rand(small)).flops == math.prod(shape)
