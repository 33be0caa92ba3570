"""What ``--over`` names: axes of inputs by their usual names or by their places, and options of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archscope.config import nearest
from archscope.errors import UsageError
from archscope.measure.at_sizes import parse_place
from archscope.records import InputRecord
from archscope.results.scaling import Dimension
from archscope.spec import Option

USUAL = ("batch", "height", "width", "size", "sequence")
_NOT_STATED: Mapping[str, tuple[str, ...]] = {}
_HELP = "say which axes it is: --dim sequence=input_ids[1],attention_mask[1]"


def dimension(  # noqa: PLR0913 - all that decides what a name means
    name: str,
    values: Iterable[int],
    records: Sequence[InputRecord],
    *,
    given: Mapping[str, Sequence[str]],
    options: Sequence[Option],
    open_options: bool,
    sequence_first: bool,
    axes: Mapping[str, tuple[str, ...]] = _NOT_STATED,
) -> Dimension:
    """The dimension ``name`` with its ``values``: as ``given``, a place, an option, or an axis by its usual name.

    With ``open_options`` the model may take options that it does not list. ``axes`` are the names that its source gives
    those of an input, which win over custom. Raises UsageError for a name that means nothing and for values that are
    no sizes.
    """
    wrong = next((size for size in values if type(size) is not int or size < 1), None)
    if wrong is not None or not values:
        what = f"{name} has no sizes" if wrong is None else f"{wrong!r} is no size of {name}"
        raise UsageError(what, help="give integers from 1 on: range(320, 1281, 32)")
    sizes = tuple(sorted(dict.fromkeys(values)))
    places = _given_places(name, records, given, options, open_options=open_options) or (
        _named_places(name, records, axes, sequence_first=sequence_first)
    )
    if not places:
        places = _option(name, records, axes, options, open_options=open_options)
    return Dimension(name=name, values=sizes, places=places)


def _given_places(
    name: str,
    records: Sequence[InputRecord],
    given: Mapping[str, Sequence[str]],
    options: Sequence[Option],
    *,
    open_options: bool,
) -> tuple[str, ...]:
    """The places that ``name`` was said to be, the place that it writes, or the option that it is listed as."""
    if name in given:
        for place in given[name]:
            _require(place, records, options, open_options=open_options)
        return tuple(given[name])
    if parse_place(name):
        _require(name, records, options, open_options=False)
        return (name,)
    if any(option.name == name for option in options):
        return (name,)
    return ()


def _named_places(
    name: str, records: Sequence[InputRecord], axes: Mapping[str, tuple[str, ...]], *, sequence_first: bool
) -> tuple[str, ...]:
    """The axes called ``name``: where the source says what axes are called, by that, else by custom."""
    wanted = {"height", "width"} if name == "size" else {name}
    stated = [
        f"{record.name}[{axis}]"
        for record in records
        for axis, called in enumerate(axes.get(record.name, ()))
        if called in wanted
    ]
    silent = [record for record in records if record.name not in axes]
    return (*stated, *usual_places(name, silent, sequence_first=sequence_first))


def _option(
    name: str,
    records: Sequence[InputRecord],
    axes: Mapping[str, tuple[str, ...]],
    options: Sequence[Option],
    *,
    open_options: bool,
) -> tuple[str, ...]:
    """``name`` as an option that the model may take; raises UsageError where it cannot be one."""
    if name in USUAL:
        named = dict.fromkeys(called for record in records for called in axes.get(record.name, ()) if called)
        told = f"the source of the model calls them {', '.join(named)}; " if named else ""
        raise UsageError(
            f"no input has an axis that is known to be its {name}", help=told + _HELP.replace("sequence", name)
        )
    if open_options:
        return (name,)
    known = [*USUAL, *(option.name for option in options)]
    raise UsageError(f"{name!r} is neither an axis of an input nor an option of the model", help=nearest(name, known))


def _require(place: str, records: Sequence[InputRecord], options: Sequence[Option], *, open_options: bool) -> None:
    found = parse_place(place)
    if found is None:
        if open_options or any(option.name == place for option in options):
            return
        raise UsageError(f"{place!r} is neither a place in an input nor an option", help="write x[0], ids[1]")
    name, axis = found
    shapes = {record.name: record.shape for record in records}
    if name not in shapes:
        raise UsageError(f"there is no input {name!r}", help=nearest(name, shapes) or "the model has no inputs")
    rank = len(shapes[name])
    if not -rank <= axis < rank:
        raise UsageError(f"{name} has {rank} axes: there is no {place}", help=f"the last one is {name}[{rank - 1}]")


def usual_places(name: str, records: Sequence[InputRecord], *, sequence_first: bool) -> tuple[str, ...]:
    """The axes that are called ``name`` by custom.

    Images end in height and width, tokens are batch by sequence, and features of a sequence batch by sequence by width
    (the other way round where the model itself is one of torch's that take the sequence first).
    """
    images = [record for record in records if len(record.shape) in {4, 5}]
    tokens = [record for record in records if len(record.shape) in {2, 3}]
    flat = {3: 0} if sequence_first else {}
    match name:
        case "batch":
            return tuple(f"{one.name}[{1 if len(one.shape) in flat else 0}]" for one in (*images, *tokens))
        case "height":
            return tuple(f"{one.name}[{len(one.shape) - 2}]" for one in images)
        case "width":
            return tuple(f"{one.name}[{len(one.shape) - 1}]" for one in images)
        case "size":
            return tuple(f"{one.name}[{axis}]" for one in images for axis in (len(one.shape) - 2, len(one.shape) - 1))
        case "sequence" if tokens:
            axis = {record.name: flat.get(len(record.shape), 1) for record in tokens}
            length = tokens[0].shape[axis[tokens[0].name]]
            return tuple(f"{one.name}[{axis[one.name]}]" for one in tokens if one.shape[axis[one.name]] == length)
    return ()
