"""``scale``: what a model costs as a function of its sizes, as exact formulas from a few runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from archscope.errors import ForwardError, UsageError
from archscope.formulas import DEFAULT_FORMULAS, FormulaTable
from archscope.judge.scaling.dimensions import dimension
from archscope.judge.scaling.interpolation import Point
from archscope.judge.scaling.observation import Observation, observe
from archscope.judge.scaling.questions import Asked
from archscope.judge.scaling.regions import Regions
from archscope.measure.at_sizes import Measurable, Setting, SizedModel, parse_place
from archscope.measure.measuring import report_of
from archscope.measure.running.inputs import InputsLike
from archscope.records import Trace
from archscope.report import Report
from archscope.results.scaling import Dimension, Scaling
from archscope.sources import load
from archscope.spec import Component, Given, ModelSpec, Option


def scale(  # noqa: PLR0913 - what a law is of
    model: Measurable,
    inputs: InputsLike | Given | None = None,
    *,
    over: Mapping[str, Iterable[int]],
    dims: Mapping[str, Sequence[str]] | None = None,
    components: Sequence[Component] | None = None,
    formulas: FormulaTable = DEFAULT_FORMULAS,
    training: str = "",
    ran: Callable[[int], None] | None = None,
) -> Scaling:
    """What ``model`` costs over ranges of sizes: ``over={"size": range(320, 1281, 32), "batch": range(1, 9)}``.

    A name is ``batch``, ``height``, ``width``, ``size`` (height and width alike), ``sequence``, a place in the inputs
    (``x[0]``, ``input_ids[1]``) or an option of the model; ``dims`` say which places others are. The model is run at a
    few sizes; every figure of every operator in every module gets the polynomial that meets all of them, verified at
    sizes that it was not made from, or none. ``training`` names an optimizer and adds the figures of a training step.
    ``ran`` is called with the number of runs so far. Raises UsageError for a name that means nothing, and what
    ``analyze`` raises.
    """
    return Scaler(
        model, inputs, over=over, dims=dims, components=components, formulas=formulas, training=training, ran=ran
    ).law()


class Scaler:
    """A model with the ranges that it is run over: ``scale`` with the runs at hand, for those that ask for more."""

    def __init__(  # noqa: PLR0913 - what a law is of
        self,
        model: Measurable,
        inputs: InputsLike | Given | None = None,
        *,
        over: Mapping[str, Iterable[int]],
        dims: Mapping[str, Sequence[str]] | None = None,
        components: Sequence[Component] | None = None,
        formulas: FormulaTable = DEFAULT_FORMULAS,
        training: str = "",
        rebuild: Callable[[Setting], ModelSpec] | None = None,
        ran: Callable[[int], None] | None = None,
    ) -> None:
        if not over:
            raise UsageError("there is nothing to scale over", help='over={"size": range(320, 1281, 32)}')
        spec = model if isinstance(model, ModelSpec) else None
        self._sized = SizedModel(model, inputs, rebuild or (_rebuilt(spec) if spec else None))
        self._source = spec.source if spec else ""
        self.dimensions = _dimensions(self._sized, over, dims or {})
        self._components, self._formulas, self._training, self._ran = components, formulas, training, ran
        self._regions = Regions([one.name for one in self.dimensions], self._run, self._ask)

    def law(self) -> Scaling:
        """The law of size."""
        found = self._regions.find(tuple(one.values for one in self.dimensions))
        seen = self._regions.seen.values()
        return Scaling(
            model=self._sized.name,
            source=self._source,
            inputs=self._sized.records(),
            dimensions=self.dimensions,
            regions=found,
            runs=len(seen),
            complete=all(run.complete for run in seen),
            value_dependent=any(run.value_dependent for run in seen),
            own_components=bool(self._components or (self._sized.spec and self._sized.spec.components)),
        )

    def measured(self, sizes: Mapping[str, int], metric: str) -> int:
        """A figure of the whole at ``sizes``, from a run there."""
        point = tuple(sizes[one.name] for one in self.dimensions)
        seen = self._regions.seen
        run = seen[point] if point in seen else self._run(point)
        return sum(value for key, value in run.figures.items() if key.metric == metric)

    def report(self, sizes: Mapping[str, int]) -> Report:
        """The report of the model at ``sizes``, with its calls, from a run there."""
        places, options = _placed(self.dimensions, tuple(sizes[one.name] for one in self.dimensions))
        seen = self._sized.run(places, options)
        model = self._sized.spec or seen
        return report_of(seen, model, components=self._components, formulas=self._formulas, keep_calls=True)

    def _ask(self, point: Point) -> tuple[Observation, Asked]:
        """A run at ``point`` with what the model compared its sizes with."""
        places, options = _placed(self.dimensions, point)
        seen, questions = self._sized.asking(places, options)
        return self._run(point, seen), Asked(point, questions)

    def _run(self, point: Point, seen: Trace | None = None) -> Observation:
        places, options = _placed(self.dimensions, point)
        try:
            seen = seen or self._sized.run(places, options)
            trains = bool(self._training) and seen.calls is not None
            step = self._sized.run(places, options, training=True) if trains else None
        except ForwardError as error:
            sizes = ", ".join(f"{one.name} = {size:,}" for one, size in zip(self.dimensions, point, strict=True))
            raise type(error)(f"at {sizes}: {error.what}", where=error.where, help=error.help) from error.__cause__
        if self._ran is not None:
            self._ran(len(self._regions.seen) + 1)
        own = self._sized.spec.components if self._sized.spec is not None else ()
        rules = own if self._components is None else self._components
        return observe(seen, rules, self._formulas, step, self._training)


def _sizes(name: str, values: Iterable[int]) -> tuple[int, ...]:
    try:
        return tuple(values)
    except TypeError:
        raise UsageError(f"{values!r} are no sizes of {name}", help="give several: range(320, 1281, 32)") from None


def _dimensions(
    sized: SizedModel, over: Mapping[str, Iterable[int]], given: Mapping[str, Sequence[str]]
) -> tuple[Dimension, ...]:
    unknown = [name for name in given if name not in over]
    if unknown:
        raise UsageError(f"{unknown[0]} is no dimension", help=f"over has {', '.join(over)}")
    spec = sized.model if isinstance(sized.model, ModelSpec) else None
    found = tuple(
        dimension(
            name,
            values,
            sized.records(),
            given=given,
            options=_options(sized, name, [*values]),
            open_options=bool(spec and spec.source),
            sequence_first=sized.sequence_first(),
            axes=sized.axes(),
        )
        for name, values in ((name, _sizes(name, values)) for name, values in over.items())
    )
    taken = sorted(place for one in found for place in one.places)
    twice = next((place for place, other in pairwise(taken) if place == other), "")
    if twice:
        raise UsageError(f"{twice} is in two dimensions", help="size is height and width: leave one of them out")
    return found


def _options(sized: SizedModel, name: str, values: Sequence[int]) -> tuple[Option, ...]:
    """The options that the model is known to take; ``width`` is one, not that of images, where it changes the model."""
    known = sized.model.options if isinstance(sized.model, ModelSpec) else ()
    sizes = [size for size in values if type(size) is int and size > 0]
    if name == "width" and any(sized.changes_with(name, size) for size in sizes[:1] + sizes[-1:]):
        return (*known, Option(name=name, value=sizes[0], default=sizes[0]))
    return known


def _placed(dimensions: Sequence[Dimension], point: Point) -> tuple[dict[str, int], dict[str, int]]:
    """The sizes of places in inputs, and those of options."""
    sizes = {place: size for one, size in zip(dimensions, point, strict=True) for place in one.places}
    places = {place: size for place, size in sizes.items() if parse_place(place)}
    return places, {name: size for name, size in sizes.items() if name not in places}


def _rebuilt(spec: ModelSpec) -> Callable[[Setting], ModelSpec]:
    """How to get ``spec`` with other options: from its source, in which its own options stay."""

    def rebuild(setting: Setting) -> ModelSpec:
        if not spec.source:
            raise UsageError(
                f"{spec.name} has no source to build it from with other options",
                help="name a model that archscope can build: archscope.load(MODEL)",
            )
        changed = {option.name: option.value for option in spec.options if option.value != option.default}
        loaded = load(spec.source, **{**changed, **setting})
        if not isinstance(loaded, ModelSpec):
            raise UsageError(f"{spec.name} is a saved report: it cannot be built anew", help="name the model itself")
        return loaded

    return rebuild
