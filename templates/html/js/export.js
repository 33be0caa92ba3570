// The current view as CSV (exact integers) and as PNG.

/** Header and rows of the current view. */
function viewTable(limit = Infinity) {
  if (state.view === "overview") return overviewTable();
  if (state.view === "scale") return scaleTab.table();
  const grid = { table: moduleGrid, operators: operatorGrid, diff: diffGrid }[state.view];
  if (!grid) return drawingTable();
  const { columns } = grid.spec;
  const rows = grid.rows.slice(0, limit).map((row) => columns.map((column) => row.cell(column)?.value ?? ""));
  const foot = grid.spec.foot().map((row) => columns.map((column) => { const cell = row.cell(column); return cell?.value ?? cell?.text ?? ""; }));
  return { head: columns.map((column) => column.long ?? column.label), rows: [...rows, ...foot], left: grid.rows.length - rows.length };
}

function overviewTable() {
  const rows = [];
  for (const report of REPORTS) {
    const line = (name, source) => [...(COMPARING ? [report.model.name] : []), name, ...METRICS.map(({ key }) => source[key] ?? "")];
    rows.push(...report.components().map((row) => line(row.name, row)), line("TOTAL", report.totals));
  }
  return { head: [...(COMPARING ? ["Model"] : []), "Component", ...METRICS.map((metric) => metric.label)], rows, left: 0 };
}

function drawingTable() {
  const nodes = [...everyNode()];
  return {
    head: ["Module", "Type", "Component", "Times", "Own", "With submodules"], left: 0,
    rows: nodes.map((node) => [pathOf(node), node.report.type(node.module), node.report.component(node.module), node.times, ownOf(node) ?? "", valueOf(node) ?? ""]),
  };
}

/** A spreadsheet runs a text that begins like a formula: such names get an apostrophe in front. */
function csvField(value) {
  const text = typeof value === "number" || typeof value === "bigint" ? String(value) : /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvText() {
  const { head, rows } = viewTable();
  return [head, ...rows].map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

function download(blob, ending) {
  const name = `${REPORTS.map((report) => report.model.name).join("-vs-")}-${state.view}`.replace(/[^\w.-]+/g, "_").slice(0, 80);
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: `${name}.${ending}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  say(`Saved ${name}.${ending}`);
}

function pngCanvas() {
  const scale = 2;
  const drawing = drawings[state.view];
  const title = `${REPORTS.map((report) => report.model.name).join(" → ")} · ${metricOf().label}${state.root ? ` · ${state.root}` : ""}`;
  const whole = `${exact(current().total(tree().module, state.metric))} ${metricOf().one}`;
  const table = drawing ? null : viewTable(60);
  const width = drawing ? drawing.canvas.clientWidth : Math.min(1800, 40 + table.head.length * 150);
  const body = drawing ? drawing.canvas.clientHeight : 24 * (table.rows.length + 1 + (table.left ? 1 : 0));
  const legend = drawing ? 34 : 0;
  const canvas = el("canvas", { width: width * scale, height: (body + 56 + legend) * scale });
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.fillStyle = themeColor.bg;
  context.fillRect(0, 0, width, body + 56 + legend);
  context.fillStyle = themeColor("--text");
  context.textBaseline = "middle";
  context.font = `600 15px ${themeColor.sans}`;
  context.fillText(cut(context, title, width - 30), 12, 18);
  context.fillStyle = themeColor.soft;
  context.font = `12px ${themeColor.sans}`;
  if (drawing) context.fillText(cut(context, whole, width - 30), 12, 37);
  context.translate(0, 52);
  if (drawing) {
    drawing.paint(context, width, body);
    paintLegend(context, width, body + 18);
  } else paintTable(context, table, width);
  return canvas;
}

function paintLegend(context, width, y) {
  let x = 12;
  context.font = `12px ${themeColor.sans}`;
  for (const entry of legendEntries()) {
    const label = cut(context, entry.label, 180);
    const wide = context.measureText(label).width;
    if (x + wide + 40 > width) break;
    context.fillStyle = entry.color;
    context.fillRect(x, y - 6, 11, 11);
    context.fillStyle = themeColor("--text");
    context.fillText(label, x + 17, y);
    x += wide + 36;
  }
}

function paintTable(context, table, width) {
  const column = (width - 24 - 110) / table.head.length;
  const lines = [table.head, ...table.rows, ...(table.left ? [[`+${exact(table.left)} more rows`]] : [])];
  const figures = table.head.map((_, c) => table.rows.some((row) => typeof row[c] === "number" || typeof row[c] === "bigint"));
  lines.forEach((row, k) => {
    context.font = `${k === 0 ? "600 " : ""}12px ${themeColor.sans}`;
    context.fillStyle = k === 0 ? themeColor.soft : themeColor("--text");
    row.forEach((value, c) => {
      const text = cut(context, typeof value === "string" ? value : exact(value), c ? column - 12 : column + 100);
      const x = 12 + (c ? 110 : 0) + c * column;
      context.fillText(text, figures[c] ? x + column - 14 - context.measureText(text).width : x, k * 24 + 14);
    });
    context.fillStyle = themeColor("--line");
    context.fillRect(12, k * 24 + 25, width - 24, 1);
  });
}
