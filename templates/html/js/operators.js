// What ran, by operator, with the formula of each; what has none is listed, never 0.

const OPERATOR_COLUMNS = [
  { key: "op", label: "Operator", width: 280, first: true },
  { key: "kind", label: "Kind", width: 100 },
  { key: "calls", label: "Calls", width: 80, num: true },
  { key: "macs", label: "MACs", width: 140, num: true },
  { key: "share", label: "Share of MACs", width: 180, fixed: true },
  { key: "flops", label: "FLOPs", width: 140, num: true },
  { key: "formula", label: "How it is counted", width: 430 },
];

const operatorsOpen = { sort: "flops:desc" };
let operatorGrid;

function operatorRows(report) {
  const query = state.filter.trim().toLowerCase();
  const number = (value) => (typeof value === "string" ? BigInt(value) : value);
  return report.operators.map((row) => ({ ...row, macs: number(row.macs), flops: number(row.flops) }))
    .filter((row) => row.op.toLowerCase().includes(query))
    .sort(compareBy(operatorsOpen.sort, (row, key) => (row.kind === "uncounted" && (key === "macs" || key === "flops") ? null : row[key])));
}

function drawOperators(host) {
  const report = current();
  const number = (value) => (typeof value === "string" ? BigInt(value) : value);
  const whole = number(report.totals.macs);
  const rows = operatorRows(report);
  const sum = (key) => rows.reduce((total, row) => plus(total, row[key]), 0);
  const unknown = (row) => row.kind === "uncounted";
  const cell = (row) => (column) => {
    if (column.key === "op") return { nodes: [el("code", {}, row.op)], value: row.op, title: row.op };
    if (column.key === "share") return unknown(row) ? { text: "unknown", value: "" } : { nodes: [shareBar(row.macs, whole, "var(--accent)")], value: percent(row.macs, whole) };
    if (column.num) return unknown(row) && column.key !== "calls" ? { text: "unknown", value: "" } : { text: exact(row[column.key]), value: row[column.key] };
    if (column.key === "formula") {
      const text = unknown(row) ? `no formula; in ${(report.uncounted.find((item) => item.op === row.op)?.modules ?? []).join(", ")}` : row.formula;
      return { text: text.split("\n\n")[0], title: text, value: text };
    }
    return { text: row[column.key], value: row[column.key], className: column.key === "kind" && unknown(row) ? "more" : "" };
  };
  const digits = (key) => 30 + 8.3 * Math.max(8, exact(number(report.totals[key])).length);
  const columns = OPERATOR_COLUMNS.map((column) => (["macs", "flops"].includes(column.key) ? { ...column, width: digits(column.key) } : column));
  const spec = {
    label: "Operators", tree: false, columns, sort: operatorsOpen.sort, empty: report.totals.macs === null ? "The model was not run: no operators were seen." : "No operator matches.",
    rows: () => rows.map((row) => ({ id: row.op, row, level: 1, kids: false, open: false, marks: "", cell: cell(row) })),
    foot: () => [{ cell: (column) => (column.first ? { text: state.filter.trim() ? "TOTAL of the matches" : report.totals.complete ? "TOTAL" : "TOTAL (lower bound)" } : column.key === "share" ? { text: percent(sum("macs"), whole) } : column.num ? { text: exact(sum(column.key)), value: sum(column.key) } : "") }],
    onsort: (column) => { const [key, way] = operatorsOpen.sort.split(":"); operatorsOpen.sort = `${column.key}:${key === column.key && way === "desc" ? "asc" : "desc"}`; drawOperators(host); },
    ontoggle: () => {}, onenter: () => {},
    onpick: (row) => inspectOperator(row.row),
  };
  operatorGrid ??= makeGrid(host, spec);
  operatorGrid.spec = spec;
  operatorGrid.draw();
}

function inspectOperator(row) {
  const report = current();
  const where = [...report.ran()].filter(([, list]) => list.some((item) => item.op === row.op)).map(([module]) => report.path[module] || "(root)");
  const listed = where.length ? where : report.uncounted.find((item) => item.op === row.op)?.modules ?? [];
  byId("inspector").hidden = false;
  byId("inspector").replaceChildren(
    el("h3", {}, row.op), el("p", { class: "what" }, `${row.kind} · ${exact(row.calls)} calls`),
    el("pre", {}, row.kind === "uncounted" ? "No formula: its cost is missing from every figure, which are lower bounds." : row.formula || "From the table of the run."),
    listed.length ? el("details", { open: listed.length < 12 }, el("summary", {}, `Runs in ${exact(listed.length)} module${listed.length > 1 ? "s" : ""}`), el("pre", {}, listed.slice(0, 400).join("\n"))) : "",
  );
}
