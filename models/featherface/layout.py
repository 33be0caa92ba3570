"""Which submodules a config has, level by level, and which component each belongs to: no torch here."""

from __future__ import annotations

from archscope.models.featherface.config import BACKBONE_CHANNELS, FeatherFaceConfig
from archscope.spec import Component


def backbone_gates(config: FeatherFaceConfig) -> tuple[str, ...]:
    """Names of the gates on the backbone's outputs, P3 first; empty without any."""
    if config.cbam_placement not in {"both", "backbone"}:
        return ()
    return tuple(f"bacbkbone_{level}_cbam" for level in range(3))


def bifpn_gates(config: FeatherFaceConfig) -> tuple[str, ...]:
    """Names of the gates on the BiFPN's outputs, P3 first; shared ones repeat, with a backbone gate's if as wide."""
    if config.cbam_placement not in {"both", "bifpn"}:
        return ()
    if config.cbam_sharing == "none":
        return tuple(f"bif_cbam_{level}" for level in range(3))
    if config.cbam_placement == "both" and config.bifpn_channels in BACKBONE_CHANNELS:
        return (f"bacbkbone_{BACKBONE_CHANNELS.index(config.bifpn_channels)}_cbam",) * 3
    return ("bif_cbam",) * 3


def ssh_modules(config: FeatherFaceConfig) -> tuple[str, ...]:
    """Names of the SSH modules, P3 first; a shared one repeats."""
    return ("ssh",) * 3 if config.ssh_sharing == "levels" else ("ssh1", "ssh2", "ssh3")


def shuffle_blocks(config: FeatherFaceConfig) -> tuple[str, ...]:
    """Names of the shuffle blocks after the SSH modules, P3 first."""
    return tuple(f"{name}_cs" for name in ssh_modules(config))


def components(config: FeatherFaceConfig) -> tuple[Component, ...]:
    """The named parts: every module but the root belongs to one."""
    gates = backbone_gates(config) + bifpn_gates(config)
    patterns = {"bacbkbone": "bacbkbone_*_cbam.**", "bif_cbam": "bif_cbam*.**"}
    cbam = tuple(pattern for start, pattern in patterns.items() if any(gate.startswith(start) for gate in gates))
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
