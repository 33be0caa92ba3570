// What the model costs at the sizes that the reader chooses: a slider and a number box for each, figures, the picture.

const LAW = DATA.scaling ? readLaw(DATA.scaling) : null;
let scaleTab;

function drawScale(host) {
  scaleTab ??= makeScale(host);
  scaleTab.follow(lawAddress.get());
}

function makeScale(host) {
  const start = LAW.dimensions.map((one, k) => one.at(DATA.scaling.start[k]));
  const widest = LAW.dimensions.reduce((best, one, k) => (one.count > LAW.dimensions[best].count ? k : best), 0);
  const shown = { sizes: start, metric: LAW.metrics[0].key, over: widest, log: null };
  const controls = LAW.dimensions.map((one, k) => makeControl(one, k, (size) => change(() => { shown.sizes[k] = size; })));
  const message = el("p", { class: "alert mild", id: "law-message", role: "status", hidden: true });
  const totals = el("dl");
  const table = el("div", { class: "scroll plain", role: "region", tabindex: 0, "aria-label": "Parts at these sizes, table" });
  const pills = el("fieldset", { class: "pills" }, el("legend", {}, "Figure"), LAW.metrics.map(({ key, label }) => el("label", {}, el("input", { type: "radio", name: "law-metric", value: key, onchange: () => change(() => { shown.metric = key; }) }), el("span", {}, label))));
  const axis = el("select", { id: "law-over", onchange: (event) => change(() => { shown.over = Number(event.target.value); shown.log = null; }) }, LAW.dimensions.map((one, k) => (one.count > 1 ? el("option", { value: k }, one.name) : null)));
  const log = el("input", { type: "checkbox", id: "law-log", onchange: (event) => change(() => { shown.log = event.target.checked; }) });
  const picture = makeLawPicture((place) => change(() => { shown.sizes[shown.over] = LAW.dimensions[shown.over].at(place); }));

  host.replaceChildren(
    el("div", { class: "sizes", role: "group", "aria-label": "Sizes" }, controls.map((control) => control.node)), message,
    el("div", { class: "totals", id: "law-totals" }, totals), el("div", { class: "bar" }, pills), table,
    el("div", { class: "bar" }, el("label", { class: "field" }, "Over ", axis), el("label", { class: "check" }, log, " Logarithmic")), picture.node,
  );
  const given = JSON.stringify([start.map(String), shown.metric, shown.over, shown.log]);

  function change(how) {
    how();
    update();
    const address = [shown.sizes.join("_"), shown.metric, shown.over, shown.log === null ? "" : Number(shown.log)].join("~");
    lawAddress.set(JSON.stringify([shown.sizes.map(String), shown.metric, shown.over, shown.log]) === given ? "" : address);
    const whole = LAW.total(LAW.telling(shown.sizes), shown.metric, shown.sizes);
    say(`${lawMetric(shown.metric).label} ${whole === null ? "without a formula" : exact(whole)} at ${where(shown.sizes)}`);
  }

  function update() {
    const region = LAW.telling(shown.sizes);
    shown.logged = shown.log ?? LAW.dimensions[shown.over].last >= 16n * LAW.dimensions[shown.over].first;
    controls.forEach((control, k) => control.show(shown.sizes[k]));
    for (const input of pills.querySelectorAll("input")) input.checked = input.value === shown.metric;
    axis.value = String(shown.over);
    log.checked = shown.logged;
    message.hidden = Boolean(region);
    message.replaceChildren(...(region ? [] : missing(shown.sizes, (sizes) => change(() => { shown.sizes = sizes; }))));
    totals.replaceChildren(...LAW.metrics.map((metric) => totalCard(metric, region, shown.sizes)));
    table.replaceChildren(partsTable(shown));
    picture.draw(shown);
  }

  /** What an address says, as far as this law has it. */
  function follow(address) {
    const [sizes, metric, over, logged] = address ? address.split("~") : [start.join("_"), LAW.metrics[0].key, widest, ""];
    const read = sizes.split("_").filter((text) => /^\d{1,30}$/.test(text)).map(BigInt);
    shown.sizes = read.length === LAW.dimensions.length ? read : [...start];
    shown.metric = lawMetric(metric) ? metric : LAW.metrics[0].key;
    shown.over = LAW.dimensions[over]?.count > 1 ? Number(over) : widest;
    shown.log = logged === "1" ? true : logged === "0" ? false : null;
    update();
  }
  new ResizeObserver(() => picture.resize(shown)).observe(picture.node);
  return { follow, table: () => scaleTable(shown) };
}

const lawMetric = (key) => LAW.metrics.find((metric) => metric.key === key);
const where = (sizes) => LAW.dimensions.map((one, k) => `${one.name} ${exact(sizes[k])}`).join(", ");
const lawMark = (metric, region) => (metric.bound && region && !region.complete ? "≥ " : "");

/** A slider over the sizes that there are, and a box for one of them; any other size is taken, and has no figures. */
function makeControl(one, k, onsize) {
  const id = `size-${k}`;
  const slider = el("input", { type: "range", id, min: 0, max: one.count - 1, step: 1, disabled: one.count < 2, oninput: () => onsize(one.at(Number(slider.value))) });
  const box = el("input", { type: "number", id: `${id}-box`, min: one.first, max: one.last, step: one.step, required: true, inputmode: "numeric", "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-words`, oninput: () => {
    const good = /^\d{1,30}$/.test(box.value.trim());
    box.setAttribute("aria-invalid", String(!good));
    if (good) onsize(BigInt(box.value.trim()));
  } });
  const node = el("div", { class: "size" }, el("label", { for: id, id: `${id}-name` }, el("bdi", {}, one.name)), slider, box, el("small", { id: `${id}-words` }, `${one.words} · `, el("bdi", {}, one.places.join(", "))));
  const show = (size) => {
    const place = one.place(size);
    slider.value = String(place < 0 ? one.nearest(size) : place);
    slider.setAttribute("aria-valuetext", place < 0 ? `${exact(size)}, not one of the sizes` : exact(size));
    if (box.value.trim() !== String(size)) box.value = String(size);
    box.setAttribute("aria-invalid", String(place < 0));
  };
  return { node, show };
}

/** Why there are no figures at ``sizes``, and a way to those that were run nearest to them. */
function missing(sizes, onsizes) {
  const k = LAW.dimensions.findIndex((one, place) => one.place(sizes[place]) < 0);
  if (k >= 0) {
    const one = LAW.dimensions[k];
    const near = one.at(one.nearest(sizes[k]));
    return [`The law says nothing of ${one.name} ${exact(sizes[k])}: it was made for ${one.words}. `, el("button", { type: "button", onclick: () => onsizes(sizes.with(k, near)) }, `${one.name} ${exact(near)}`)];
  }
  const distance = (point) => point.reduce((sum, size, place) => sum + (size > sizes[place] ? size - sizes[place] : sizes[place] - size), 0n);
  const points = [...LAW.points.values()].map((region) => region.low);
  const near = points.reduce((best, point) => (distance(point) < distance(best) ? point : best), points[0]);
  return [`No formula at ${where(sizes)}: ${LAW.reason}. The nearest of ${exact(points.length)} runs: `, el("button", { type: "button", onclick: () => onsizes([...near]) }, where(near))];
}

function totalCard(metric, region, sizes) {
  const value = LAW.total(region, metric.key, sizes);
  const holding = LAW.holding(sizes);
  const formula = LAW.text(holding?.totals[metric.key]);
  const text = value !== null && formula === exact(value) ? "the same at all these sizes" : formula;
  const reason = holding?.reasons[metric.key];
  const note = text || (region?.measured ? `a run; no formula${reason ? `: ${reason}` : ""}` : reason ?? "");
  return el("div", { "data-metric": metric.key }, el("dt", {}, metric.label), el("dd", {}, el("output", { for: LAW.dimensions.map((_, k) => `size-${k}`).join(" ") }, value === null ? "no formula" : lawMark(metric, region) + exact(value)), el("small", {}, el("bdi", {}, note))));
}

const ROWS = 60; // parts that the table shows; of more the largest

/** The parts that cost most at ``sizes``, the largest first. */
function largestParts(sizes, key, count) {
  const region = partsRegion(sizes, key);
  const valued = LAW.parts.map((part, k) => ({ ...part, k, value: LAW.part(region, k, key, sizes) ?? 0n }));
  return valued.sort((a, b) => (a.value === b.value ? a.k - b.k : a.value > b.value ? -1 : 1)).slice(0, count);
}

/** The additive figure whose shares are shown: the chosen one where it is such. */
const sharedMetric = (key) => (lawMetric(key).parts ? lawMetric(key) : LAW.metrics.find((metric) => metric.parts));

/** Whose parts are told at ``sizes``: those of the formulas, if there is one for this figure, else those of a run. */
function partsRegion(sizes, key) {
  const holding = LAW.holding(sizes);
  return LAW.total(holding, key, sizes) === null ? LAW.telling(sizes) : holding;
}

function partsTable(shown) {
  const { sizes } = shown;
  const region = partsRegion(sizes, sharedMetric(shown.metric).key);
  const chosen = sharedMetric(shown.metric);
  const others = LAW.metrics.filter((metric) => metric.parts && metric !== chosen);
  const holding = LAW.holding(sizes);
  const present = LAW.parts.map((part, k) => ({ ...part, k })).filter(({ k }) => region?.parts.has(k));
  const parts = present.length > ROWS ? largestParts(sizes, chosen.key, ROWS) : present;
  const whole = LAW.total(region, chosen.key, sizes);
  const heading = (label, num) => el("th", { scope: "col", class: num ? "num" : null }, label);
  const head = el("tr", {}, heading(LAW.named ? "Component" : "Part"), heading(`Share of ${chosen.label}`), heading(chosen.label, true), heading(`${chosen.label} as a formula`), others.map(({ label }) => heading(label, true)));
  const line = (name, title, bar, read, formula) => {
    const cell = (metric) => el("td", { class: "num", "data-metric": metric.key }, read(metric.key) === null ? "–" : lawMark(metric, region) + exact(read(metric.key)));
    return el("tr", { "data-part": name, class: title === "TOTAL" ? "total" : null }, el("th", { scope: "row" }, title), el("td", {}, bar), cell(chosen), el("td", { class: "law-text" }, el("bdi", {}, LAW.text(formula))), others.map(cell));
  };
  const rows = parts.map(({ name, color, k }) => line(name, [swatch(color), el("bdi", { class: name.length < 30 ? "whole-name" : null }, name)], shareBar(LAW.part(region, k, chosen.key, sizes), whole, color), (key) => LAW.part(region, k, key, sizes), holding?.parts.get(k)?.[chosen.key]));
  if (present.length > ROWS) {
    const rest = (key) => parts.reduce((left, { k }) => { const value = LAW.part(region, k, key, sizes); return left === null || value === null ? null : left - value; }, LAW.total(region, key, sizes));
    rows.push(line("", `${exact(present.length - ROWS)} smaller ones`, shareBar(rest(chosen.key), whole, DATA.grey), rest, null));
  }
  const total = line("", "TOTAL", [], (key) => LAW.total(LAW.telling(sizes), key, sizes), holding?.totals[chosen.key]);
  return el("table", {}, el("thead", {}, head), el("tbody", {}, rows, total));
}

/** The same as rows, for CSV. */
function scaleTable({ sizes, metric }) {
  const region = partsRegion(sizes, sharedMetric(metric).key);
  const line = (name, read) => [...sizes, name, ...LAW.metrics.map((metric) => read(metric.key) ?? "")];
  const parts = LAW.parts.map(({ name }, k) => [name, k]).filter(([, k]) => region?.parts.has(k));
  return {
    head: [...LAW.dimensions.map((one) => one.name), LAW.named ? "Component" : "Part", ...LAW.metrics.map((metric) => metric.label)], left: 0,
    rows: [...parts.map(([name, k]) => line(name, (key) => LAW.part(region, k, key, sizes))), line("TOTAL", (key) => LAW.total(LAW.telling(sizes), key, sizes))],
  };
}
