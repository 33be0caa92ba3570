"""A folder with WIDER FACE's pictures and labels, checked before anything is learnt from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from archscope.errors import UsageError
from archscope.faces.images import read_image
from archscope.faces.labels import Fault, LabelledPicture, find_labels, read_labels

_SHOWN = 20
_WORKERS = 8  # Pillow decodes without Python's lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture's file, and its labels."""

    file: Path
    labels: LabelledPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """The pictures of one part that can be used, and all that is wrong with the others."""

    labels: Path
    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...]

    @property
    def faces(self) -> int:
        """How many faces there are to learn."""
        return sum(len(sample.labels.boxes) for sample in self.samples)


def read_data(data: Path, part: str, *, decode: bool = True) -> DataSet:
    """``part`` (train or val) of a data folder: WIDER_{part}/images/EVENT/NAME.jpg and one of the label files.

    Every picture is decoded once to find those that do not, unless ``decode`` is False. Raises UsageError when there
    are no labels.
    """
    file = find_labels(data, part)
    images = next((p for p in (data / f"WIDER_{part}" / "images", data / part / "images") if p.is_dir()), None)
    if images is None:
        raise UsageError(f"there is no folder {data / f'WIDER_{part}' / 'images'}", help="unpack the pictures there")
    labels = read_labels(file)
    samples = [Sample(file=images / picture.path, labels=picture) for picture in labels.pictures]
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = [*pool.map(_fault_of if decode else _missing, samples)]
    return DataSet(
        labels=file,
        samples=tuple(sample for sample, fault in zip(samples, found, strict=True) if fault is None),
        faults=(*labels.faults, *(fault for fault in found if fault is not None)),
    )


def usable(found: DataSet, *, skip: bool) -> Sequence[Sample]:
    """The samples of ``found``; raises UsageError for its faults unless they may be skipped, and when none is left."""
    if found.faults and not skip:
        raise UsageError(
            f"{len(found.faults):,} faults in the data\n" + "\n".join(tell_faults(found.faults)),
            where=str(found.labels),
            help="mend them, or leave these out: --skip-broken",
        )
    if not found.samples:
        raise UsageError("there is no picture to learn from", where=str(found.labels), help="check the data folder")
    return found.samples


def tell_faults(faults: Iterable[Fault], limit: int = _SHOWN) -> list[str]:
    """The first faults, a line each, and how many more there are of which label file."""
    told = [*faults]
    lines = [f"{fault.where}: {fault.what}" for fault in told[:limit]]
    rest = Counter(fault.where.rpartition(":")[0] for fault in told[limit:])
    return lines + [f"{file}: {count:,} more" for file, count in rest.items()]


def _missing(sample: Sample) -> Fault | None:
    if sample.file.is_file():
        return None
    return Fault(what=f"there is no picture {sample.file}", where=sample.labels.where)


def _fault_of(sample: Sample) -> Fault | None:
    missing = _missing(sample)
    if missing is not None:
        return missing
    try:
        height, width = read_image(sample.file).shape[:2]
    except UsageError as error:
        return Fault(what=f"{sample.file}: {error.what}", where=sample.labels.where)
    outside = [
        (left >= width or top >= height or right <= 0 or bottom <= 0)
        for left, top, right, bottom in sample.labels.boxes.tolist()
    ]
    if any(outside):
        return Fault(
            what=f"{sum(outside)} of its faces lie outside the {width} x {height} pixels of {sample.file}",
            where=sample.labels.where,
        )
    return None
