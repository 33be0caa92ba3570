// A table that stays quick with any number of rows: only those near the window are in the page.
// It is a treegrid (or a plain grid): arrows move and open, the row that has the focus is the only tab stop.

const ALL_ROWS = 400; // as many rows are simply all there, so that the browser's own search finds them

/**
 * ``spec``: label, columns [{key, label, width, num}], rows() [{id, level, kids, open, name, cell(column), marks}],
 * foot() [{name, cell}], sort, onsort(key), ontoggle(id, open), onpick(row), onenter(row).
 */
function makeGrid(host, spec) {
  const scroller = el("div", { class: "grid", tabindex: null });
  const body = el("tbody");
  const foot = el("tfoot");
  const head = el("thead");
  const table = el("table", { role: spec.tree === false ? "grid" : "treegrid", "aria-label": spec.label }, head, body, foot);
  scroller.append(table);
  host.replaceChildren(scroller);
  const grid = { rows: [], at: 0, height: 30, everything: false, spec, scroller };

  function drawHead() {
    const { columns, sort } = grid.spec;
    table.querySelector("colgroup")?.remove();
    const narrow = scroller.clientWidth < 700;
    const width = (column) => (column.first && narrow ? Math.min(column.width, 170) : column.width);
    table.prepend(el("colgroup", {}, columns.map((column) => {
      const col = el("col");
      col.style.width = `${width(column)}px`;
      return col;
    })));
    table.style.minWidth = `${columns.reduce((sum, column) => sum + width(column), 0)}px`;
    head.replaceChildren(el("tr", { "aria-rowindex": 1 }, columns.map((column) => {
      const [key, way] = sort ? sort.split(":") : [];
      const way2 = key === column.key ? (way === "asc" ? "ascending" : "descending") : null;
      const label = column.fixed ? el("span", { class: "fixed" }, column.label) : el("button", { type: "button", title: column.title ?? `Sort by ${column.label}`, onclick: () => grid.spec.onsort(column) }, column.label);
      return el("th", { scope: "col", role: "columnheader", class: column.num ? "num" : null, "aria-sort": way2 }, label);
    })));
  }

  function makeRow(row, k) {
    const { columns } = grid.spec;
    const cells = columns.map((column) => {
      const content = row.cell(column);
      const cell = el("td", { role: "gridcell", class: [column.num && "num", content?.className].filter(Boolean).join(" ") || null, title: column.num ? null : content?.title ?? null });
      if (column.first) {
        cell.style.paddingLeft = `${6 + Math.min(row.level - 1, 14) * 14}px`;
        if (grid.spec.tree !== false) cell.append(el("span", { class: "twist", "aria-hidden": "true", onclick: (event) => { event.stopPropagation(); if (row.kids) grid.spec.ontoggle(row.id, !row.open); } }, row.kids ? (row.open ? "▾" : "▸") : ""));
      }
      cell.append(...[content?.nodes ?? content?.text ?? content ?? ""].flat());
      return cell;
    });
    return el("tr", {
      role: "row", "data-id": row.id, "data-path": row.path ?? null, "aria-rowindex": k + 2, "aria-level": grid.spec.tree === false ? null : row.level, class: row.marks || null,
      "aria-expanded": row.kids ? String(row.open) : null, "aria-selected": (grid.id === undefined ? row.picked : row.id === grid.id) ? "true" : null, tabindex: k === grid.at ? 0 : -1,
    }, cells);
  }

  function drawBody() {
    const count = grid.rows.length;
    let from = 0, to = count;
    if (count > ALL_ROWS && !grid.everything) {
      from = Math.max(0, Math.floor(scroller.scrollTop / grid.height) - 12);
      to = Math.min(count, from + Math.ceil((scroller.clientHeight || 600) / grid.height) + 24);
    }
    if (grid.everything) to = Math.min(count, 3000);
    grid.from = from;
    const spacer = (rows, key) => {
      if (!rows) return [];
      const cell = el("td", { colspan: grid.spec.columns.length });
      cell.style.height = `${rows * grid.height}px`;
      return [el("tr", { class: "spacer", "aria-hidden": "true", "data-spacer": key }, cell)];
    };
    const tail = grid.everything && count > to ? [el("tr", {}, el("td", { colspan: grid.spec.columns.length }, `+${exact(count - to)} more rows that are not printed`))] : spacer(count - to, "below");
    const hadFocus = body.contains(document.activeElement);
    body.replaceChildren(...spacer(from, "above"), ...grid.rows.slice(from, to).map((row, k) => makeRow(row, from + k)), ...tail);
    if (hadFocus) body.querySelector('tr[tabindex="0"]')?.focus({ preventScroll: true });
    const sample = body.querySelector("tr[data-id]");
    if (sample?.offsetHeight) grid.height = sample.offsetHeight;
  }

  grid.draw = () => {
    grid.rows = grid.spec.rows();
    const here = grid.rows.findIndex((row) => row.id === grid.id);
    grid.at = here >= 0 ? here : Math.min(grid.at, Math.max(0, grid.rows.length - 1));
    table.setAttribute("aria-rowcount", grid.rows.length + 1);
    drawHead();
    drawBody();
    foot.replaceChildren(...grid.spec.foot().map((row) => el("tr", { role: "row" }, grid.spec.columns.map((column, k) => {
      const content = row.cell(column);
      return el(k ? "td" : "th", { class: column.num ? `num ${content?.className ?? ""}` : null, scope: k ? null : "row", role: k ? "gridcell" : "rowheader" }, content?.nodes ?? content?.text ?? content ?? "");
    }))));
    scroller.querySelector(".empty")?.remove();
    if (!grid.rows.length) scroller.append(el("p", { class: "empty" }, grid.spec.empty ?? "Nothing to show."));
  };

  grid.focus = (place, reveal = true) => {
    if (!grid.rows.length) return;
    grid.at = Math.max(0, Math.min(place, grid.rows.length - 1));
    grid.id = grid.rows[grid.at].id;
    const top = grid.at * grid.height;
    const room = scroller.clientHeight - 130;
    if (reveal && (top < scroller.scrollTop || top > scroller.scrollTop + room)) scroller.scrollTop = Math.max(0, top - room / 2);
    drawBody();
    body.querySelector('tr[tabindex="0"]')?.focus({ preventScroll: true });
    grid.spec.onpick(grid.rows[grid.at]);
  };

  table.addEventListener("click", (event) => {
    const line = event.target.closest("tr[data-id]");
    if (!line) return;
    const place = grid.rows.findIndex((row) => row.id === line.dataset.id);
    if (place >= 0) grid.focus(place, false);
  });
  table.addEventListener("dblclick", (event) => {
    const row = grid.rows[grid.at];
    if (event.target.closest("tr[data-id]") && row) grid.spec.onenter?.(row);
  });
  body.addEventListener("keydown", (event) => {
    if (!event.target.matches("tr[data-id]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = grid.rows[grid.at];
    const page = Math.max(1, Math.floor(scroller.clientHeight / grid.height) - 3);
    const parent = () => { let k = grid.at; while (k > 0 && grid.rows[k].level >= row.level) k--; return k; };
    const moves = {
      ArrowDown: () => grid.focus(grid.at + 1), ArrowUp: () => grid.focus(grid.at - 1), Home: () => grid.focus(0), End: () => grid.focus(grid.rows.length - 1),
      PageDown: () => grid.focus(grid.at + page), PageUp: () => grid.focus(grid.at - page),
      ArrowRight: () => (row.kids && !row.open ? grid.spec.ontoggle(row.id, true) : row.kids && grid.focus(grid.at + 1)),
      ArrowLeft: () => (row.kids && row.open ? grid.spec.ontoggle(row.id, false) : grid.focus(parent())),
      Enter: () => grid.spec.onenter?.(row), " ": () => row.kids && grid.spec.ontoggle(row.id, !row.open),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  });
  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (grid.rows.length <= ALL_ROWS || waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; drawBody(); });
  }, { passive: true });
  return grid;
}
