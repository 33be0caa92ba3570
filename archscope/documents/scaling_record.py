"""A law of size as plain data: each formula with its terms, exact, and every size that was run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archscope.judge.scaling.parts import crossings
from archscope.results.formula_text import say
from archscope.results.polynomial import Formula, Largest
from archscope.results.scaling import SCALING_VERSION, Scaling
from archscope.results.scaling_region import Region
from archscope.serial import to_plain


def scaling_record(law: Scaling) -> Any:
    """The law for JSON, as ``archscope scale --schema`` describes it."""
    return {
        "scaling_version": SCALING_VERSION,
        "model": law.model,
        "source": law.source,
        "inputs": to_plain(law.inputs),
        "dimensions": to_plain(law.dimensions),
        "runs": law.runs,
        "complete": law.complete,
        "value_dependent": law.value_dependent,
        "own_components": law.own_components,
        "regions": [_region(law, region) for region in law.laws],
        "measured": [_measured(law, region) for region in law.regions if region.measured],
        "crossings": [{**to_plain(one), "fixed": dict(one.fixed)} for one in crossings(law)],
        "answers": [{**to_plain(one), "fixed": dict(one.fixed)} for one in law.answers],
    }


def _region(law: Scaling, region: Region) -> dict[str, Any]:
    def formulas(found: Mapping[str, Formula | None]) -> dict[str, Any]:
        return {name: _formula(law, formula, region) for name, formula in found.items()}

    return {
        "low": list(region.low),
        "high": list(region.high),
        "checked": region.checked,
        "complete": region.complete,
        "reasons": dict(region.reasons),
        "totals": formulas(region.totals),
        "components": [{"name": name, "figures": formulas(found)} for name, found in region.components.items()],
    }


def _measured(law: Scaling, region: Region) -> dict[str, Any]:
    def figures(found: Mapping[str, Formula | None]) -> dict[str, int | None]:
        return {name: None if formula is None else formula.at({}) for name, formula in found.items()}

    return {
        "sizes": dict(zip((one.name for one in law.dimensions), region.low, strict=True)),
        "complete": region.complete,
        "totals": figures(region.totals),
        "components": [{"name": name, "figures": figures(found)} for name, found in region.components.items()],
    }


def _formula(law: Scaling, formula: Formula | None, region: Region) -> dict[str, Any] | None:
    if formula is None:
        return None
    text, defined = say(formula, law.naming, region.high)
    largest = formula.parts if isinstance(formula, Largest) else (formula,)
    return {
        "text": ", ".join((text, *defined)),
        "largest_of": [
            {
                "denominator": part.denominator,
                "terms": [
                    {"coefficient": value, "powers": [{**quantity._asdict(), "power": n} for quantity, n in powers]}
                    for powers, value in part.terms
                ],
            }
            for part in largest
        ],
    }
