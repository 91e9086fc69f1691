// The sessions of a server: a table of them, and what was said in the one that is open.
import { confirmButton, h } from "./dom.js";
import { widget } from "./live.js";
import { table } from "./table.js";

/** @typedef {import("./live.js").Link} Link */

/**
 * A session that is open.
 *
 * @typedef {object} Opened
 * @property {string} id
 * @property {string} name
 * @property {string[]} facts
 * @property {string} warning
 * @property {string} earlier
 * @property {string} empty
 * @property {string} waiting
 * @property {{ role: string, who: string, text: string, calls: string[] }[]} records
 */

/**
 * Save a text as a file of the reader's.
 *
 * @param {string} name The file's name.
 * @param {string} text What is in it.
 */
function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  h("a", { href: address, download: name }).click();
  window.setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** @param {Opened} opened What was read. @returns {HTMLElement[]} Its messages, each as it was said. */
function conversation({ records, earlier, empty, waiting }) {
  return [
    earlier && h("p.faint.centred", null, earlier),
    ...records.map((one) =>
      h(`article.message.${one.role === "human" ? "mine" : "theirs"}`, null, h("div.who", null, one.who),
        h("div.said.text", { dir: "auto" }, one.text), one.calls.map((call) => h("code.call", null, h("bdi", null, `→ ${call}`)))),
    ),
    !records.length && h("p.faint.centred", null, empty),
    waiting && h("p.waiting", { role: "status" }, waiting),
  ].filter(Boolean);
}

export default widget("session_explorer", (root, link) => {
  /** @type {{ opened: Map<string, Opened>, open: string, wanted: string }} */
  const memory = (link.memory.explorer ??= { opened: new Map(), open: "", wanted: "" });
  const sessions = table(link, {
    hint: link.say("part of an ID or of the last message"),
    counted: (numbers) => link.say("Sessions: {shown} of {all}", numbers),
    searching: link.say("searching …"),
    empty: link.say("No sessions yet. Chats appear here once something is said."),
    open: (row) => open(row.id),
    chosen: tool,
  });
  const again = h("button", { type: "button", onclick: () => link.ask("refresh") }, link.say("Refresh"));
  const file = h("input", { type: "file", accept: ".jsonl", hidden: true, onchange: chosenFile });
  const load = h("button", { type: "button", title: link.say("Restore the sessions from an exported file"), onclick: () => file.click() }, link.say("Import"));
  const buttons = h("div.bar");
  sessions.tools.append(buttons, file);
  const detail = h("section.detail", { hidden: true, onkeydown: escaped });
  root.append(sessions.tools, sessions.place, detail);

  /** The buttons above the table: what they act on is what was chosen. */
  function tool() {
    const chosen = sessions.chosen();
    const ids = () => (chosen.length ? chosen : sessions.shown()).map((row) => row.id);
    const count = new Intl.NumberFormat(link.data.language).format(chosen.length);
    const label = chosen.length ? link.say("Export {count}", { count }) : link.say("Export");
    const exporting = h("button", { type: "button", title: link.say("Export the sessions shown"), onclick: () => link.ask("export", { ids: ids() }) }, label);
    const removing = link.say("Delete {count}", { count });
    const remove = confirmButton(removing, link.say("{label}: click again", { label: removing }), () => link.ask("delete", { ids: ids() }));
    buttons.replaceChildren(again, exporting, load, ...(chosen.length ? [remove] : []));
  }

  async function chosenFile() {
    const [chosen] = file.files;
    file.value = "";
    if (chosen) link.ask("import", {}, [await chosen.arrayBuffer()]);
  }

  /** @param {string} id */
  function open(id) {
    memory.wanted = id;
    if (!link.ask("open", { id }) && memory.opened.has(id)) show(/** @type {Opened} */ (memory.opened.get(id)));
  }

  function close() {
    const id = memory.open;
    memory.open = memory.wanted = "";
    detail.hidden = true;
    if (link.alive) link.ask("close");
    sessions.focus(id);
  }

  /** @param {KeyboardEvent} event */
  function escaped(event) {
    if (event.key === "Escape") close();
  }

  /** @param {Opened | null} opened */
  function show(opened) {
    memory.open = opened?.id ?? "";
    detail.hidden = !opened;
    if (!opened) return;
    memory.opened.set(opened.id, opened);
    const heading = h("h4", { tabindex: "-1" }, h("bdi", null, opened.name), ...opened.facts.map((fact) => h("span.faint", null, ` · ${fact}`)));
    const remove = link.say("Delete");
    const log = h("div.log", { tabindex: "0", role: "log", "aria-label": link.say("Conversation") }, ...conversation(opened));
    detail.setAttribute("aria-label", opened.name);
    detail.replaceChildren(
      h("div.bar", null, h("div.grow", null, heading), h("button.plain", { type: "button", onclick: close }, link.say("Close"))),
      opened.warning && h("p.waiting", null, opened.warning),
      log,
      h("div.bar", null,
        h("button", { type: "button", onclick: () => link.ask("export", { ids: [opened.id], name: opened.name }) }, link.say("Export this session")),
        confirmButton(remove, link.say("{label}: click again", { label: remove }), () => link.ask("delete", { ids: [opened.id] }))),
    );
    log.scrollTop = log.scrollHeight;
    if (memory.wanted === opened.id) heading.focus({ preventScroll: true });
    memory.wanted = "";
  }

  return {
    update(changed) {
      if (changed.has("opened")) show(link.data.opened);
      sessions.update();
      tool();
    },
    event: ({ name, text }) => save(name, text),
    stop: sessions.stop,
  };
});
