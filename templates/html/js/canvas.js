// What both drawings share: a canvas with zoom, hover, keyboard and a legend. Its twin, the table, is searchable text.

const drawings = {};

function themeColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** ``layout(root, width, height)`` gives rectangles {node, x, y, w, h, label, own}, parents before children. */
function makeDrawing(host, key, label, layout) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const stage = el("div", { class: "stage", role: "application", "aria-roledescription": "drawing", tabindex: 0, "aria-label": `${label} of the modules. Arrow keys move, Enter zooms in, Escape zooms out. The table tab holds the same figures as text.` }, canvas);
  const legend = el("ul", { class: "legend", "aria-label": "Colours" });
  const note = el("p", { class: "note", hidden: true });
  host.replaceChildren(note, stage, legend);
  const drawing = { rects: [], cursor: null, key, canvas, stage };

  const size = () => {
    const width = Math.max(240, Math.floor(stage.clientWidth));
    return [width, drawing.height ?? Math.round(Math.max(380, Math.min(window.innerHeight - (stage.getBoundingClientRect().top + scrollY) - 56, 1100)))];
  };

  drawing.paint = (context, width, height, from = null, share = 1) => {
    context.fillStyle = themeColor("--bg");
    context.fillRect(0, 0, width, height);
    context.save();
    if (from) {
      const at = (a, b) => a + (b - a) * share;
      context.translate(at(from.x, 0), at(from.y, 0));
      context.scale(at(from.w / width, 1), at(from.h / height, 1));
    }
    const matches = found();
    for (const rect of drawing.rects) paintRect(context, rect, matches);
    const focus = drawing.cursor && drawing.rects.find((rect) => rect.node === drawing.cursor && !rect.own);
    if (focus && !from) {
      context.lineWidth = 3;
      context.strokeStyle = themeColor("--bg");
      context.strokeRect(focus.x + 1.5, focus.y + 1.5, Math.max(1, focus.w - 3), Math.max(1, focus.h - 3));
      context.lineWidth = 2;
      context.strokeStyle = themeColor("--text");
      context.strokeRect(focus.x + 1, focus.y + 1, Math.max(1, focus.w - 2), Math.max(1, focus.h - 2));
    }
    context.restore();
  };

  drawing.draw = (scale = window.devicePixelRatio || 1, from = null) => {
    const [width, height] = size();
    const root = tree();
    const measured = valueOf(root) !== null && Number(valueOf(root)) > 0;
    note.hidden = measured;
    note.textContent = measured ? "" : `${metricOf().label}: nothing to draw here (${valueOf(root) === null ? "not measured" : "the sum is 0"}).`;
    drawing.rects = measured ? layout(root, width, height) : [];
    if (!drawing.cursor || !drawing.rects.some((rect) => rect.node === drawing.cursor)) drawing.cursor = null;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    const frame = (share) => {
      context.setTransform(scale, 0, 0, scale, 0, 0);
      drawing.paint(context, width, height, share < 1 ? from : null, share);
    };
    cancelAnimationFrame(drawing.running);
    const still = !from || matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (still) frame(1);
    else {
      const start = performance.now();
      const step = (now) => {
        const time = Math.min(1, (now - start) / 190);
        frame(1 - (1 - time) ** 3);
        if (time < 1) drawing.running = requestAnimationFrame(step);
      };
      frame(0);
      drawing.running = requestAnimationFrame(step);
    }
    legend.replaceChildren(...legendEntries().map((entry) => {
      const text = [swatch(entry.color), el("bdi", {}, entry.label), entry.note ? el("small", {}, entry.note) : ""];
      return el("li", {}, entry.filter ? el("button", { type: "button", title: `Filter: ${entry.filter}`, onclick: () => setFilter(state.filter === entry.filter ? "" : entry.filter) }, text) : el("span", {}, text));
    }));
  };

  /** Where the module that was zoomed out of, or into, stood: the drawing grows from there. */
  drawing.rectOf = (module) => drawing.rects.find((rect) => rect.node.module === module && !rect.own);

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) * size()[0]) / box.width, y = event.clientY - box.top;
    for (let k = drawing.rects.length - 1; k >= 0; k--) {
      const rect = drawing.rects[k];
      if (x >= rect.x && x < rect.x + rect.w && y >= rect.y && y < rect.y + rect.h) return rect;
    }
    return null;
  };
  stage.addEventListener("pointermove", (event) => {
    const rect = at(event);
    if (!rect || rect.node === drawing.hover) return;
    drawing.hover = rect.node;
    inspect(rect.node, rect.rest);
  });
  stage.addEventListener("pointerleave", () => { drawing.hover = null; inspect(drawing.cursor); });
  stage.addEventListener("click", (event) => {
    const rect = at(event);
    if (!rect) return;
    drawing.cursor = rect.node;
    pick(rect.node);
    const into = rect.node.report.leaf(rect.node.module) && rect.node.parent ? rect.node.parent : rect.node; // a leaf has no inside
    if (rect.node === tree()) zoomOut();
    else if (into !== tree()) zoom(into);
    else repaint();
  });
  const repaint = () => drawing.draw();
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const node = drawing.cursor ?? tree();
    const seen = new Set(drawing.rects.filter((rect) => !rect.own).map((rect) => rect.node));
    const beside = (step) => {
      const row = node.parent ? drawing.order(kidsOf(node.parent)).filter((kid) => seen.has(kid)) : [node];
      return row[Math.max(0, Math.min(row.length - 1, row.indexOf(node) + step))];
    };
    const moves = {
      ArrowRight: () => drawing.order(kidsOf(node)).find((kid) => seen.has(kid)), ArrowLeft: () => (node === tree() ? null : node.parent),
      ArrowDown: () => beside(1), ArrowUp: () => beside(-1), Home: () => tree(),
    };
    if (moves[event.key]) {
      const next = moves[event.key]();
      event.preventDefault();
      if (next) {
        drawing.cursor = next;
        pick(next);
        repaint();
        say(`${pathOf(next) || next.report.name(next.module)}, ${next.report.type(next.module)}, ${exact(valueOf(next))} ${metricOf().one}`);
      }
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (!node.report.leaf(node.module) && node !== tree()) zoom(node);
    } else if (event.key === "Escape" || event.key === "Backspace") {
      event.preventDefault();
      zoomOut();
    }
  });
  stage.addEventListener("focus", () => inspect(drawing.cursor ?? tree()));
  new ResizeObserver(() => { if (state.view === key && !drawing.printing && Math.abs(canvas.clientWidth - (drawing.lastWidth ?? 0)) > 1) { drawing.lastWidth = canvas.clientWidth; drawing.draw(); } }).observe(stage);
  drawings[key] = drawing;
  return drawing;
}

function paintRect(context, rect, matches) {
  const { node, x, y, w, h } = rect;
  const background = themeColor.bg, dark = themeColor.dark;
  let color = rect.rest ? themeColor.grey : colorOf(node);
  if (rect.rest) color = mix(color, background, 0.35);
  else if (!rect.own && !rect.solid && !node.report.leaf(node.module)) color = mix(color, background, dark ? 0.55 : 0.5);
  const faded = matches && !matches.inside[node.module];
  if (faded) color = mix(color, background, 0.16);
  context.fillStyle = color;
  const gap = Math.min(1, w / 3, h / 3);
  context.fillRect(x, y, Math.max(w - gap, 0.5), Math.max(h - gap, 0.5));
  const room = rect.head ?? h;
  if (w < 34 || room < 14.5 || rect.rest) return;
  context.fillStyle = faded ? themeColor.soft : inkOn(color);
  const tall = room >= 34 && !rect.head;
  const middle = rect.head ? y + rect.head / 2 + 0.5 : tall ? y + Math.min(room / 2 - 7, 20) : y + room / 2;
  context.textBaseline = "middle";
  const value = short(rect.own ? ownOf(node) : valueOf(node));
  const name = rect.own ? "(own)" : node.count > 1 ? `${node.label} × ${node.count}` : node.label;
  context.font = `${rect.own ? "italic " : node.report.leaf(node.module) ? "" : "600 "}12px ${themeColor.sans}`;
  const wide = context.measureText(value).width;
  const inline = !tall && w > wide + 70;
  context.fillText(cut(context, name, w - 10 - (inline ? wide + 8 : 0)), x + 5, middle);
  if (inline || (tall && w > wide + 8)) {
    context.font = `11px ${themeColor.sans}`;
    if (tall) {
      const extra = state.colour === "delta" && deltaOf(node) !== null ? `  Δ ${deltaOf(node) > 0 ? "+" : ""}${short(deltaOf(node))}` : `  ${percent(rect.own ? ownOf(node) : valueOf(node), current().totals[state.metric])}`;
      context.fillText(cut(context, value + extra, w - 10), x + 5, middle + 15);
    } else context.fillText(value, x + w - 6 - context.measureText(value).width, middle);
  }
}

function cut(context, text, width) {
  if (width < 8) return "";
  if (text.length < 60 && context.measureText(text).width <= width) return text;
  let low = 0, high = Math.min(text.length, 200);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low > 0 ? `${text.slice(0, low)}…` : "";
}

function readTheme() {
  themeColor.bg = themeColor("--bg");
  themeColor.soft = themeColor("--soft");
  themeColor.grey = themeColor("--grey");
  themeColor.sans = themeColor("--sans");
  themeColor.dark = inkOn(themeColor.bg) === "#ffffff";
}
