"""Which attention gates a FeatherFace has, and which component each of its modules belongs to; without torch."""

from __future__ import annotations

from archscope.models.featherface.config import FeatherFaceConfig
from archscope.spec import Component


def backbone_gates(config: FeatherFaceConfig) -> tuple[str, ...]:
    """Names of the gates on the backbone's outputs, P3 first; empty without any."""
    if config.cbam_placement not in {"both", "backbone"}:
        return ()
    return tuple(f"bacbkbone_{level}_cbam" for level in range(3))


def bifpn_gates(config: FeatherFaceConfig) -> tuple[str, ...]:
    """Names of the gates on the BiFPN's outputs, P3 first; empty without any."""
    if config.cbam_placement not in {"both", "bifpn"}:
        return ()
    return tuple(f"bif_cbam_{level}" for level in range(3))


def components(config: FeatherFaceConfig) -> tuple[Component, ...]:
    """The named parts: every module but the root belongs to one."""
    cbam = (
        *(["bacbkbone_*_cbam.**"] if backbone_gates(config) else []),
        *(["bif_cbam_*.**"] if bifpn_gates(config) else []),
    )
    heads = ("SharedMultiHead.**",) if config.head == "shared" else ("ClassHead.**", "BboxHead.**", "LandmarkHead.**")
    return (
        Component(
            name="Backbone",
            patterns=("body.**",),
            description="MobileNetV1 x 0.25: features of 64, 128 and 256 channels at 1/8, 1/16 and 1/32",
            role="backbone",
        ),
        Component(
            name="BiFPN",
            patterns=("bifpn.**",),
            description=f"feature pyramid, {config.bifpn_cells} x {config.bifpn_channels} channels",
            role="neck",
        ),
        Component(
            name="SSH",
            patterns=("ssh*.**",),
            description=f"context of 3, 5 and 7 pixels, {config.ssh_convolution} convolutions, then channel shuffle",
            role="neck",
        ),
        *(
            [
                Component(
                    name="CBAM",
                    patterns=cbam,
                    description=f"channel and spatial gates, reduction {config.cbam_reduction}",
                    role="attention",
                )
            ]
            if cbam
            else []
        ),
        Component(name="Heads", patterns=heads, description="class, box and landmarks of every anchor", role="head"),
    )
