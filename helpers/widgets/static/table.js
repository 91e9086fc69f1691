// A table to sort, to filter, to choose from and to act on, of any length: only the rows in view are in the page.
import { cut, h } from "./dom.js";
import { inView, largestFirst, matching, sorted, timeLeft, valueOf } from "./rows.js";

/** @typedef {import("./rows.js").Column} Column */
/** @typedef {import("./rows.js").Row} Row */
/** @typedef {import("./live.js").Link} Link */

/**
 * How a table is used.
 *
 * @typedef {object} Use
 * @property {string} hint What can be looked for.
 * @property {(numbers: { shown: string, all: string }) => string} counted Says how many rows there are.
 * @property {string} searching Said while more of them may come.
 * @property {string} empty Said of a table without a row.
 * @property {(row: Row) => void} [open] Called when a row's name is clicked; without it, names are no buttons.
 * @property {(row: Row, action: string) => void} [act] Called with an action of a row.
 * @property {() => void} [chosen] Called when the choice of rows has changed; without it, none can be chosen.
 */

const ROW_HEIGHT = 36;
const NARROW_ROW_HEIGHT = 84;
const NARROW = 560;
/** More of a cell than this is in no row; it is read where the row is opened. */
const CELL = 160;
/** How often the time that is left is looked at, in milliseconds. */
const TICK = 10000;

let tables = 0;

/**
 * Make a table of `link.data`: `columns`, `rows`, `caption` and `about`, `searching`; and `middle`, where there is a
 * row below the others, a text by column, which is neither sorted nor filtered.
 *
 * @param {Link} link What the view is given; what was chosen, sorted and filtered is in its memory.
 * @param {Use} use How it is used.
 * @returns {{ place: HTMLElement, tools: HTMLElement, update: () => void, stop: () => void, shown: () => Row[],
 *   chosen: () => Row[], focus: (id: string) => void }} The table; `tools` is the line above it.
 */
export function table(link, use) {
  const id = `rows-${++tables}`;
  const numbers = new Intl.NumberFormat(link.data.language);
  const memory = (link.memory.table ??= { key: "", descending: false, filter: "", chosen: new Set(), current: "", top: 0 });
  let columns = /** @type {Column[]} */ ([]);
  let rows = /** @type {Row[]} */ ([]);
  let largest = 1;
  let narrow = false;
  let drawn = "";
  let headed = "";
  let known = /** @type {Row[]} */ ([]);
  let count = -1;

  const filter = h("input.grow", { type: "search", id, value: memory.filter, placeholder: use.hint, oninput: filtered });
  const order = h("select", { onchange: () => sortBy(order.value) });
  const ordering = h("label.field", null, h("span", null, link.say("Sort by")), order);
  const tools = h("div.bar", null, h("label.field.grow", { for: id }, h("span", null, link.say("Filter")), filter), ordering);
  const all = h("input", { type: "checkbox", "aria-label": link.say("Select all shown"), onchange: chooseAll });
  const head = h("tr", { "aria-rowindex": 1 });
  const body = h("tbody", null);
  const widths = h("colgroup", null);
  const caption = h("caption", null);
  const foot = h("tr", null);
  const feet = h("tfoot", { hidden: true }, foot);
  const grid = h("table.rows", { onkeydown: pressed, onfocusin: focused }, caption, widths, h("thead", null, head), body, feet);
  const message = h("div.blank", null);
  const scroller = h("div.scroller", { onscroll: scrolled }, grid, message);
  const status = h("p.status.faint", { role: "status" });
  const progress = h("div.progress", { hidden: true });
  const place = h("div.table", null, progress, scroller, status);

  const watching = new ResizeObserver(([seen]) => {
    const now = seen.contentRect.width < NARROW;
    if (now !== narrow) {
      narrow = now;
      makeHead();
      makeFoot();
    }
    draw();
  });
  watching.observe(scroller);
  const clock = window.setInterval(() => {
    drawn = "";
    draw();
  }, TICK);

  const shownColumns = () => (narrow ? columns.filter((column) => column.stays) : columns);
  const rowHeight = () => (narrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT);
  const hasActions = () => rows.some((row) => row.actions?.length) || link.data.rows.some((/** @type {Row} */ row) => row.actions?.length);
  const current = () => Math.max(0, rows.findIndex((row) => row.id === memory.current));

  /** @returns {string} What the headers depend on, beside how many columns have a place. */
  const heads = () => JSON.stringify([columns, hasActions(), memory.key, memory.descending]);

  /** Make the headers: when columns change, or how many have a place. */
  function makeHead() {
    headed = heads();
    const shown = shownColumns();
    const sortable = shown.map((column) => {
      const on = column.key === memory.key;
      const arrow = h("span.arrow", { "aria-hidden": "true" }, on ? (memory.descending ? "▼" : "▲") : "");
      return h(`th.${column.kind}`, { scope: "col", "aria-sort": on ? (memory.descending ? "descending" : "ascending") : "none" },
        h("button.plain", { type: "button", title: link.say("Sort by this column"), onclick: () => sortBy(column.key) }, h("span", null, column.label), arrow));
    });
    head.replaceChildren(...(use.chosen ? [h("th.choose", { scope: "col" }, all)] : []), ...sortable,
      ...(hasActions() ? [h("th.actions", { scope: "col" }, h("span.unseen", null, link.say("Actions")))] : []));
    widths.replaceChildren(...(use.chosen ? [h("col.choose")] : []), ...shown.map((column) => h(`col.${column.kind}`)),
      ...(hasActions() ? [h("col.actions")] : []));
    order.replaceChildren(...columns.map((column) => h("option", { value: column.key, selected: column.key === memory.key }, column.label)));
    ordering.hidden = shown.length === columns.length;
    place.classList.toggle("narrow", narrow);
    drawn = "";
  }

  /** Write the row below the others; on a narrow page, all of it stands in the first cell. */
  function makeFoot() {
    const middle = /** @type {Record<string, string> | null} */ (link.data.middle ?? null);
    if (!middle) return;
    const rest = columns.filter((one) => !one.stays && middle[one.key]).map((one) => labelled(one, middle[one.key]));
    const cells = shownColumns().map((one) => one.kind === "name"
      ? h("th.name", { scope: "row" }, h("span", null, middle[one.key]), narrow && h("span.rest.faint", null, rest.join(" · ")))
      : h(`td.${one.kind}`, { title: middle[one.key] }, middle[one.key]));
    foot.replaceChildren(...(use.chosen ? [h("td.choose")] : []), ...cells, ...(hasActions() ? [h("td.actions")] : []));
  }

  /** @param {string} key */
  function sortBy(key) {
    const column = columns.find((one) => one.key === key);
    if (!column) return;
    const again = key === memory.key;
    Object.assign(memory, { key, descending: again ? !memory.descending : largestFirst(column), top: 0 });
    const held = /** @type {ShadowRoot} */ (place.getRootNode()).activeElement;
    const at = [...head.children].findIndex((one) => one.contains(held));
    arrange();
    makeHead();
    if (at >= 0) head.children[at]?.querySelector("button")?.focus();
    scroller.scrollTop = 0;
    draw();
    say(memory.descending ? link.say("Sorted by {column}, descending", { column: column.label }) : link.say("Sorted by {column}, ascending", { column: column.label }));
  }

  function filtered() {
    Object.assign(memory, { filter: filter.value, top: 0 });
    arrange();
    scroller.scrollTop = 0;
    draw();
    say();
  }

  /** Put the rows that match in order. */
  function arrange() {
    const column = columns.find((one) => one.key === memory.key) ?? columns[0];
    const found = matching(link.data.rows, memory.filter);
    rows = column ? sorted(found, column, memory.descending, link.data.language, columns[0].key) : found;
    largest = 1;
    for (const key of columns.filter((one) => one.kind === "bytes").map((one) => one.key)) {
      for (const row of link.data.rows) largest = Math.max(largest, valueOf(row.cells[key]) ?? 0);
    }
    drawn = "";
  }

  /** @param {string} [first] What is said before the numbers. */
  function say(first = "") {
    const counted = use.counted({ shown: numbers.format(rows.length), all: numbers.format(link.data.rows.length) });
    const parts = [first, counted, link.data.searching ? use.searching : "", link.data.note ?? ""];
    const text = parts.filter(Boolean).join(" · ");
    feet.hidden = !link.data.middle || !rows.length;
    if (status.textContent !== text) status.textContent = text;
    explain();
  }

  /** Draw the rows in view, where they are not there already. */
  function draw() {
    const height = rowHeight();
    const [first, last] = inView(rows.length, memory.top, scroller.clientHeight || 400, height);
    const now = `${first} ${last} ${rows.length}`;
    if (now !== drawn) {
      drawn = now;
      const root = /** @type {ShadowRoot} */ (body.getRootNode());
      const inside = Boolean(root.activeElement && body.contains(root.activeElement));
      const control = inside ? root.activeElement?.getAttribute("data-control") ?? "" : "";
      body.replaceChildren(gap(first * height), ...rows.slice(first, last).map((row, place) => line(row, first + place)),
        gap((rows.length - last) * height));
      if (inside && !focusAt(current(), control, false)) filter.focus({ preventScroll: true });
    }
    grid.setAttribute("aria-rowcount", String(rows.length + 1));
    const chosen = rows.filter((row) => memory.chosen.has(row.id)).length;
    Object.assign(all, { checked: rows.length > 0 && chosen === rows.length, indeterminate: chosen > 0 && chosen < rows.length });
  }

  /** @param {number} height Stands for the rows that are not drawn. */
  function gap(height) {
    return h("tr.gap", { "aria-hidden": "true", hidden: height === 0 }, h("td", { colspan: head.children.length || 1, style: `height: ${height}px` }));
  }

  /**
   * @param {Row} row
   * @param {number} place
   */
  function line(row, place) {
    const shown = shownColumns();
    const tab = place === current() ? 0 : -1;
    const actions = (row.actions ?? []).map((one) =>
      h(`button.small${one.primary ? ".primary" : ""}`, { type: "button", disabled: Boolean(one.disabled), "data-control": one.action,
        "aria-label": `${one.label} ${nameOf(row)}`, onclick: () => use.act?.(row, one.action) }, one.label));
    const classes = [row.marked && "marked", place % 2 && "odd", memory.chosen.has(row.id) && "chosen"].filter(Boolean).join(" ");
    return h("tr", { class: classes || null, "data-id": row.id, "aria-rowindex": place + 2 },
      use.chosen && h("td.choose", null, h("input", { type: "checkbox", checked: memory.chosen.has(row.id), tabindex: tab, "data-control": "choose",
        "aria-label": link.say("Select {name}", { name: nameOf(row) }), onchange: () => choose(row) })),
      shown.map((column) => cellOf(column, row, tab)),
      hasActions() && h("td.actions", null, ...actions));
  }

  /** @param {Row} row */
  const nameOf = (row) => {
    const column = columns.find((one) => one.kind === "name");
    return column ? cut(String(valueOf(row.cells[column.key]) ?? ""), CELL) : "";
  };

  /**
   * @param {Column} column
   * @param {Row} row
   * @param {number} tab
   */
  function cellOf(column, row, tab) {
    const cell = row.cells[column.key];
    if (column.kind !== "name") return h(`td.${column.kind}`, null, ...written(column, cell));
    const name = h("bdi", null, nameOf(row));
    const mark = row.cells[`${column.key}:mark`];
    const others = columns.filter((one) => !one.stays && ![null, undefined, ""].includes(valueOf(row.cells[one.key])));
    const rest = narrow && h("span.rest.faint", null, others.flatMap((one, place) => [place ? " · " : "", ...written(one, row.cells[one.key], true)]));
    return h("th.name", { scope: "row" }, use.open
      ? h("button.plain.link", { type: "button", tabindex: tab, "data-control": "open", title: nameOf(row), onclick: () => use.open?.(row) }, name)
      : h("span", { title: nameOf(row), tabindex: tab, "data-control": "open" }, name), mark && h("span.mark", null, mark), rest);
  }

  /**
   * @param {Column} column
   * @param {string} value
   * @returns {string} The value after the column's name.
   */
  const labelled = (column, value) => link.say("{name}: {value}", { name: column.label, value });

  /**
   * What stands in a cell.
   *
   * @param {Column} column
   * @param {any} cell
   * @param {boolean} [brief] Without a bar, with the column's name where the value says little.
   * @returns {any[]}
   */
  function written(column, cell, brief = false) {
    const value = valueOf(cell);
    const worded = cell !== null && typeof cell === "object";
    if (column.kind === "bytes") {
      const share = h("span.share", { "aria-hidden": "true" }, h("span", { style: `width: ${Math.max(2, (100 * (value ?? 0)) / largest)}%` }));
      const number = `${worded ? cell.text : ""}${numbers.format(value ?? 0)}`;
      return brief ? [labelled(column, number)] : [h("span.sized", null, share, h("span", null, number))];
    }
    if (column.kind === "number") {
      const number = worded ? cell.text : numbers.format(value ?? 0);
      return [brief ? labelled(column, number) : number];
    }
    if (column.kind === "until") {
      if (value === null || value === undefined) return ["–"];
      const left = value - Date.now() / 1000;
      return [left > 0 ? timeLeft(left, link.data.language) : link.say("expired")];
    }
    if (column.kind === "flag") {
      const mark = h(`span.flag${value ? "" : ".faint"}`, null, h("span", { "aria-hidden": "true" }, value ? "✓ " : "— "), value ? link.say("on") : link.say("off"));
      return brief ? [`${column.label} `, mark] : [mark];
    }
    const text = cut(worded ? cell.text : String(value ?? ""), CELL);
    return [h(`bdi${worded && cell.tone ? `.${cell.tone}` : ""}`, ["text", "state"].includes(column.kind) ? { title: text } : null, text)];
  }

  /** @param {Row} row */
  function choose(row) {
    if (!memory.chosen.delete(row.id)) memory.chosen.add(row.id);
    memory.current = row.id;
    drawn = "";
    draw();
    use.chosen?.();
  }

  function chooseAll() {
    for (const row of rows) {
      if (all.checked) memory.chosen.add(row.id);
      else memory.chosen.delete(row.id);
    }
    drawn = "";
    draw();
    use.chosen?.();
  }

  function scrolled() {
    memory.top = scroller.scrollTop;
    draw();
  }

  /** @param {FocusEvent} event */
  function focused(event) {
    const row = /** @type {HTMLElement} */ (event.target).closest("tr[data-id]");
    if (!row || row.getAttribute("data-id") === memory.current) return;
    memory.current = /** @type {string} */ (row.getAttribute("data-id"));
    for (const control of body.querySelectorAll("[data-control][tabindex]")) {
      control.setAttribute("tabindex", row.contains(control) ? "0" : "-1");
    }
  }

  /**
   * Move within the rows, as in any list: a row up or down, a page, to an end.
   *
   * @param {KeyboardEvent} event
   */
  function pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (!body.contains(target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(scroller.clientHeight / rowHeight()) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step === undefined) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(rows.length - 1, current() + step));
    focusAt(to, target.getAttribute("data-control") ?? "", true);
  }

  /**
   * @param {number} place Which row.
   * @param {string} control Which of its controls.
   * @param {boolean} reveal Whether to scroll to it.
   * @returns {boolean} Whether it is there.
   */
  function focusAt(place, control, reveal) {
    if (!rows[place]) return false;
    memory.current = rows[place].id;
    if (reveal) {
      const top = place * rowHeight();
      const room = scroller.clientHeight - /** @type {HTMLElement} */ (head).offsetHeight - rowHeight();
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room + 1;
      memory.top = scroller.scrollTop;
      drawn = "";
      draw();
    }
    const line = body.querySelector(`tr[data-id="${CSS.escape(memory.current)}"]`);
    const wanted = line?.querySelector(`[data-control="${control}"]:not(:disabled)`) ?? line?.querySelector("[data-control]");
    /** @type {HTMLElement | undefined} */ (wanted)?.focus({ preventScroll: true });
    return Boolean(wanted);
  }

  /** Say why there is no row, and what can be done. */
  function explain() {
    const found = link.data.rows.length > 0;
    message.hidden = rows.length > 0;
    if (rows.length) return;
    if (link.data.searching && !found) message.replaceChildren(...[70, 55, 62].map((width) => h("div.bone", { style: `width: ${width}%` })));
    else if (found) {
      const clear = h("button", { type: "button", onclick: () => { filter.value = ""; filtered(); filter.focus(); } }, link.say("Clear the filter"));
      message.replaceChildren(h("p", null, link.say("Nothing matches “{text}”.", { text: cut(memory.filter, 40) })), clear);
    } else message.replaceChildren(h("p", null, use.empty));
  }

  return {
    place,
    tools,
    shown: () => rows,
    chosen: () => link.data.rows.filter((/** @type {Row} */ row) => memory.chosen.has(row.id)),
    focus: (id) => void focusAt(rows.findIndex((row) => row.id === id), "open", true),
    update() {
      columns = link.data.columns;
      memory.key ||= columns[0]?.key ?? "";
      caption.replaceChildren(link.data.caption, " ", h("code.faint", null, h("bdi", null, link.data.about)));
      progress.hidden = !link.data.searching;
      place.setAttribute("aria-busy", String(Boolean(link.data.searching)));
      const there = new Set(link.data.rows.map((/** @type {Row} */ row) => row.id));
      if (!link.data.searching) for (const one of memory.chosen) if (!there.has(one)) memory.chosen.delete(one);
      // What has not changed stays as it is, or a key that is pressed meanwhile would be lost, and the focus of a header.
      const headless = headed !== heads();
      if (headless || known !== link.data.rows || count !== link.data.rows.length) arrange();
      known = link.data.rows;
      count = known.length;
      if (headless || headed !== heads()) makeHead();
      makeFoot();
      if (scroller.isConnected) scroller.scrollTop = memory.top;
      draw();
      say();
    },
    stop() {
      watching.disconnect();
      clearInterval(clock);
    },
  };
}
