// The reports inside the page, decoded: figures by module, own figures, paths, children.
// A column that holds integers beyond 2^53 comes as text and lives on as BigInt, so that nothing is rounded.

// Every figure that modules carry, and those of them that the switch and the tables show.
const FIGURES = DATA.metrics;
const METRICS = FIGURES.filter((metric) => metric.shown);

/** Adds, subtracts and multiplies figures whatever they are: numbers, or BigInt where a number would round. */
const both = (a, b, numbers, bigs) =>
  typeof a === "bigint" || typeof b === "bigint" ? bigs(BigInt(a), BigInt(b)) : numbers(a, b);
const plus = (a, b) => (a === null || b === null ? a ?? b : both(a, b, (x, y) => x + y, (x, y) => x + y));
const minus = (a, b) => (a === null || b === null ? null : both(a, b, (x, y) => x - y, (x, y) => x - y));
const times = (a, n) => (a === null ? null : typeof a === "bigint" ? a * BigInt(n) : a * n);
const magnitude = (a) => (a === null ? -1 : Math.abs(Number(a)));

function readColumn(packed) {
  if (packed === null) return null;
  return packed.some((value) => typeof value === "string") ? packed.map((value) => (value === null ? null : BigInt(value))) : packed;
}

function decode(packed, place) {
  const rows = packed.modules;
  const size = rows.parent.length;
  const report = { ...packed, place, size, parent: rows.parent, path: new Array(size), depth: new Int32Array(size), columns: {}, owns: {} };
  const counts = new Int32Array(size + 1);
  for (let i = 0; i < size; i++) {
    const above = rows.parent[i];
    const name = rows.names[rows.name[i]];
    report.path[i] = above < 0 ? name : report.path[above] ? `${report.path[above]}.${name}` : name;
    report.depth[i] = above < 0 ? 0 : report.depth[above] + 1;
    if (above >= 0) counts[above + 1]++;
  }
  for (let i = 0; i < size; i++) counts[i + 1] += counts[i];
  const children = new Int32Array(size);
  const next = counts.slice();
  for (let i = 0; i < size; i++) if (rows.parent[i] >= 0) children[next[rows.parent[i]]++] = i;

  report.children = (i) => children.subarray(counts[i], counts[i + 1]);
  report.leaf = (i) => counts[i] === counts[i + 1];
  report.name = (i) => rows.names[rows.name[i]] || report.model.name;
  report.type = (i) => rows.types[rows.type[i]];
  report.component = (i) => rows.components[rows.component[i]];
  report.calls = (i) => rows.calls[i];
  report.input = (i) => rows.shapes[rows.input[i]];
  report.field = (i) => (rows.receptive_field ? { extent: rows.receptive_field[i], stride: rows.stride[i] } : null);
  report.output = (i) => rows.shapes[rows.output[i]];
  report.aliases = (i) => rows.aliases[i] ?? [];
  report.index = lazily(() => new Map(report.path.map((path, i) => [path, i])));
  report.roots = lazily(() => Array.from(rows.parent.keys()).filter((i) => rows.parent[i] < 0));

  /** A module's figure with its submodules, and without. */
  report.total = (i, metric) => {
    const column = (report.columns[metric] ??= { values: readColumn(rows[metric]) }).values;
    return column === null ? null : column[i];
  };
  report.own = (i, metric) => {
    const own = (report.owns[metric] ??= { values: ownColumn(report, metric) }).values;
    return own === null ? null : own[i];
  };
  report.componentNames = rows.components.slice(0, packed.components);
  report.components = lazily(() => sumsByComponent(report));
  report.measured = (metric) => rows[metric] !== null;
  report.lower = lazily(() => lowerBounds(report));
  report.ran = lazily(() => operatorsByModule(report, packed.calls));
  return report;
}

function ownColumn(report, metric) {
  report.total(0, metric);
  const totals = report.columns[metric].values;
  if (totals === null) return null;
  const own = totals.slice();
  for (let i = 0; i < report.size; i++) {
    const above = report.parent[i];
    if (above >= 0 && totals[i] !== null && own[above] !== null) own[above] = minus(own[above], totals[i]);
  }
  return own;
}

/** Every component with its figures: the sums of the own figures of its modules. */
function sumsByComponent(report) {
  const sums = new Map(report.componentNames.map((name) => [name, { name, ...Object.fromEntries(METRICS.map(({ key }) => [key, report.measured(key) ? 0 : null])) }]));
  for (let i = 0; i < report.size; i++) {
    const row = sums.get(report.component(i));
    if (row) for (const { key } of METRICS) row[key] = plus(row[key], report.own(i, key));
  }
  return [...sums.values()];
}

/** Modules whose MACs and FLOPs are lower bounds: those that run an operator without a formula, and those around them. */
function lowerBounds(report) {
  const own = new Set(report.uncounted.flatMap((row) => row.modules).map((path) => report.index().get(path)));
  const total = new Set();
  for (let i of own) for (; i !== undefined && i >= 0 && !total.has(i); i = report.parent[i]) total.add(i);
  return { own, total };
}

const LOWER = new Set(FIGURES.filter((metric) => metric.bound).map((metric) => metric.key));
const bounded = (metric) => LOWER.has(metric);
const mark = (report, i, metric, kind = "total") => (bounded(metric) && report.lower()[kind].has(i) ? "≥ " : "");

function operatorsByModule(report, calls) {
  const ran = new Map();
  if (!calls) return ran;
  const macs = readColumn(calls.macs);
  const flops = readColumn(calls.flops);
  calls.module.forEach((module, k) => {
    if (!ran.has(module)) ran.set(module, []);
    ran.get(module).push({ ...report.operators[calls.op[k]], calls: calls.times[k], macs: macs[k], flops: flops[k] });
  });
  return ran;
}

function lazily(make) {
  let value;
  return () => (value ??= make());
}

const REPORTS = DATA.reports.map(decode);
const COMPARING = REPORTS.length > 1;
