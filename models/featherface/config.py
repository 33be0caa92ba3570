"""The choices of a FeatherFace, as data: no torch here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from archscope.errors import OptionError
from archscope.spec import Option, OptionValue

BACKBONE_CHANNELS = (64, 128, 256)
ANCHORS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatherFaceConfig:
    """One FeatherFace; the defaults are the published baseline. Raises OptionError when values contradict."""

    bifpn_channels: int = 64
    bifpn_cells: int = 3
    bifpn_projections: str = "separate"
    cbam_placement: str = "both"
    cbam_reduction: int = 16
    cbam_sharing: str = "none"
    ssh_channels: int = 64
    ssh_groups: int = 1
    ssh_convolution: str = "deformable"
    ssh_sharing: str = "none"
    head: str = "separate"
    head_channels: int = 0

    def __post_init__(self) -> None:
        """Every value within its range, then the values against each other."""
        for choice in CHOICES:
            choice.require(getattr(self, choice.name))
        if self.cbam_placement in {"both", "bifpn"} and self.bifpn_channels < self.cbam_reduction:
            _contradiction(
                f"cbam_reduction={self.cbam_reduction} leaves no hidden channel in gates on"
                f" bifpn_channels={self.bifpn_channels}",
                f"lower cbam_reduction to at most {self.bifpn_channels}, or widen bifpn_channels",
            )
        for name, channels in (("bifpn_channels", self.bifpn_channels), ("ssh_channels / 4", self.ssh_channels // 4)):
            if channels % self.ssh_groups:
                _contradiction(
                    f"ssh_groups={self.ssh_groups} does not divide {name} = {channels}",
                    "choose ssh_groups that divides bifpn_channels and a quarter of ssh_channels",
                )
        if self.head == "separate" and self.head_channels:
            _contradiction(
                f"head_channels={self.head_channels} is the width of a shared trunk, and head=separate has none",
                "set head=shared, or head_channels=0",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What an option may be: one of ``words``, or an integer from ``low`` to ``high`` in steps of ``step``."""

    name: str
    help: str
    components: tuple[str, ...]
    words: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    step: int = 1

    @property
    def range(self) -> str:
        """The admitted values, in words."""
        if self.words:
            return "one of " + ", ".join(self.words)
        multiple = f"a multiple of {self.step}" if self.step > 1 else "an integer"
        return f"{multiple} from {self.low} to {self.high}"

    def parse(self, value: OptionValue) -> OptionValue:
        """``value`` as this option holds it: an integer may come as decimal text."""
        if self.words or not isinstance(value, str):
            return value
        try:
            return int(value)
        except ValueError:
            raise OptionError(f"{self.name}={value!r} is no integer", help=f"{self.name} is {self.range}") from None

    def require(self, value: OptionValue) -> None:
        """Raise OptionError, naming the option, its range and the nearest word, unless ``value`` is admitted."""
        if self.words:
            if value in self.words:
                return
            near = difflib.get_close_matches(str(value), self.words, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise OptionError(f"{self.name}={value!r} is unknown", help=f"{hint}{self.name} is {self.range}")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not self.low <= value <= self.high or value % self.step:  # type: ignore[operator]
            raise OptionError(f"{self.name}={value!r} is not {self.range}", help=self.help)


CHOICES = (
    Choice(
        name="bifpn_channels",
        help="channels of the feature pyramid; the gates and the SSH modules that read it follow",
        components=("BiFPN", "CBAM", "SSH"),
        low=8,
        high=256,
        step=8,
    ),
    Choice(name="bifpn_cells", help="BiFPN cells in sequence", components=("BiFPN",), low=1, high=8),
    Choice(
        name="bifpn_projections",
        help="the bottom-up path of the first cell projects P4 and P5 anew (separate) or reuses the first projections",
        components=("BiFPN",),
        words=("separate", "reused"),
    ),
    Choice(
        name="cbam_placement",
        help="where the three levels pass a gate: on the backbone's outputs, on the BiFPN's, on both, or nowhere",
        components=("CBAM",),
        words=("both", "backbone", "bifpn", "none"),
    ),
    Choice(
        name="cbam_reduction",
        help="channels of a gate per hidden channel",
        components=("CBAM",),
        low=1,
        high=64,
    ),
    Choice(
        name="cbam_sharing",
        help="gates of its own for every place (none), or a channel gate for each width and one spatial gate (width)",
        components=("CBAM",),
        words=("none", "width"),
    ),
    Choice(
        name="ssh_channels",
        help="output channels of an SSH module; the heads follow",
        components=("SSH", "Heads"),
        low=16,
        high=256,
        step=8,
    ),
    Choice(
        name="ssh_groups",
        help="groups of the SSH kernels, with a channel shuffle between chained ones; divides their channels",
        components=("SSH",),
        low=1,
        high=64,
    ),
    Choice(
        name="ssh_convolution",
        help="modulated deformable with dense or depthwise-separable offset convolutions, or plain",
        components=("SSH",),
        words=("deformable", "separable-deformable", "plain"),
    ),
    Choice(
        name="ssh_sharing",
        help="convolutions of its own for every level (none), or one set for all (levels)",
        components=("SSH",),
        words=("none", "levels"),
    ),
    Choice(
        name="head",
        help="a head for every level and task (separate), or one SharedMultiHead for all levels (shared)",
        components=("Heads",),
        words=("separate", "shared"),
    ),
    Choice(
        name="head_channels",
        help="width of the shared head's trunk, 0 for no trunk; head=separate has none",
        components=("Heads",),
        low=0,
        high=256,
    ),
)
_BY_NAME = {choice.name: choice for choice in CHOICES}

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
        choice = _BY_NAME.get(name)
        if choice is None:
            near = difflib.get_close_matches(name, _BY_NAME, n=3)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise OptionError(
                f"FeatherFace has no option {name!r}", help=f"{hint}the options are {', '.join(_BY_NAME)}"
            )
        changes[name] = choice.parse(value)
    return replace(preset, **changes)


def describe_options(config: FeatherFaceConfig, preset: FeatherFaceConfig) -> tuple[Option, ...]:
    """Every option with its value in ``config`` and its default in ``preset``, in the config's order."""
    return tuple(
        Option(
            name=field.name,
            value=getattr(config, field.name),
            default=getattr(preset, field.name),
            choices=_BY_NAME[field.name].words,
            help=f"{_BY_NAME[field.name].help} ({_BY_NAME[field.name].range})",
            components=_BY_NAME[field.name].components,
        )
        for field in fields(config)
    )


def _contradiction(reason: str, remedy: str) -> None:
    raise OptionError(reason, help=remedy)
