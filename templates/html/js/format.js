// Numbers, shapes and elements. Text only ever goes in as text: no name can become markup.

const GROUPS = new Intl.NumberFormat("en-US");
const exact = (value) => (value === null || value === undefined ? "–" : GROUPS.format(value));
const signed = (value) => (value === null ? "–" : value > 0 ? `+${exact(value)}` : exact(value).replace("-", "−"));

function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(Number(value));
  for (const [factor, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "K"]]) {
    if (size >= factor * 0.9995) return `${(Number(value) / factor).toPrecision(3)} ${unit}`;
  }
  return String(value);
}

function percent(part, whole) {
  if (part === null || whole === null || !Number(whole)) return "–";
  const share = (Number(part) / Number(whole)) * 100;
  return `${share.toFixed(share !== 0 && Math.abs(share) < 0.995 ? 2 : 1)} %`;
}

function change(base, head) {
  if (base === null || head === null) return "–";
  if (!Number(base)) return Number(head) ? "new" : "0 %";
  const share = (Number(minus(head, base)) / Number(base)) * 100;
  return `${share > 0 ? "+" : share < 0 ? "−" : ""}${Math.abs(share).toFixed(1)} %`;
}

const shape = (sizes) => (sizes.length ? sizes.join("×") : "scalar");
const shapes = (list) => (list && list.length ? list.map(shape).join(", ") : "–");

function el(tag, attributes = {}, ...content) {
  const node = tag === "svg" || tag === "rect" ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...content.flat().filter((item) => item !== null && item !== undefined));
  return node;
}

const byId = (id) => document.getElementById(id);
const swatch = (color) => el("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" }, el("rect", { width: 10, height: 10, rx: 2, fill: color }));

function shareBar(part, whole, color) {
  const share = Number(whole) ? (100 * Number(part ?? 0)) / Number(whole) : 0;
  const width = share > 0 ? Math.max(1.2, Math.min(100, share)) : 0; // what is more than nothing is seen
  return el("span", { class: "share-cell" },
    el("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      el("rect", { class: "rail", width: 100, height: 8 }), el("rect", { width, height: 8, fill: color })),
    el("span", { class: "num" }, percent(part, whole)));
}

/** Tells a screen reader, once things have settled. */
function say(text) {
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { byId("say").textContent = text; }, 120);
}
