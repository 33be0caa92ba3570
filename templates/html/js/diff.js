// Two reports side by side: modules matched by path, after minus before.

const DIFF_COLUMNS = [
  { key: "name", label: "Module", width: 300, first: true },
  { key: "status", label: "Status", width: 84 },
  { key: "base", label: "Before", width: 130, num: true },
  { key: "head", label: "After", width: 130, num: true },
  { key: "delta", label: "Delta", width: 130, num: true },
  { key: "percent", label: "Change", width: 90, num: true, fixed: true },
  { key: "type", label: "Type", width: 220 },
];
const diffOpen = new Map();
let diffSort = "delta:desc";
let diffGrid;

/** The union of both trees, in the order of the new model; what only the old one has follows its siblings. */
const diffTree = lazily(() => {
  const [base, head] = REPORTS;
  const nodes = new Map();
  const root = { path: "", kids: [], depth: 0, b: base.index().get(""), h: head.index().get(""), parent: null };
  nodes.set("", root);
  for (const [report, side] of [[head, "h"], [base, "b"]]) {
    for (let i = 0; i < report.size; i++) {
      const path = report.path[i];
      const known = nodes.get(path);
      if (known) { known[side] = i; continue; }
      const parent = nodes.get(report.path[report.parent[i]]) ?? root;
      const node = { path, name: report.name(i), kids: [], depth: parent.depth + 1, b: undefined, h: undefined, parent, [side]: i };
      parent.kids.push(node);
      nodes.set(path, node);
    }
  }
  for (const node of nodes.values()) node.id = `d/${node.path}`;
  return { root, nodes };
});

const figure = (report, i, metric) => (i === undefined ? (report.measured(metric) ? 0 : null) : report.total(i, metric));
const diffBase = (node) => figure(REPORTS[0], node.b, state.metric);
const diffHead = (node) => figure(REPORTS[1], node.h, state.metric);
const diffDelta = (node) => minus(diffHead(node), diffBase(node));
const diffStatus = (node) => (node.b === undefined ? "new" : node.h === undefined ? "deleted" : "both");
const diffType = (node) => {
  const before = node.b === undefined ? "" : REPORTS[0].type(node.b), after = node.h === undefined ? "" : REPORTS[1].type(node.h);
  return before === after || !before || !after ? before || after : `${before} → ${after}`;
};

/** Modules below (or here) whose figure, type or presence differs, in any metric. */
function diffChanges(node) {
  if (node.changes !== undefined) return node.changes;
  const differs = diffStatus(node) !== "both" || diffType(node).includes(" → ") || METRICS.some(({ key }) => {
    const delta = minus(figure(REPORTS[1], node.h, key), figure(REPORTS[0], node.b, key));
    return delta !== null && delta !== 0 && delta !== 0n;
  });
  node.changes = node.kids.reduce((sum, kid) => sum + diffChanges(kid), differs ? 1 : 0);
  return node.changes;
}

function diffMatches() {
  const query = state.filter.trim();
  if (!query) return null;
  const shown = new Set();
  for (const report of REPORTS) {
    const test = matcher(report, query);
    for (let i = 0; i < report.size; i++) {
      if (report.path[i] === "" || !test(i)) continue;
      for (let k = i; k >= 0 && !shown.has(report.path[k]); k = report.parent[k]) shown.add(report.path[k]);
    }
  }
  return shown;
}

const diffSortValue = (node, key) => {
  if (key === "base") return diffBase(node);
  if (key === "head") return diffHead(node);
  if (key === "delta") return magnitude(diffDelta(node));
  return key === "status" ? diffStatus(node) : key === "type" ? diffType(node) : node.name;
};

function diffList() {
  const { root } = diffTree();
  const shown = diffMatches();
  const order = diffSort && compareBy(diffSort, diffSortValue);
  const out = [];
  const stack = [root];
  while (stack.length) {
    const node = stack.pop();
    out.push(node);
    const kids = node.kids.filter((kid) => (!state.changed || diffChanges(kid)) && (!shown || shown.has(kid.path)));
    node.openable = kids.length > 0;
    node.open = node.openable && (diffOpen.get(node.path) ?? (shown ? true : node.depth < (openDefault === "all" ? 99 : 1)));
    node.hiddenKids = node.kids.length - kids.length;
    if (!node.open) continue;
    if (order) kids.sort(order);
    for (let k = kids.length - 1; k >= 0; k--) stack.push(kids[k]);
  }
  return out;
}

function diffCell(node, column) {
  const delta = diffDelta(node);
  const way = delta === null || !Number(delta) ? "" : Number(delta) > 0 ? "more" : "less";
  switch (column.key) {
    case "name": {
      const same = state.changed && node.open && node.hiddenKids ? ` (${node.hiddenKids} unchanged)` : "";
      return { nodes: [el("bdi", {}, node.name ?? REPORTS[1].model.name), same ? el("small", {}, same) : ""], title: node.path, value: node.path };
    }
    case "status": { const status = diffStatus(node); return { nodes: [status === "both" ? "" : el("span", { class: `tag ${status}` }, status === "new" ? "[NEW]" : "[DEL]")], value: status }; }
    case "base": return { text: node.b === undefined ? "–" : exact(diffBase(node)), value: diffBase(node) };
    case "head": return { text: node.h === undefined ? "–" : exact(diffHead(node)), value: diffHead(node) };
    case "delta": return { text: signed(delta), value: delta, className: way };
    case "percent": return { text: node.b === undefined ? "new" : change(diffBase(node), diffHead(node)), value: change(diffBase(node), diffHead(node)), className: way };
    default: return { nodes: [el("bdi", {}, diffType(node))], title: diffType(node), value: diffType(node) };
  }
}

function drawDiff(host) {
  const { root } = diffTree();
  const digits = 30 + 8.3 * Math.max(8, exact(diffBase(root)).length + 1, exact(diffHead(root)).length + 1);
  const columns = DIFF_COLUMNS.map((column) => (["base", "head", "delta"].includes(column.key) ? { ...column, width: digits } : column));
  const spec = {
    label: `Changes in ${metricOf().one}, by module`, columns, sort: diffSort, empty: "Nothing differs.",
    rows: () => diffList().map((node) => ({ id: node.id, path: node.path, node, level: node.depth + 1, kids: node.openable, open: node.open, marks: "", cell: (column) => diffCell(node, column) })),
    foot: () => [{ cell: (column) => (column.first ? { text: "TOTAL" } : column.key === "type" || column.key === "status" ? "" : diffCell(root, column)) }],
    onsort: (column) => { const [key, way] = diffSort.split(":"); diffSort = `${column.key}:${key === column.key && way === "desc" ? "asc" : "desc"}`; drawDiff(host); },
    ontoggle: (id, open) => { diffOpen.set(id.slice(2), open); diffGrid.id = id; diffGrid.draw(); },
    onpick: (row) => { const side = row.node.h === undefined ? 0 : 1; inspect({ report: REPORTS[side], module: side ? row.node.h : row.node.b, times: 1, count: 1 }); },
    onenter: (row) => row.kids && diffGrid.spec.ontoggle(row.id, !row.open),
  };
  if (!diffGrid) {
    const chart = el("div", { class: "bars", id: "diff-components" });
    const table = el("div");
    host.replaceChildren(el("h3", {}, "Components"), chart, el("h3", {}, "Modules"), table);
    diffGrid = makeGrid(table, spec);
  }
  drawDiffComponents();
  diffGrid.spec = spec;
  diffGrid.draw();
}

function componentChanges() {
  const names = [...new Set([...REPORTS[1].components(), ...REPORTS[0].components()].map((row) => row.name))];
  const [base, head] = REPORTS.map((report) => {
    const rows = new Map(report.components().map((row) => [row.name, row[state.metric]]));
    return (name) => (rows.has(name) ? rows.get(name) : report.measured(state.metric) ? 0 : null);
  });
  const rows = names.map((name) => ({ name, base: base(name), head: head(name) }));
  return rows.length > LEGEND ? rows.sort((a, b) => magnitude(minus(b.head, b.base)) - magnitude(minus(a.head, a.base))).slice(0, LEGEND) : rows;
}

function drawDiffComponents() {
  const rows = componentChanges();
  const top = Math.max(1, ...rows.flatMap((row) => [Number(row.base ?? 0), Number(row.head ?? 0)]));
  const bar = (y, value, color, className) => el("rect", { y, width: (1000 * Number(value ?? 0)) / top, height: 11, fill: color, class: className });
  byId("diff-components").replaceChildren(...rows.map((row) => {
    const color = componentColor(row.name);
    const text = `${exact(row.base)} → ${exact(row.head)}`;
    return el("div", { class: "stack pair", "data-component": row.name, title: text },
      el("span", { class: "what" }, swatch(color), el("bdi", {}, row.name)),
      el("svg", { viewBox: "0 0 1000 26", preserveAspectRatio: "none", role: "img", "aria-label": `${row.name}: ${text}` }, bar(1, row.base, DATA.grey), bar(14, row.head, color)),
      el("span", { class: `amount ${Number(row.head) < Number(row.base) ? "less" : Number(row.head) > Number(row.base) ? "more" : ""}` }, `${short(row.head)} (${change(row.base, row.head)})`));
  }));
}
