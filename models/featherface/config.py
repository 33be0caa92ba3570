"""The options of FeatherFace, their ranges and its presets, as data without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from archscope.errors import OptionError, did_you_mean
from archscope.spec import Option, OptionValue

BACKBONE_CHANNELS = (64, 128, 256)
ANCHORS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What an option may be, one of ``values`` (a range of integers, or words), and the components it may change."""

    name: str
    values: range | tuple[str, ...]
    help: str
    components: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The admitted words; none for an integer."""
        return () if isinstance(self.values, range) else self.values

    @property
    def admitted(self) -> str:
        """The admitted values, as an error or a help text says them."""
        if not isinstance(self.values, range):
            return "one of " + ", ".join(self.values)
        multiple = f"a multiple of {self.values.step}" if self.values.step > 1 else "an integer"
        return f"{multiple} from {self.values[0]} to {self.values[-1]}"

    def parse(self, value: OptionValue) -> OptionValue:
        """``value`` as this option holds it: an integer may come as decimal text."""
        if self.words or not isinstance(value, str):
            return value
        try:
            return int(value)
        except ValueError:
            raise OptionError(f"{self.name}={value!r} is no integer", help=f"{self.name} is {self.admitted}") from None

    def require(self, value: OptionValue) -> None:
        """Raise OptionError, naming the option, its range and the nearest word, unless ``value`` is admitted."""
        if type(value) in {int, str} and value in self.values:
            return
        if self.words:
            hint = did_you_mean(str(value), self.words, 1)
            raise OptionError(f"{self.name}={value!r} is unknown", help=f"{hint}{self.name} is {self.admitted}")
        raise OptionError(f"{self.name}={value!r} is not {self.admitted}", help=self.help)


def _option(default: OptionValue, values: range | tuple[str, ...], help: str, *components: str) -> Any:  # noqa: A002 - as in Choice
    """A field of the config with its Choice as metadata."""
    return field(default=default, metadata={"values": values, "help": help, "components": components})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatherFaceConfig:
    """One FeatherFace; the defaults are the published baseline. Raises OptionError when values contradict."""

    bifpn_channels: int = _option(
        64,
        range(8, 257, 8),
        "channels of the feature pyramid; the gates and the SSH modules that read it follow",
        *("BiFPN", "CBAM", "SSH"),
    )
    bifpn_cells: int = _option(3, range(1, 9), "BiFPN cells in sequence", "BiFPN")
    bifpn_projections: str = _option(
        "separate",
        ("separate", "reused"),
        "the bottom-up path of the first cell projects P4 and P5 anew (separate) or reuses the first projections",
        "BiFPN",
    )
    cbam_placement: str = _option(
        "both",
        ("both", "backbone", "bifpn", "none"),
        "where the three levels pass a gate: on the backbone's outputs, on the BiFPN's, on both, or nowhere",
        "CBAM",
    )
    cbam_reduction: int = _option(16, range(1, 65), "channels of a gate per hidden channel", "CBAM")
    cbam_sharing: str = _option(
        "none",
        ("none", "width"),
        "gates of its own for every place (none), or a channel gate for each width and one spatial gate (width)",
        "CBAM",
    )
    ssh_channels: int = _option(
        64, range(16, 257, 8), "output channels of an SSH module; the heads follow", "SSH", "Heads"
    )
    ssh_groups: int = _option(
        1,
        range(1, 65),
        "groups of the SSH kernels, with a channel shuffle between chained ones; divides their channels",
        "SSH",
    )
    ssh_convolution: str = _option(
        "deformable",
        ("deformable", "separable-deformable", "plain"),
        "modulated deformable with dense or depthwise-separable offset convolutions, or plain",
        "SSH",
    )
    ssh_sharing: str = _option(
        "none",
        ("none", "levels"),
        "convolutions of its own for every level (none), or one set for all (levels)",
        "SSH",
    )
    head: str = _option(
        "separate",
        ("separate", "shared"),
        "a head for every level and task (separate), or one SharedMultiHead for all levels (shared)",
        "Heads",
    )
    head_channels: int = _option(
        0, range(257), "width of the shared head's trunk, 0 for no trunk; head=separate has none", "Heads"
    )

    def __post_init__(self) -> None:
        """Every value within its range, then the values against each other."""
        for choice in CHOICES.values():
            choice.require(getattr(self, choice.name))
        if self.cbam_placement in {"both", "bifpn"} and self.bifpn_channels < self.cbam_reduction:
            raise OptionError(
                f"cbam_reduction={self.cbam_reduction} leaves no hidden channel in gates on"
                f" bifpn_channels={self.bifpn_channels}",
                help=f"lower cbam_reduction to at most {self.bifpn_channels}, or widen bifpn_channels",
            )
        for name, channels in (("bifpn_channels", self.bifpn_channels), ("ssh_channels / 4", self.ssh_channels // 4)):
            if channels % self.ssh_groups:
                raise OptionError(
                    f"ssh_groups={self.ssh_groups} does not divide {name} = {channels}",
                    help="choose ssh_groups that divides bifpn_channels and a quarter of ssh_channels",
                )
        if self.head == "separate" and self.head_channels:
            raise OptionError(
                f"head_channels={self.head_channels} is the width of a shared trunk, and head=separate has none",
                help="set head=shared, or head_channels=0",
            )


CHOICES = {option.name: Choice(name=option.name, **option.metadata) for option in fields(FeatherFaceConfig)}

BASELINE = FeatherFaceConfig()
V2 = FeatherFaceConfig(
    bifpn_channels=32,
    bifpn_cells=2,
    bifpn_projections="reused",
    cbam_placement="bifpn",
    cbam_reduction=32,
    cbam_sharing="width",
    ssh_channels=48,
    ssh_groups=4,
    ssh_convolution="plain",
    ssh_sharing="levels",
    head="shared",
    head_channels=32,
)


def configure(preset: FeatherFaceConfig, options: Mapping[str, OptionValue]) -> FeatherFaceConfig:
    """``preset`` with ``options`` in place of its values.

    Raises OptionError for an unknown name, a value out of range, or values that contradict each other.
    """
    changes: dict[str, Any] = {}
    for name, value in options.items():
        choice = CHOICES.get(name)
        if choice is None:
            hint = did_you_mean(name, CHOICES)
            raise OptionError(f"FeatherFace has no option {name!r}", help=f"{hint}the options are {', '.join(CHOICES)}")
        changes[name] = choice.parse(value)
    return replace(preset, **changes)


def describe_options(config: FeatherFaceConfig, preset: FeatherFaceConfig) -> tuple[Option, ...]:
    """Every option with its value in ``config`` and its default in ``preset``, in the config's order."""
    return tuple(
        Option(
            name=name,
            value=getattr(config, name),
            default=getattr(preset, name),
            choices=choice.words,
            help=f"{choice.help} ({choice.admitted})",
            components=choice.components,
        )
        for name, choice in CHOICES.items()
    )
