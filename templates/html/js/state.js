// What is shown, kept in the hash so that a view can be sent as a link and the back button works.

const DEFAULTS = { view: DATA.view ?? "overview", metric: "parameters", colour: "component", root: "", pick: "", filter: "", sort: "", fold: false, flat: false, changed: true, side: REPORTS.length - 1, law: "" };
const SHORT = { view: "v", metric: "m", colour: "c", root: "at", pick: "p", filter: "q", sort: "s", fold: "fold", flat: "flat", changed: "changed", side: "side", law: "law" };
const state = { ...DEFAULTS };

function readHash() {
  const given = new URLSearchParams(location.hash.replace(/^#/, ""));
  for (const [name, key] of Object.entries(SHORT)) {
    const text = given.get(key);
    const usual = DEFAULTS[name];
    state[name] = text === null ? usual : typeof usual === "boolean" ? text === "1" : typeof usual === "number" ? Number(text) : text;
  }
  repair();
}

/** A link may come from another report: what it names and this page lacks falls back. */
function repair() {
  if (!VIEWS.includes(state.view)) state.view = DEFAULTS.view;
  if (!REPORTS[state.side]) state.side = DEFAULTS.side;
  if (!METRICS.some((metric) => metric.key === state.metric && current().measured(metric.key))) state.metric = DEFAULTS.metric;
  if (!["component", "type", "delta"].includes(state.colour) || (state.colour === "delta" && !COMPARING)) state.colour = DEFAULTS.colour;
  if (!current().index().has(state.root)) state.root = "";
  if (!current().index().has(state.pick)) state.pick = "";
}

function hashOf(values) {
  const out = new URLSearchParams();
  for (const [name, key] of Object.entries(SHORT)) {
    const value = values[name];
    if (value !== DEFAULTS[name]) out.set(key, typeof value === "boolean" ? (value ? "1" : "0") : value);
  }
  return out.toString();
}

/** Changes what is shown. A new view or zoom is a step for the back button, the rest is not. */
function go(changes) {
  const step = ["view", "root"].some((name) => name in changes && changes[name] !== state[name]);
  const before = { ...state };
  Object.assign(state, changes);
  repair();
  const hash = `#${hashOf(state)}`;
  if (hash !== (location.hash || "#")) note(hash, step);
  render(before);
}

/** A page inside another one may not be allowed an address of its own: then there is no link, and no way back. */
function note(hash, step) {
  try {
    history[step ? "pushState" : "replaceState"](null, "", hash);
  } catch { /* the view is shown all the same */ }
}

/** The sizes of the law of size, which change without a step for the back button. */
const lawAddress = {
  get: () => state.law,
  set: (text) => {
    state.law = text;
    note(`#${hashOf(state)}`, false);
  },
};

const current = () => REPORTS[state.side] ?? REPORTS[0];
const metricOf = (key = state.metric) => METRICS.find((metric) => metric.key === key);
const VIEWS = DATA.views;
