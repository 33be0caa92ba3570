// A law of size: its formulas evaluated in BigInt, so that every figure is the integer that Python has.

/** Division that rounds down, as Python's does, also below 0. */
const floored = (value, by) => (value % by !== 0n && value < 0n ? value / by - 1n : value / by);
const bits = (value) => (value === 0n ? 0n : BigInt((value < 0n ? -value : value).toString(2).length));

function readLaw(packed) {
  const quantities = packed.quantities.map(([dimensions, times, plus, by, levels, rest]) => ({ dimensions, times: BigInt(times), plus: BigInt(plus), by: BigInt(by), levels, rest }));
  const polynomials = packed.polynomials.map(([denominator, terms]) => ({ denominator: BigInt(denominator), terms: terms.map(([coefficient, powers]) => [BigInt(coefficient), powers.map(([place, power]) => [place, BigInt(power)])]) }));
  const regions = packed.regions.map((region) => ({ ...region, low: region.low.map(BigInt), high: region.high.map(BigInt), parts: new Map(region.parts) }));
  const law = { ...packed, dimensions: packed.dimensions.map(readDimension) };
  law.formulas = regions.filter((region) => !region.measured);
  law.points = new Map(regions.filter((region) => region.measured).map((region) => [region.low.join(), region]));

  law.admits = (sizes) => law.dimensions.every((one, k) => one.place(sizes[k]) >= 0);
  /** The region whose formulas hold at ``sizes``; and the one that has the figures there, a run before a formula. */
  law.holding = (sizes) => (law.admits(sizes) ? law.formulas.find((region) => sizes.every((size, k) => region.low[k] <= size && size <= region.high[k])) ?? null : null);
  law.telling = (sizes) => (law.admits(sizes) ? law.points.get(sizes.join()) ?? law.holding(sizes) : null);

  function quantityAt({ dimensions, times, plus, by, levels, rest }, sizes) {
    const shifted = dimensions.reduce((product, k) => product * sizes[k], times) + plus;
    const value = floored(shifted, by);
    return rest ? (shifted > value * by ? 1n : 0n) : levels ? bits(value - 1n) : value;
  }

  function polynomialAt({ denominator, terms }, sizes) {
    let sum = 0n;
    for (const [coefficient, powers] of terms) sum += powers.reduce((product, [place, power]) => product * quantityAt(quantities[place], sizes) ** power, coefficient);
    return sum % denominator === 0n ? sum / denominator : null; // what is not whole is no figure: nothing holds there
  }

  /** The value of a formula, the largest of its polynomials; null where there is none. */
  law.value = (cell, sizes) => {
    if (!cell || cell[0] === null) return null;
    const values = packed.formulas[cell[0]].map((place) => polynomialAt(polynomials[place], sizes));
    return values.includes(null) ? null : values.reduce((most, value) => (value > most ? value : most));
  };
  law.total = (region, metric, sizes) => (region ? law.value(region.totals[metric], sizes) : null);
  law.part = (region, part, metric, sizes) => (region ? law.value(region.parts.get(part)?.[metric], sizes) : null);
  law.text = (cell) => (cell && cell[0] !== null && cell[1] !== null ? packed.texts[cell[1]] : "");
  return law;
}

/** A dimension's sizes, in runs of equal steps: ``at(place)``, ``place(size)`` (-1: not among them), ``nearest(size)``. */
function readDimension(packed) {
  const runs = [];
  let count = 0;
  for (const [first, step, many] of packed.runs) {
    runs.push({ first: BigInt(first), step: BigInt(step), from: count, many });
    count += many;
  }
  const at = (place) => {
    const run = runs.findLast((one) => one.from <= place);
    return run.first + run.step * BigInt(place - run.from);
  };
  const place = (size) => {
    const run = runs.findLast((one) => one.first <= size);
    if (!run) return -1;
    const steps = (size - run.first) / run.step;
    return run.first + steps * run.step === size && steps < BigInt(run.many) ? run.from + Number(steps) : -1;
  };
  const nearest = (size) => {
    let low = 0, high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (at(middle) < size) low = middle + 1;
      else high = middle;
    }
    return low > 0 && size - at(low - 1) < at(low) - size ? low - 1 : low;
  };
  return { ...packed, count, at, place, nearest, step: runs.length === 1 ? runs[0].step : 1n, first: at(0), last: at(count - 1) };
}
