// The picture of a law: what each part costs over one size, stacked (or as lines where axes are logarithmic), and shares.

const SAMPLES = 240; // sizes that are drawn
const BANDS = 12; // parts that are drawn one by one
const SVG = "http://www.w3.org/2000/svg";

function shapeOf(tag, attributes = {}, ...content) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
  node.append(...content);
  return node;
}

function makeLawPicture(onplace) {
  const host = el("div", { class: "law-stage" });
  const legend = el("ul", { class: "legend", "aria-label": "Colours" });
  const node = el("figure", { id: "law-picture" }, host, legend);
  let drawn = null, width = 0;
  const draw = (shown) => {
    width = Math.max(260, Math.floor(host.clientWidth || 800));
    drawn = lawDrawing(shown, width);
    host.replaceChildren(drawn.node);
    legend.replaceChildren(...drawn.legend.map(([color, name]) => el("li", {}, el("span", {}, swatch(color), el("bdi", {}, name)))));
  };
  let held = false;
  const point = (event) => {
    const box = host.firstChild.getBoundingClientRect();
    onplace(drawn.placeAt(((event.clientX - box.left) * width) / box.width));
  };
  host.addEventListener("pointerdown", (event) => { held = true; point(event); });
  host.addEventListener("pointermove", (event) => { if (held) point(event); });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) host.addEventListener(end, () => { held = false; });
  return { node, draw, resize: (shown) => { if (Math.abs(host.clientWidth - width) > 1 && host.clientWidth) draw(shown); } };
}

/** The places of ``one`` that are drawn: evenly spread, those of runs, and the chosen one. */
function sampledPlaces(one, shown) {
  const count = Math.min(SAMPLES, one.count);
  const places = new Set(Array.from({ length: count }, (_, k) => (count > 1 ? Math.round((k * (one.count - 1)) / (count - 1)) : 0)));
  for (const region of LAW.points.values()) if (region.low.every((size, k) => k === shown.over || size === shown.sizes[k])) places.add(one.place(region.low[shown.over]));
  places.add(one.place(shown.sizes[shown.over]));
  places.delete(-1);
  return [...places].sort((a, b) => a - b);
}

/** What is drawn one above the other: the parts, or the largest of many and the others together, or the whole. */
function bandsOf(one, shown, metric) {
  if (!metric.parts) return [{ name: metric.label, color: LAW.parts[0]?.color ?? DATA.grey, k: null }];
  const parts = LAW.parts.map((part, k) => ({ ...part, k }));
  if (parts.length <= BANDS) return parts;
  const ends = [one.last, shown.sizes[shown.over], one.first].map((size) => shown.sizes.with(shown.over, size));
  const sizes = ends.find((end) => LAW.total(partsRegion(end, metric.key), metric.key, end) !== null) ?? ends[0];
  const kept = largestParts(sizes, metric.key, BANDS - 1).sort((a, b) => a.k - b.k);
  return [...kept, { name: `${exact(parts.length - kept.length)} others`, color: DATA.grey, k: null }];
}

/** At each sampled place: the parts' figures and the total as numbers, and the region of formulas, null for a run alone. */
function sampledFigures(one, shown, metric, bands) {
  return sampledPlaces(one, shown).map((place) => {
    const sizes = shown.sizes.with(shown.over, one.at(place));
    const holding = LAW.holding(sizes);
    const formula = LAW.total(holding, metric.key, sizes) !== null;
    const region = formula ? holding : LAW.telling(sizes);
    const total = LAW.total(region, metric.key, sizes);
    const values = bands.map(({ k }) => (k === null ? null : LAW.part(region, k, metric.key, sizes) ?? 0n));
    const others = total === null ? 0n : total - values.reduce((sum, value) => sum + (value ?? 0n), 0n);
    const parts = values.map((value) => Number(value ?? others));
    return { place, size: Number(one.at(place)), total: total === null ? null : Number(total), parts, region: formula ? region : null }; // to draw, not to read off
  });
}

function lawDrawing(shown, width) {
  const one = LAW.dimensions[shown.over];
  const metric = lawMetric(shown.metric);
  const bands = bandsOf(one, shown, metric);
  const sampled = sampledFigures(one, shown, metric, bands);
  const samples = sampled.filter((sample) => sample.total !== null);
  const seen = bands.map((band, k) => [band, k]).filter(([, k]) => samples.some((sample) => sample.parts[k] > 0));
  const log = shown.logged;
  const left = 62, right = width - 12, top = 10, floor = 290, high = 322, low = 412;
  const most = Math.max(1, ...samples.map((sample) => sample.total));
  const positive = samples.flatMap((sample) => (metric.parts ? seen.map(([, k]) => sample.parts[k]) : [sample.total])).filter((value) => value > 0);
  const least = log ? Math.max(most / 1e6, Math.min(most, ...positive)) : 0;
  const first = Number(one.first), last = Number(one.last);
  const scaled = (value, from, to) => (log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from));
  const x = (size) => left + (right - left) * (first === last ? 0.5 : scaled(size, first, last));
  const y = (value) => (log && least === most ? (top + floor) / 2 : floor - (floor - top) * Math.max(0, scaled(Math.max(value, least), least, most)));
  const share = (value) => low - (low - high) * value;
  const svg = shapeOf("svg", { viewBox: `0 0 ${width} 450`, width, height: 450, role: "img", "aria-label": spoken(one, metric, samples) });

  const text = (content, px, py, anchor, more = "") => shapeOf("text", { x: px.toFixed(1), y: py.toFixed(1), "text-anchor": anchor, class: more }, content);
  const line = (x1, y1, x2, y2, name) => shapeOf("line", { x1: x1.toFixed(1), y1: y1.toFixed(1), x2: x2.toFixed(1), y2: y2.toFixed(1), class: name });
  for (const tick of ticks(least, most, log, 5)) svg.append(line(left, y(tick), right, y(tick), "rule"), text(short(tick), left - 6, y(tick) + 4, "end"));
  for (const tick of ticks(first, last, log, Math.max(2, Math.floor(width / 130)))) svg.append(line(x(tick), top, x(tick), low, "rule"), text(exact(tick), Math.min(x(tick), right - 14), low + 17, "middle"));
  if (metric.parts) for (const tick of [0, 0.5, 1]) svg.append(text(`${100 * tick} %`, left - 6, share(tick) + 4, "end"));
  svg.append(text(one.name, (left + right) / 2, low + 34, "middle", "title"));

  const path = (points) => points.map(([px, py], k) => `${k ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
  const curve = (segment, read) => path(segment.filter((sample) => !log || read(sample) >= least).map((sample) => [x(sample.size), y(read(sample))]));
  for (const segment of segments(sampled)) {
    const below = new Array(segment.length).fill(0);
    for (const [band, k] of seen) {
      const edge = (at) => segment.map((sample, n) => [x(sample.size), at(sample, n)]);
      const area = (at, base) => shapeOf("path", { d: `${path([...edge(at), ...edge(base).reverse()])}Z`, fill: band.color, "data-band": k });
      const above = segment.map((sample, n) => below[n] + sample.parts[k]);
      if (log) svg.append(shapeOf("path", { d: curve(segment, (sample) => sample.parts[k]), fill: "none", stroke: band.color, class: "curve" }));
      else svg.append(area((_, n) => y(above[n]), (_, n) => y(below[n])));
      if (metric.parts) svg.append(area((sample, n) => share(above[n] / (sample.total || 1)), (sample, n) => share(below[n] / (sample.total || 1))));
      above.forEach((value, n) => { below[n] = value; });
    }
    svg.append(shapeOf("path", { d: curve(segment, (sample) => sample.total), fill: "none", class: "whole" }));
    if (segment.length === 1) svg.append(shapeOf("circle", { cx: x(segment[0].size).toFixed(1), cy: y(segment[0].total).toFixed(1), r: 2, class: "alone" }));
  }
  for (const sample of samples.filter(({ region }) => !region)) svg.append(shapeOf("circle", { cx: x(sample.size).toFixed(1), cy: y(sample.total).toFixed(1), r: 3.5, class: "run" }));
  for (const crossing of LAW.crossings.filter(({ dimension, fixed }) => metric.key === "macs" && dimension === shown.over && fixed.every(([k, size]) => BigInt(size) === shown.sizes[k]))) {
    const at = x(Number(crossing.size));
    svg.append(shapeOf("g", {}, shapeOf("title", {}, crossing.words), line(at, top, at, low, "crossing"), text(exact(BigInt(crossing.size)), at + (at > right - 60 ? -4 : 4), top + 10, at > right - 60 ? "end" : "start")));
  }
  if (one.place(shown.sizes[shown.over]) >= 0) svg.append(line(x(Number(shown.sizes[shown.over])), top, x(Number(shown.sizes[shown.over])), low, "chosen"));
  const placeAt = (px) => {
    const to = Math.min(1, Math.max(0, (px - left) / (right - left)));
    return one.nearest(BigInt(Math.round(log ? first * (last / first) ** to : first + (last - first) * to)));
  };
  return { node: svg, legend: seen.map(([band]) => [band.color, band.name]), placeAt };
}

/** Samples in a row that one region's formulas give: nothing is drawn between two regions, or where there is none. */
function segments(samples) {
  const found = [];
  samples.forEach((sample, k) => {
    if (!sample.region || sample.total === null) return;
    if (samples[k - 1]?.region === sample.region && samples[k - 1].total !== null) found.at(-1).push(sample);
    else found.push([sample]);
  });
  return found;
}

function ticks(from, to, log, many) {
  if (from === to) return [from];
  if (log) {
    const decades = Math.log10(to / from);
    const steps = decades < 1.5 ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil(decades / many));
    const found = [];
    for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += every) found.push(...steps.map((step) => step * 10 ** power));
    return found.filter((value) => value >= from && value <= to);
  }
  const rough = (to - from) / many;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * unit).find((value) => value >= rough);
  const found = [];
  for (let k = Math.ceil(from / step); k * step <= to; k++) found.push(k * step);
  return found;
}

function spoken(one, metric, samples) {
  if (!samples.length) return `${metric.label} over ${one.name}: no formula, and no run at the other sizes.`;
  const [start, end] = [samples[0], samples.at(-1)];
  return `${metric.label} over ${one.name}: ${short(start.total)} at ${exact(start.size)}, ${short(end.total)} at ${exact(end.size)}. The table above has the exact figures.`;
}
