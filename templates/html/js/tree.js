// The tree that the views draw: children by need, repeated blocks folded, and what the filter finds.

/** A glob over paths, as in component patterns: * within a name, ** any depth, x.** also x itself. */
function globToRegExp(glob) {
  let out = "";
  for (let i = 0; i < glob.length; i++) {
    const rest = glob.slice(i);
    if (rest === ".**") { out += "(?:\\..*)?"; break; }
    if (rest.startsWith("**.")) { out += "(?:.*\\.)?"; i += 2; }
    else if (rest.startsWith("**")) { out += ".*"; i += 1; }
    else if (glob[i] === "*") out += "[^.]*";
    else if (glob[i] === "?") out += "[^.]";
    else if (/^\[[^\]]+\]/.test(rest)) {
      const set = rest.slice(1, rest.indexOf("]"));
      out += `[${set.replace(/^!/, "^").replace(/[\\[]/g, "\\$&")}]`;
      i += set.length + 1;
    } else out += glob[i].replace(/[.+^${}()|\\\]\[]/g, "\\$&");
  }
  return out;
}

function matcher(report, query) {
  const [, scope, text] = /^(?:(type|component):)?\s*(.*?)\s*$/is.exec(query);
  const read = { type: report.type, component: report.component }[scope?.toLowerCase()] ?? ((i) => report.path[i]);
  if (/[*?]|\[[^\]]+\]/.test(text) && !(scope && scope.toLowerCase() === "component")) {
    try {
      const pattern = new RegExp(`^${globToRegExp(text)}$`, "i");
      return (i) => pattern.test(read(i));
    } catch { /* a range such as [z-a] is no glob: it is searched for as text */ }
  }
  const wanted = text.toLowerCase();
  if (scope && scope.toLowerCase() === "component") return (i) => read(i).toLowerCase() === wanted;
  return (i) => read(i).toLowerCase().includes(wanted);
}

/** Which modules match, how many match below each, and which matches are outermost: those add up, nothing twice. */
function search(report, query, root) {
  const key = JSON.stringify([report.place, query, root]);
  if (search.key === key) return search.found;
  const test = matcher(report, query);
  const { size, parent } = report;
  const hit = new Uint8Array(size), inside = new Uint8Array(size), below = new Int32Array(size);
  const outermost = [];
  const scoped = /^(type|component):/i.test(query);
  let count = 0;
  const scope = root ? report.index().get(root) : -1;
  const within = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const above = parent[i];
    within[i] = scope < 0 || i === scope || (above >= 0 && within[above]) ? 1 : 0;
    if (!within[i]) continue;
    const covered = above >= 0 && inside[above];
    if ((report.path[i] !== "" || scoped) && test(i)) {
      hit[i] = 1;
      count++;
      if (!covered) outermost.push(i);
    }
    inside[i] = covered || hit[i] ? 1 : 0;
  }
  for (let i = size - 1; i >= 0; i--) if (parent[i] >= 0) below[parent[i]] += below[i] + hit[i];
  search.key = key;
  search.found = { hit, inside, below, outermost, count, component: /^component:/i.test(query) ? query : "" };
  return search.found;
}

const found = () => (state.filter.trim() ? search(current(), state.filter, state.root) : null);

/** The figure of all matches. By component the own figures of every match add up, else the totals of the outermost. */
function sumOfMatches(report, matches, metric) {
  let sum = report.measured(metric) ? 0 : null;
  if (sum === null) return null;
  if (matches.component) {
    for (let i = 0; i < report.size; i++) if (matches.hit[i]) sum = plus(sum, report.own(i, metric) ?? 0);
    return sum;
  }
  for (const i of matches.outermost) sum = plus(sum, report.total(i, metric) ?? 0);
  return sum;
}

const markOfMatches = (report, matches, metric) =>
  matches.component ? (bounded(metric) && [...report.lower().own].some((i) => matches.hit[i]) ? "≥ " : "") : matches.outermost.map((i) => mark(report, i, metric)).find(Boolean) ?? "";

/** Equal blocks get equal numbers: type, calls, shapes, own figures and, by name, children. */
function signatures(report) {
  if (report.alike) return report.alike;
  const known = new Map();
  const alike = new Int32Array(report.size);
  const rows = report.modules;
  for (let i = report.size - 1; i >= 0; i--) {
    const kids = Array.from(report.children(i), (kid) => `${rows.name[kid]}:${alike[kid]}`);
    const key = [rows.type[i], rows.component[i], rows.calls[i], rows.input[i], rows.output[i], rows.receptive_field?.[i], rows.stride?.[i], METRICS.map(({ key: metric }) => report.total(i, metric)), kids].join("|");
    if (!known.has(key)) known.set(key, known.size);
    alike[i] = known.get(key);
  }
  report.alike = alike;
  return alike;
}

function makeNode(report, module, parent, members = null) {
  const count = members ? members.length : 1;
  const node = { report, module, parent, count, times: (parent ? parent.times : 1) * count, depth: parent ? parent.depth + 1 : 0, kids: null };
  node.label = members && count > 1 ? `${report.name(members[0])} … ${report.name(members[count - 1])}` : report.name(module);
  node.id = (parent ? `${parent.id}/` : "") + module;
  return node;
}

/** Folded blocks are equal in one report; beside another one they need not be. */
const folding = () => state.fold && state.colour !== "delta";

function kidsOf(node) {
  if (node.kids) return node.kids;
  const { report, module } = node;
  const matches = found();
  let list = Array.from(report.children(module));
  if (matches && !(matches.inside[module] && !matches.below[module])) list = list.filter((kid) => matches.hit[kid] || matches.below[kid]);
  const fold = folding() && !matches;
  const alike = fold ? signatures(report) : null;
  const kids = [];
  for (let k = 0; k < list.length; ) {
    let end = k + 1;
    while (fold && end < list.length && alike[list[end]] === alike[list[k]]) end++;
    kids.push(makeNode(report, list[k], node, end - k > 1 ? list.slice(k, end) : null));
    k = end;
  }
  node.kids = kids;
  return kids;
}

/** The tree from the zoomed module down; the same one until something about it changes. */
function tree() {
  const key = JSON.stringify([state.side, state.root, state.filter.trim(), folding()]);
  if (tree.key !== key) {
    tree.key = key;
    tree.root = makeNode(current(), current().index().get(state.root) ?? 0, null);
  }
  return tree.root;
}

const valueOf = (node, metric = state.metric) => times(node.report.total(node.module, metric), node.times);
const ownOf = (node, metric = state.metric) => times(node.report.own(node.module, metric), node.times);
const pathOf = (node) => node.report.path[node.module];
