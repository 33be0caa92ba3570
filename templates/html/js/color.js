// One colour per component, as in every figure; the commonest types get the same colours, the rest grey.

const TYPE_COLORS = DATA.palette.slice(0, DATA.kinds);
const UNASSIGNED = "[unassigned]";
const COMPONENT_COLORS = new Map(
  [...new Set(REPORTS.flatMap((report) => report.componentNames))]
    .filter((name) => name !== UNASSIGNED).map((name, k) => [name, DATA.palette[k % DATA.palette.length]]),
);
const componentColor = (name) => COMPONENT_COLORS.get(name) ?? DATA.grey;
const LEGEND = 24; // entries; the rest is counted

function typeColors(report, metric) {
  report.typeColors ??= {};
  if (report.typeColors[metric]) return report.typeColors[metric];
  const sums = new Map();
  for (let i = 0; i < report.size; i++) {
    const type = report.type(i);
    sums.set(type, (sums.get(type) ?? 0) + Number(report.own(i, metric) ?? 0));
  }
  const ranked = [...sums].filter(([, sum]) => sum > 0).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const colors = new Map(ranked.slice(0, TYPE_COLORS.length).map(([type], k) => [type, TYPE_COLORS[k]]));
  report.typeColors[metric] = { colors, ranked };
  return report.typeColors[metric];
}

/** By how much a module differs from its namesake in the other report: null where there is none. */
function deltaOf(node, metric = state.metric) {
  const base = REPORTS[0], head = REPORTS[1];
  const path = pathOf(node);
  const b = base.index().get(path), h = head.index().get(path);
  if (b === undefined || h === undefined) return null;
  return minus(head.total(h, metric), base.total(b, metric));
}

function colorOf(node) {
  const { report, module } = node;
  if (state.colour === "type") return typeColors(report, state.metric).colors.get(report.type(module)) ?? DATA.grey;
  if (state.colour === "delta") {
    const delta = deltaOf(node);
    if (delta === null) return state.side === 0 ? DATA.less : DATA.more;
    const own = Number(valueOf(node)) || 1;
    const share = Math.min(1, Math.abs(Number(delta)) / Math.max(own, Math.abs(Number(delta))));
    return delta === 0 || delta === 0n ? DATA.grey : mix(Number(delta) < 0 ? DATA.less : DATA.more, DATA.grey, 0.35 + 0.65 * share);
  }
  return componentColor(report.component(module));
}

const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

/** ``share`` of the first colour, the rest of the second. */
function mix(first, second, share) {
  const other = channels(second);
  return `#${channels(first).map((value, k) => Math.round(value * share + other[k] * (1 - share)).toString(16).padStart(2, "0")).join("")}`;
}

/** Black or white, whichever reads better (WCAG relative luminance). */
function inkOn(color) {
  const [r, g, b] = channels(color).map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

function legendEntries() {
  const report = current();
  const whole = report.total(report.index().get(state.root) ?? 0, state.metric);
  if (state.colour === "delta") return [{ color: DATA.less, label: "less, or only before" }, { color: DATA.grey, label: "unchanged" }, { color: DATA.more, label: "more, or only after" }];
  if (state.colour === "type") {
    const { colors, ranked } = typeColors(report, state.metric);
    const entries = [...colors].map(([type, color]) => ({ color, label: type, filter: `type:${type}` }));
    return ranked.length > colors.size ? [...entries, { color: DATA.grey, label: `${ranked.length - colors.size} other types` }] : entries;
  }
  const rows = report.components();
  const entries = rows.slice(0, LEGEND).map((row) => ({
    color: componentColor(row.name), label: row.name, filter: `component:${row.name}`,
    note: state.root === "" && row[state.metric] !== undefined ? percent(row[state.metric], whole) : "",
  }));
  return rows.length > LEGEND ? [...entries, { color: DATA.grey, label: `and ${exact(rows.length - LEGEND)} more` }] : entries;
}
