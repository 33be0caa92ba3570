"""bitsandbytes' operators by hand; the library need not be installed."""

from __future__ import annotations

import pytest

from tests.helpers.opcalls import cost_of, meta

# A: 2 x 3 rows of 8 inner, weight of 5 rows
PRODUCTS = {
    "gemm_4bit": ({"A": meta(2, 3, 8), "B": meta(20, 1), "shapeB": [5, 8], "bias": None}, 240, 40),
    "gemv_4bit": ({"A": meta(1, 8), "B": meta(20, 1), "shapeB": [5, 8]}, 40, 40),
    "int8_linear_matmul": ({"A": meta(2, 3, 8), "B": meta(5, 8)}, 240, 0),
    "int8_scaled_mm": (
        {"A": meta(6, 8), "B": meta(5, 8), "row_stats": meta(6), "col_stats": meta(5), "bias": meta(5)},
        240,
        3 * 30,
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_with_packed_weights_has_the_macs_of_the_linear_layer(name):
    arguments, macs, others = PRODUCTS[name]
    cost = cost_of(f"bitsandbytes::{name}", (6, 5), **arguments)
    assert (cost.macs, cost.flops) == (macs, 2 * macs + others)


def test_packing_and_unpacking_cost_by_the_element():
    assert cost_of("bitsandbytes::dequantize_4bit", (5, 8), A=meta(20, 1)).flops == 40
    assert cost_of("bitsandbytes::int8_vectorwise_quant", (6, 8), A=meta(6, 8)).flops == 4 * 48
    assert cost_of("bitsandbytes::int8_mm_dequant", (6, 5), A=meta(6, 5), bias=None).flops == 60
