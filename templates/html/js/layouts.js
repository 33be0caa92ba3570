// Where each module stands in the icicle and in the treemap: areas are proportional to the metric.

const SMALLEST = 0.7; // pixels; what is smaller is drawn together, as a grey strip

/** Root at the left, one column per level, in the order of the model from top to bottom. */
function icicle(root, width, height) {
  const phone = width < 600;
  const levels = Math.max(2, Math.min(depthBelow(root) + 1, Math.floor(width / (phone ? 84 : 118))));
  const first = phone ? 14 : Math.min(150, width / levels); // the root needs no room: the breadcrumb names it
  const column = (width - first) / (levels - 1);
  const left = (level) => (level ? first + (level - 1) * column : 0);
  const rects = [];
  const stack = [{ node: root, y: 0, h: height, level: 0 }];
  while (stack.length) {
    const { node, y, h, level } = stack.pop();
    rects.push({ node, x: left(level), y, w: level ? column : first, h });
    const whole = Number(valueOf(node));
    if (level + 1 >= levels || node.report.leaf(node.module) || !whole) continue;
    let at = y, rest = 0, small = 0;
    for (const kid of kidsOf(node)) {
      const tall = (h * Number(valueOf(kid) ?? 0)) / whole;
      if (tall >= SMALLEST) stack.push({ node: kid, y: at, h: tall, level: level + 1 });
      else if (tall > 0) { rest += tall; small++; continue; }
      else continue;
      at += tall;
    }
    if (rest > 0) rects.push({ node, rest: small, x: left(level + 1), y: at, w: column, h: rest });
    const own = (h * Number(ownOf(node) ?? 0)) / whole;
    if (own >= SMALLEST) rects.push({ node, own: true, x: left(level + 1), y: at + rest, w: column, h: own });
  }
  return rects;
}

function depthBelow(root) {
  if (root.below !== undefined) return root.below;
  const { report, module } = root;
  let deepest = 0;
  const queue = [[module, 0]];
  while (queue.length) {
    const [i, depth] = queue.pop();
    deepest = Math.max(deepest, depth);
    for (const kid of report.children(i)) queue.push([kid, depth + 1]);
  }
  root.below = deepest;
  return deepest;
}

/** Nested rectangles, squarified (Bruls, Huizing and van Wijk 2000), the largest first. */
function treemap(root, width, height) {
  const rects = [];
  const stack = [{ node: root, x: 0, y: 0, w: width, h: height }];
  while (stack.length) {
    const { node, x, y, w, h } = stack.pop();
    const kids = node.report.leaf(node.module) ? [] : kidsOf(node).filter((kid) => Number(valueOf(kid)) > 0);
    const nested = kids.length && w > 10 && h > 10;
    const head = nested && w > 46 && h > 40 ? 18 : 0;
    rects.push({ node, x, y, w, h, head: nested ? head || 0.1 : undefined, solid: !nested });
    if (!nested) continue;
    const edge = Math.min(3, w / 12, h / 12);
    const inner = { x: x + edge, y: y + Math.max(head, edge), w: w - 2 * edge, h: h - Math.max(head, edge) - edge };
    const items = kids.map((kid) => ({ node: kid, value: Number(valueOf(kid)) }));
    const own = Number(ownOf(node) ?? 0);
    if (own > 0) items.push({ node, own: true, value: own });
    items.sort((a, b) => b.value - a.value);
    for (const item of squarify(items, inner)) {
      if (item.w < SMALLEST || item.h < SMALLEST) continue;
      if (item.own) rects.push(item);
      else stack.push(item);
    }
  }
  return rects;
}

function squarify(items, box) {
  let { x, y, w, h } = box;
  let sum = items.reduce((total, item) => total + item.value, 0);
  const out = [];
  let k = 0;
  while (k < items.length && w > 0 && h > 0) {
    const side = Math.min(w, h);
    const area = (w * h) / sum;
    let row = 0, end = k, worst = Infinity;
    while (end < items.length) {
      const next = row + items[end].value;
      const strip = (next * area) / side;
      const ratio = Math.max((items[k].value * area) / strip / strip, (strip * strip) / (items[end].value * area));
      if (ratio > worst) break;
      worst = ratio;
      row = next;
      end++;
    }
    const strip = (row * area) / side;
    let at = 0;
    for (; k < end; k++) {
      const long = (side * items[k].value) / row;
      out.push(w >= h ? { ...items[k], x, y: y + at, w: strip, h: long } : { ...items[k], x: x + at, y, w: long, h: strip });
      at += long;
    }
    if (w >= h) { x += strip; w -= strip; } else { y += strip; h -= strip; }
    sum -= row;
  }
  return out;
}

function drawIcicle(host) {
  if (!drawings.icicle) makeDrawing(host, "icicle", "Icicle", icicle).order = (kids) => kids;
  drawWithZoom(drawings.icicle);
}

function drawTreemap(host) {
  if (!drawings.treemap) makeDrawing(host, "treemap", "Treemap", treemap).order = (kids) => [...kids].sort((a, b) => Number(valueOf(b)) - Number(valueOf(a)));
  drawWithZoom(drawings.treemap);
}

function drawWithZoom(drawing) {
  const here = `${state.side}:${state.root}`;
  const grown = drawing.here !== undefined && drawing.here !== here ? drawing.rectOf(tree().module) : null;
  drawing.here = here;
  drawing.lastWidth = drawing.canvas.clientWidth;
  drawing.draw(undefined, grown);
}
