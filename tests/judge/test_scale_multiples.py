"""A figure that is another one at multiples gets a formula only where enough multiples were run."""

from __future__ import annotations

from sized_models import Bits
from torch import nn

import archscope


class Padded(nn.Module):
    """Pads to a multiple of 7 where the length is none, and adds a layer of its own there: as windows do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        short = -x.shape[1] % 7
        if short:
            x = nn.functional.pad(x, (0, 0, 0, short))
        return self.layer(x)


def test_ends_that_are_powers_of_two_do_not_pass_for_a_multiple_of_32():
    law = archscope.scale(Bits(), (1, 32, 4), over={"sequence": range(32, 1025)})
    # Two outputs of 16 bytes a position are alive at once as soon as the layer runs twice.
    for size in (64, 96, 128, 160, 512, 992):
        seen = law.values("peak_activation_bytes", sequence=[size])[0]
        assert seen in {None, 16 * size * min(size.bit_count(), 2)}


def test_what_is_padded_to_a_multiple_has_its_formula():
    law = archscope.scale(Padded(), (1, 14, 4), over={"sequence": range(14, 141)})
    for size in range(14, 141):
        padded = -(-size // 7) * 7
        assert law.at(sequence=size).macs == 16 * padded
        found = law.at(sequence=size).totals.figures["activations"]
        assert found == 4 * padded * (1 if size % 7 == 0 else 2)  # the padded copy, and the output
