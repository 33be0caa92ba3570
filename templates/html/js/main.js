// The page itself: tabs, the bar above the views, theme, keys, printing.

const DRAW = { table: drawTable, icicle: drawIcicle, treemap: drawTreemap, operators: drawOperators, diff: drawDiff, ...(DATA.scaling ? { scale: drawScale } : {}) };
const tabs = [...document.querySelectorAll('[role="tab"]')];
function zoom(node) {
  if (node.report.leaf(node.module)) return;
  const path = pathOf(node);
  go({ root: path, pick: path });
  say(`Zoomed in to ${path || "the whole model"}`);
}

function zoomOut() {
  const report = current();
  const above = report.parent[report.index().get(state.root)];
  if (state.root === "" || above === undefined || above < 0) return;
  go({ root: report.path[above], pick: state.root });
  say(`Zoomed out to ${report.path[above] || "the whole model"}`);
}

function drawCrumbs() {
  const report = current();
  const nav = byId("crumbs");
  const chain = [];
  for (let i = report.index().get(state.root); i >= 0; i = report.parent[i]) chain.unshift(i);
  nav.hidden = !["table", "icicle", "treemap"].includes(state.view) || chain.length < 2;
  nav.replaceChildren(...chain.flatMap((i, k) => {
    const name = report.name(i);
    const item = k === chain.length - 1 ? el("span", { "aria-current": "location" }, el("bdi", {}, name)) : el("button", { type: "button", onclick: () => go({ root: report.path[i] }) }, el("bdi", {}, name));
    return k ? [el("span", { "aria-hidden": "true" }, "›"), item] : [item];
  }));
}

function drawMatches() {
  const matches = ["table", "icicle", "treemap"].includes(state.view) ? found() : null;
  const line = byId("matches");
  if (!matches) { line.textContent = ""; return; }
  const report = current();
  const sum = sumOfMatches(report, matches, state.metric);
  const whole = report.total(tree().module, state.metric);
  const outer = matches.outermost.length;
  const nested = matches.component ? `${exact(matches.count)} modules` : matches.count === outer ? `${exact(outer)} match${outer === 1 ? "" : "es"}` : `${exact(outer)} outermost of ${exact(matches.count)} matches (nested ones count once)`;
  line.replaceChildren(markOfMatches(report, matches, state.metric), el("strong", { id: "match-sum" }, exact(sum)), ` ${metricOf().one} = ${percent(sum, whole)} in ${nested}`);
}

let filterTimer;
function setFilter(text) {
  byId("filter").value = text;
  openness.clear();
  go({ filter: text, view: ["table", "icicle", "treemap", "operators", "diff"].includes(state.view) ? state.view : "table" });
}

/** The strip of tabs scrolls, so that the chosen one is seen, with something of its neighbours. */
function inView(tab) {
  const strip = tab.parentElement, room = 40;
  const left = tab.offsetLeft - strip.offsetLeft;
  if (left - room < strip.scrollLeft) strip.scrollLeft = left - room;
  else if (left + tab.offsetWidth + room > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = left + tab.offsetWidth + room - strip.clientWidth;
}

function render(before = {}) {
  for (const tab of tabs) {
    const on = tab.id === `tab-${state.view}`;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !on;
    if (on) inView(tab);
  }
  const drawn = ["icicle", "treemap"].includes(state.view);
  const modules = drawn || state.view === "table";
  byId("metrics").hidden = !modules && state.view !== "diff";
  byId("sides").hidden = !COMPARING || !(modules || state.view === "operators");
  byId("colour-field").hidden = byId("fold-field").hidden = !modules;
  byId("fold").disabled = state.flat && state.view === "table";
  byId("flat-field").hidden = state.view !== "table";
  byId("changed-field").hidden = state.view !== "diff";
  byId("open-field").hidden = !(state.view === "diff" || (state.view === "table" && !state.flat));
  byId("filter-field").hidden = ["overview", "scale"].includes(state.view);
  byId("png").hidden = state.view === "scale";
  byId("fold").checked = state.fold;
  byId("flat").checked = state.flat;
  byId("changed").checked = state.changed;
  byId("colour").value = state.colour;
  if (byId("filter").value.trim() !== state.filter.trim()) byId("filter").value = state.filter;
  for (const input of document.querySelectorAll('[name="metric"]')) { input.checked = input.value === state.metric; input.disabled = !current().measured(input.value); }
  for (const input of document.querySelectorAll('[name="side"]')) input.checked = Number(input.value) === state.side;
  byId("inspector").hidden = !["table", "icicle", "treemap"].includes(state.view) && (state.view !== before.view || byId("inspector").hidden);
  if (before.filter !== undefined && before.filter !== state.filter) openness.clear();
  drawCrumbs();
  drawMatches();
  if (modules) {
    const place = current().index().get(state.pick || state.root);
    inspect(place === undefined ? tree() : { report: current(), module: place, times: 1, count: 1 });
  }
  DRAW[state.view]?.(byId(`host-${state.view}`));
}

function setTheme(theme) {
  showTheme(theme);
  readTheme();
}

function fillBar() {
  const radio = (name, value, label, checked) => el("label", {}, el("input", { type: "radio", name, value, checked, onchange: () => go({ [name === "side" ? "side" : "metric"]: name === "side" ? Number(value) : value }) }), el("span", {}, label));
  byId("metrics").append(...METRICS.map((metric) => radio("metric", metric.key, metric.label, metric.key === state.metric)));
  byId("sides").append(...REPORTS.map((report, k) => radio("side", k, el("bdi", { title: report.model.name }, report.model.name), k === state.side)));
  byId("colour").append(el("option", { value: "component" }, "by component"), el("option", { value: "type" }, "by type"), ...(COMPARING ? [el("option", { value: "delta" }, "by change")] : []));
  byId("colour").addEventListener("change", (event) => go({ colour: event.target.value }));
  for (const name of ["fold", "flat", "changed"]) byId(name).addEventListener("change", (event) => go({ [name]: event.target.checked }));
  byId("filter").addEventListener("input", (event) => {
    clearTimeout(filterTimer);
    filterTimer = setTimeout(() => go({ filter: event.target.value }), current().size > 4000 ? 140 : 30);
  });
  byId("filter").addEventListener("keydown", (event) => {
    if (event.key === "Escape") { setFilter(""); event.preventDefault(); }
    if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); document.querySelector('.panel:not([hidden]) tr[tabindex="0"], .panel:not([hidden]) .stage')?.focus(); }
  });
  byId("open-all").addEventListener("click", () => { diffOpen.clear(); openAll(true); });
  byId("close-all").addEventListener("click", () => { diffOpen.clear(); openAll(false); });
  byId("csv").addEventListener("click", () => download(new Blob([csvText()], { type: "text/csv;charset=utf-8" }), "csv"));
  byId("png").addEventListener("click", () => pngCanvas().toBlob((blob) => download(blob, "png"), "image/png"));
  byId("theme").addEventListener("click", (event) => { setTheme(nextOf(THEMES, event.target.dataset.theme)); render(state); });
  byId("help").addEventListener("click", () => byId("keys").showModal());
  byId("single").checked = memory.get("single") !== "off";
  byId("single").addEventListener("change", (event) => memory.set("single", event.target.checked ? "on" : "off"));
  for (const row of document.querySelectorAll("#components tr[data-component]")) {
    const name = row.dataset.component;
    row.querySelector(".name").replaceWith(el("button", { type: "button", class: "link", title: "Show its modules", onclick: () => go({ view: "table", filter: `component:${name}` }) }, el("bdi", {}, name)));
  }
  for (const picture of document.querySelectorAll(".graph svg")) picture.style.minWidth = `${0.6 * picture.getAttribute("width")}px`;
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); byId("panels").focus(); });
  byId("bar").hidden = false;
}

function listenToTabs() {
  for (const [place, tab] of tabs.entries()) {
    tab.addEventListener("click", () => go({ view: VIEWS[place] }));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = (to + tabs.length) % tabs.length;
      go({ view: VIEWS[next] });
      tabs[next].focus();
    });
  }
}

function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open || !byId("single").checked) return;
    if (event.target.matches('input:not([type="radio"]):not([type="checkbox"]), textarea, select')) return;
    const metrics = METRICS.filter((metric) => current().measured(metric.key)).map((metric) => metric.key);
    const colours = ["component", "type", ...(COMPARING ? ["delta"] : [])];
    const actions = {
      "/": () => { if (["overview", "scale"].includes(state.view)) go({ view: "table" }); byId("filter").focus(); },
      "?": () => byId("keys").showModal(), m: () => go({ metric: nextOf(metrics, state.metric) }), c: () => go({ colour: nextOf(colours, state.colour) }),
      f: () => go({ fold: !state.fold }), t: () => byId("theme").click(), y: () => copyText(state.pick), u: zoomOut, s: () => byId("csv").click(),
    };
    const place = Number(event.key) - 1;
    const action = actions[event.key] ?? (VIEWS[place] ? () => { go({ view: VIEWS[place] }); tabs[place].focus(); } : null);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** On paper all views follow each other, light, tables in full as they are opened. */
function listenToPrinting() {
  let before = null;
  addEventListener("beforeprint", () => {
    before = { state: { ...state }, theme: byId("theme").dataset.theme };
    setTheme("light");
    const keep = state.view;
    for (const view of VIEWS.slice(1)) {
      byId(`panel-${view}`).hidden = false;
      state.view = view;
      const drawing = drawings[view];
      if (drawing) { drawing.printing = true; drawing.height = 620; }
      DRAW[view](byId(`host-${view}`));
      if (drawings[view]) { Object.assign(drawings[view], { printing: true, height: 620 }); drawings[view].draw(2.5); }
    }
    state.view = keep;
    for (const grid of [moduleGrid, operatorGrid, diffGrid]) if (grid) { grid.everything = true; grid.draw(); }
  });
  addEventListener("afterprint", () => {
    if (!before) return;
    Object.assign(state, before.state);
    for (const grid of [moduleGrid, operatorGrid, diffGrid]) if (grid) grid.everything = false;
    for (const drawing of Object.values(drawings)) { drawing.printing = false; drawing.height = undefined; }
    setTheme(before.theme);
    before = null;
    render(state);
  });
}

readHash();
fillBar();
listenToTabs();
listenToKeys();
listenToPrinting();
setTheme(keptTheme());
systemDark.addEventListener("change", () => { setTheme(byId("theme").dataset.theme); render(state); });
const follow = () => { const before = { ...state }; readHash(); render(before); };
addEventListener("popstate", follow);
addEventListener("hashchange", follow);
render();
if (state.view === "table" && state.pick) reveal(); // a link to a module
document.documentElement.dataset.ready = "1";
