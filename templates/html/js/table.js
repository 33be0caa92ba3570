// Every module with its figures: as a tree of totals, or flat with own figures, which add up to the whole.

const openness = new Map(); // what the reader opened and closed, by node
let openDefault = "some";

const MODULE_COLUMNS = [
  { key: "name", label: "Module", width: 262, first: true, title: "Sort by name" },
  { key: "type", label: "Type", width: 150 },
  { key: "component", label: "Component", width: 118 },
  { key: "calls", label: "Calls", width: 62, num: true },
  { key: "input", label: "In", width: 130 },
  { key: "output", label: "Out", width: 130 },
];

// How far a module looks, where somebody asked for it.
const FIELD_COLUMNS = [
  { key: "extent", label: "Receptive field", width: 128, num: true, title: "Sort by receptive field, in positions of the input" },
  { key: "stride", label: "Stride", width: 84, num: true },
];

function tableColumns() {
  const figures = METRICS.map((metric) => ({ key: metric.key, label: metric.label, width: widthOf(metric), num: true, metric: metric.key }));
  return [MODULE_COLUMNS[0], { key: "share", label: "Share", long: `Share of ${metricOf().one}`, width: 160, fixed: true }, ...figures, ...(current().field(0) ? FIELD_COLUMNS : []), ...MODULE_COLUMNS.slice(1)];
}

/** Wide enough for the largest figure, the whole: no number is ever cut. */
function widthOf({ key, label }) {
  const whole = current().roots().map((root) => current().total(root, key) ?? 0).reduce(plus, 0);
  return 30 + 8.3 * Math.max(exact(whole).length + (current().uncounted.length && bounded(key) ? 2 : 0), label.length + 1);
}

/** Which nodes start open: the levels that make a readable first page; with a filter, the way to the matches. */
function isOpen(node) {
  const given = openness.get(node.id);
  if (given !== undefined) return given;
  const matches = found();
  if (matches) return !matches.inside[node.module];
  if (openDefault !== "some") return openDefault === "all";
  return node.depth < firstLevels();
}

function firstLevels() {
  const top = tree();
  if (top.levels === undefined) {
    let level = kidsOf(top), rows = 1 + level.length;
    top.levels = 1;
    while (level.length && top.levels < 6) {
      level = level.flatMap((node) => (node.report.leaf(node.module) ? [] : kidsOf(node)));
      rows += level.length;
      if (rows > 44 || !level.length) break;
      top.levels++;
    }
  }
  return top.levels;
}

function compareBy(sort, read) {
  const [key, way] = sort.split(":");
  const sign = way === "asc" ? 1 : -1;
  return (a, b) => {
    const x = read(a, key), y = read(b, key);
    if (x === y) return 0;
    if (x === null || y === null) return x === null ? 1 : -1; // what was not measured comes last, either way
    return x < y ? -sign : sign;
  };
}

function sortValue(node, key) {
  const { report, module } = node;
  if (METRICS.some((metric) => metric.key === key)) return state.flat ? ownOf(node, key) : valueOf(node, key);
  if (key === "name") return state.flat ? pathOf(node) : report.name(module);
  if (key === "type" || key === "component") return report[key](module);
  if (key === "calls") return report.calls(module) ?? null;
  if (key === "extent" || key === "stride") return fieldOrder(report.field(module)?.[key] ?? "-");
  return shapes(report[key](module));
}

/** What a field or a stride is sorted by: its first number, a fraction too; all of the input comes after every number. */
function fieldOrder(text) {
  const [, whole, part] = /^(\d[\d,]*)(?:\/(\d+))?/.exec(text) ?? [];
  return text.startsWith("all") ? Infinity : whole ? Number(whole.replaceAll(",", "")) / Number(part ?? 1) : null;
}

function tableNodes() {
  const order = state.sort && compareBy(state.sort, sortValue);
  const top = tree();
  if (state.flat) {
    const matches = found();
    const inside = new Uint8Array(current().size);
    const nodes = [];
    const report = current();
    for (let i = 0; i < report.size; i++) {
      inside[i] = i === top.module || (report.parent[i] >= 0 && inside[report.parent[i]]) ? 1 : 0;
      if (inside[i] && (!matches || (matches.component ? matches.hit[i] : matches.inside[i]))) nodes.push({ report, module: i, times: 1, count: 1, depth: 0, id: `flat/${i}`, parent: null });
    }
    return nodes.sort(order || compareBy(`${state.metric}:desc`, sortValue));
  }
  const out = [];
  const stack = [top];
  while (stack.length) {
    const node = stack.pop();
    out.push(node);
    if (node.report.leaf(node.module) || !isOpen(node)) continue;
    const kids = order ? [...kidsOf(node)].sort(order) : kidsOf(node);
    for (let k = kids.length - 1; k >= 0; k--) stack.push(kids[k]);
  }
  return out;
}

function tableCell(node, column, whole) {
  const { report, module } = node;
  if (column.metric) {
    const value = state.flat ? ownOf(node, column.metric) : valueOf(node, column.metric);
    return { text: mark(report, module, column.metric, state.flat ? "own" : "total") + exact(value), value };
  }
  switch (column.key) {
    case "name": {
      const label = state.flat ? pathOf(node) || report.name(module) : node.label ?? report.name(module);
      return { nodes: [el("bdi", {}, label), node.count > 1 ? el("span", { class: "times" }, ` × ${node.count}`) : ""], title: pathOf(node), value: (pathOf(node) || report.name(module)) + (node.times > 1 ? ` (× ${node.times})` : "") };
    }
    case "share": {
      const value = state.flat ? ownOf(node) : valueOf(node);
      return { nodes: [shareBar(value, whole, colorOf(node))], value: percent(value, whole) };
    }
    case "type": return { nodes: [el("bdi", {}, report.type(module))], title: report.type(module), value: report.type(module) };
    case "component": return { nodes: [swatch(componentColor(report.component(module))), el("bdi", {}, report.component(module))], value: report.component(module) };
    case "extent":
    case "stride": return { text: report.field(module)[column.key], value: report.field(module)[column.key] };
    case "calls": return { text: exact(report.calls(module)), value: report.calls(module) };
    default: { const text = shapes(report[column.key](module)); return { text, title: text, value: text }; }
  }
}

function tableRows() {
  const matches = found();
  const whole = current().total(tree().module, state.metric);
  return tableNodes().map((node) => ({
    id: node.id, path: pathOf(node), node, level: node.depth + 1, kids: !state.flat && !node.report.leaf(node.module) && kidsOf(node).length > 0, open: !state.flat && isOpen(node),
    picked: state.pick !== "" && pathOf(node) === state.pick,
    marks: matches ? (matches.hit[node.module] ? "match" : matches.inside[node.module] ? "" : "around") : "",
    cell: (column) => tableCell(node, column, whole),
  }));
}

function tableFoot() {
  const report = current();
  const matches = found();
  const module = tree().module;
  const line = (name, read, sign) => ({ cell: (column) => (column.first ? { text: name } : column.metric ? { text: sign(column.metric) + exact(read(column.metric)), value: read(column.metric) } : column.key === "share" ? { text: percent(read(state.metric), report.total(module, state.metric)) } : "") });
  const total = line(report.path[module] === "" ? "TOTAL" : `TOTAL of ${report.path[module]}`, (metric) => report.total(module, metric), (metric) => mark(report, module, metric));
  return matches ? [line("Matches, each once", (metric) => sumOfMatches(report, matches, metric), (metric) => markOfMatches(report, matches, metric)), total] : [total];
}

const sorter = (column) => {
  const first = column.num ? "desc" : "asc";
  const second = first === "desc" ? "asc" : "desc";
  go({ sort: state.sort === `${column.key}:${first}` ? `${column.key}:${second}` : state.sort === `${column.key}:${second}` ? "" : `${column.key}:${first}` });
};

let moduleGrid;
function drawTable(host) {
  const spec = {
    label: state.flat ? "Modules with their own figures" : "Modules with the figures of their submodules", tree: !state.flat, columns: tableColumns(), rows: tableRows, foot: tableFoot, sort: state.sort, onsort: sorter, empty: "No module matches.",
    ontoggle: (id, open) => { openness.set(id, open); moduleGrid.id = id; moduleGrid.draw(); },
    onpick: (row) => pick(row.node),
    onenter: (row) => zoom(row.node),
  };
  if (!moduleGrid || moduleGrid.spec.tree !== spec.tree) moduleGrid = makeGrid(host, spec);
  moduleGrid.spec = spec;
  moduleGrid.draw();
}

function openAll(open) {
  openness.clear();
  openDefault = open ? "all" : "none";
  if (!open) openness.set(tree().id, true);
  if (state.filter.trim() && open) for (const node of everyNode()) openness.set(node.id, true);
  render();
}

function* everyNode() {
  const stack = [tree()];
  while (stack.length) {
    const node = stack.pop();
    yield node;
    stack.push(...kidsOf(node));
  }
}
