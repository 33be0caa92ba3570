// All that is known of one module, beside the views; it follows the pointer and the keyboard.

function inspect(node, rest = 0) {
  const box = byId("inspector");
  if (!node) return;
  const { report, module } = node;
  const path = report.path[module];
  const roots = report.roots()[0] ?? 0;
  const figures = METRICS.map(({ key, label }) => el("tr", {},
    el("th", { scope: "row" }, label), el("td", {}, mark(report, module, key, "own") + exact(report.own(module, key))), el("td", {}, mark(report, module, key) + exact(report.total(module, key))), el("td", {}, percent(report.total(module, key), report.total(roots, key)))));
  const more = FIGURES.filter(({ key, shown }) => !shown && report.measured(key)).map(({ key, label }) => el("tr", {}, el("th", { scope: "row" }, label), el("td", {}, exact(report.own(module, key))), el("td", {}, exact(report.total(module, key))), el("td", {}, "")));
  const facts = [["Component", el("span", {}, swatch(componentColor(report.component(module))), el("bdi", {}, report.component(module)))], ["Calls", exact(report.calls(module))], ["In", shapes(report.input(module))], ["Out", shapes(report.output(module))]];
  const field = report.field(module);
  if (field) facts.push(["Receptive field", field.extent], ["Stride", field.stride]);
  if (report.aliases(module).length) facts.push(["Also at", report.aliases(module).join(", ")]);
  if (COMPARING && deltaOf(node) !== null) facts.push([`Δ ${metricOf().one}`, signed(deltaOf(node))]);
  const ran = report.ran().get(module) ?? [];
  const repeated = node.times > 1 ? ` · one of ${node.times} equal ones` : "";
  const copy = el("button", { type: "button", onclick: () => copyText(path) }, "Copy path");
  const zoomer = report.leaf(module) ? null : el("button", { type: "button", onclick: () => zoom(node) }, "Zoom in");
  const shown = el("button", { type: "button", onclick: () => showInTable(path) }, "Show in table");
  box.replaceChildren(
    el("h3", {}, el("bdi", {}, path || report.name(module))),
    el("p", { class: "what" }, rest ? `${rest} smaller ones in ` : "", el("bdi", {}, report.type(module)), repeated),
    el("dl", {}, facts.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)])),
    el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "figure"), el("th", { scope: "col" }, "own"), el("th", { scope: "col" }, "total"), el("th", { scope: "col" }, "of all"))), el("tbody", {}, figures, more)),
    el("div", { class: "buttons" }, copy, zoomer, state.view === "table" ? null : shown),
    ...ran.map((row) => el("details", {}, el("summary", {}, el("code", {}, row.op), ` × ${exact(row.calls)}: ${row.kind === "counted" ? `${exact(row.macs)} MACs, ${exact(row.flops)} FLOPs` : row.kind}`), el("pre", {}, row.formula || "No formula is known here."))),
  );
}

function pick(node) {
  inspect(node);
  if (state.pick === pathOf(node)) return;
  state.pick = pathOf(node);
  note(`#${hashOf(state)}`, false);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a page from disk may not have the clipboard: the old way needs a selection
    const field = el("textarea", { readonly: true });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  say(`Copied ${text || "the root's path, which is empty"}`);
}

function showInTable(path) {
  go({ view: "table", flat: false, fold: false, filter: "", root: "", pick: path });
  reveal();
}

/** Opens the table down to the picked module and scrolls there. */
function reveal() {
  const report = current();
  const top = tree().module;
  let id = "";
  const chain = [];
  for (let i = report.index().get(state.pick) ?? -1; i >= 0; i = i === top ? -1 : report.parent[i]) chain.unshift(i);
  for (const i of chain.slice(0, -1)) {
    id = id ? `${id}/${i}` : String(i);
    openness.set(id, true);
  }
  moduleGrid.draw();
  const place = moduleGrid.rows.findIndex((row) => row.path === state.pick);
  if (place >= 0) moduleGrid.focus(place);
}
