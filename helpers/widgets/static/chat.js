// A chat, and beside it what Redis holds of it.
import { confirmButton, cut, h } from "./dom.js";
import { widget } from "./live.js";
import { showMarkdown } from "./markdown.js";
import { clock, listLines } from "./session.js";

/** @typedef {import("./live.js").Link} Link */
/** @typedef {import("./session.js").Message} Message */
/** @typedef {import("./session.js").StoredMessage} StoredMessage */
/** @typedef {import("./session.js").Facts} Facts */

/**
 * What is being said and is not stored yet.
 *
 * @typedef {object} Talk
 * @property {"" | "answering" | "failed" | "stopped"} state
 * @property {Message} [question]
 * @property {Message[]} said The answer so far.
 * @property {number} from The number of the first record that may be of it.
 */

/** @typedef {{ place: HTMLElement, message: Message, update: (message: Message) => void }} Bubble */

/** How much of a tool's result is shown. */
const LONGEST_RESULT = 30_000;
/** Within so many pixels of its end, a conversation is at its end. */
const NEAR = 32;
/** Who comes back sooner than this is not taken for one who wants news. */
const LOOK_AGAIN = 2000;

const ICONS = {
  copy: "M5 2h7a1 1 0 0 1 1 1v8M3 5h6a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z",
  again: "M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3",
  down: "M8 3v10M4 9l4 4 4-4",
};

/** @param {keyof typeof ICONS} name */
function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  line.setAttribute("d", ICONS[name]);
  drawing.append(line);
  return drawing;
}

/**
 * A photo.
 *
 * @param {Link} link What the view is given.
 * @param {string | undefined} source Where it is; what is elsewhere is not fetched, and may be opened.
 * @param {number} n Its message's number.
 * @param {number} place Which of the message's it is.
 * @returns {HTMLElement} It, or what stands for it.
 */
function photoOf(link, source, n, place) {
  const name = link.say("Image");
  if (!source) return h("span.photo", { "data-n": n, "data-place": place }, `🖼 ${name}`);
  if (source.startsWith("data:")) return h("img", { src: source, alt: name });
  return h("a.photo", { href: source, target: "_blank", rel: "noopener noreferrer nofollow" }, `🖼 ${name}`);
}

/**
 * One message.
 *
 * @param {Link} link What the view is given.
 * @param {Message} message The message.
 * @param {(image: HTMLElement) => void} wanted Called with the place of a photo that the kernel has not read.
 * @returns {Bubble} Its bubble.
 */
function bubble(link, message, wanted) {
  const number = new Intl.NumberFormat(link.data.language);
  const text = h("div.said", { dir: "auto" });
  const summary = h("bdi");
  const result = message.role === "tool" && h("details.more", null, h("summary", null, summary), text);
  const thought = h("div.text", { dir: "auto" });
  const reasoning = h("details.more", { hidden: true }, h("summary", null, link.say("Reasoning")), thought);
  const calls = h("div", null);
  const photos = h("div.photos", null);
  const used = h("span", null);
  const tokens = h("summary", null);
  const usage = h("details.usage", { hidden: true }, tokens, used);
  const copy = h("button.plain.small", { type: "button", onclick: copied }, icon("copy"), link.say("Copy"));
  const foot = h("div.foot", null, usage);
  const side = message.role === "human" ? "mine" : "theirs";
  const place = h(`article.message.${side}`, null, h("div.who", null, h("span", null, message.who), copy), reasoning, result || text);
  place.append(photos, calls, foot);

  async function copied() {
    const field = h("textarea", { "aria-hidden": "true", class: "unseen", value: made.message.text });
    try {
      await navigator.clipboard.writeText(made.message.text);
    } catch {
      place.append(field); // within a frame, a page may not always use the clipboard by itself
      field.select();
      document.execCommand("copy");
      field.remove();
      copy.focus();
    }
    copy.lastChild.textContent = link.say("Copied");
    window.setTimeout(() => (copy.lastChild.textContent = link.say("Copy")), 2000);
  }

  /** @param {Message} now */
  function update(now) {
    made.message = now;
    if (result) {
      summary.textContent = `${now.name ? `${now.name}: ` : ""}${cut(now.text.split("\n", 1)[0], 80)}`;
      text.textContent = cut(now.text, LONGEST_RESULT);
    } else {
      showMarkdown(text, now.text);
    }
    text.hidden = !now.text;
    copy.hidden = !now.text || Boolean(result);
    reasoning.hidden = !now.reasoning;
    if (now.reasoning && thought.textContent !== now.reasoning) thought.textContent = now.reasoning;
    for (const [at, call] of now.calls.entries()) {
      const known = calls.children[at]?.querySelector("pre");
      if (known?.textContent === call.whole) continue;
      const folded = h("summary", null, h("bdi", null, `→ ${cut(call.shown, 120)}`));
      const shown = h("details.more", null, folded, h("pre", { dir: "ltr", tabindex: "0" }, call.whole));
      if (known) calls.children[at].replaceWith(shown);
      else calls.append(shown);
    }
    photos.hidden = !now.photos?.length;
    for (const [at, address] of (now.photos ?? []).entries()) {
      const { n } = /** @type {StoredMessage} */ (now);
      const source = address ?? link.memory.photos?.[`${n} ${at}`];
      const known = photos.children[at];
      if (known && (known.tagName !== "SPAN" || !source)) continue;
      const shown = photoOf(link, source, n, at);
      if (known) known.replaceWith(shown);
      else photos.append(shown);
      if (!source && n !== undefined) wanted(shown);
    }
    usage.hidden = !now.usage;
    if (now.usage) {
      const { input, output, total } = now.usage;
      tokens.textContent = link.say("Tokens: {count}", { count: number.format(total) });
      used.textContent = link.say("Input: {input} · Output: {output}", { input: number.format(input), output: number.format(output) });
    }
    foot.hidden = usage.hidden;
  }

  /** @type {Bubble} */
  const made = { place, message, update };
  update(message);
  return made;
}

/**
 * The table of what Redis holds.
 *
 * @param {Link} link What the view is given.
 * @returns {{ place: HTMLElement, update: (records: StoredMessage[], facts: Facts) => void }} It.
 */
function storedList(link) {
  const number = new Intl.NumberFormat(link.data.language);
  const key = h("code", null);
  const body = h("tbody", null);
  const empty = h("p.faint", null);
  const columns = [["index", link.say("Index")], ["type", link.say("Type")], ["text", link.say("Text")], ["bytes", link.say("Bytes")]];
  const head = h("tr", null, columns.map(([name, label]) => h("th", { scope: "col", class: name }, label)));
  const table = h("table.list", null, h("caption", null, h("bdi", null, key)), h("thead", null, head), body);
  const place = h("div.scrolls", { tabindex: "0", role: "region", "aria-label": link.say("What Redis holds") }, table, empty);
  /** @type {Map<string, any>} */
  const known = new Map();

  /** @param {import("./session.js").ListLine} line */
  function make({ record, edge }) {
    if (!record) return h(`tr.edge.${edge}`, null, h("td", { colspan: "3" }), h("td.bytes", null));
    const mark = h("span.new", { hidden: true }, link.say("new"));
    const kind = h("td.type", null, h("code", null, record.role || "?"), mark);
    const text = h("td.text", null, h("bdi", { title: record.line }, record.line));
    return h("tr", null, h("td.index", null), kind, text, h("td.bytes", null, number.format(record.bytes)));
  }

  return {
    place,
    update(records, facts) {
      key.textContent = facts.key;
      const count = (/** @type {number | null} */ value) => ({ count: number.format(value ?? 0) });
      const edges = {
        window: () => link.say("The chain gets the latest {count} (window).", count(facts.window)),
        cap: () => link.say("Redis keeps at most {count} (max_messages); older ones drop off here.", count(facts.cap)),
        earlier: () => link.say("Earlier messages: {count}", count(facts.length - records.length)),
      };
      const lines = listLines(records, facts);
      const ids = new Set(lines.map((line) => line.id));
      for (const [id, row] of known) {
        if (ids.has(id)) continue;
        row.remove();
        known.delete(id);
      }
      let before = null;
      for (const line of lines) {
        const row = known.get(line.id) ?? make(line);
        known.set(line.id, row);
        const next = before ? before.nextSibling : body.firstChild;
        if (next !== row) body.insertBefore(row, next);
        before = row;
        if (line.record) {
          if (row.firstChild.textContent !== String(line.index)) row.firstChild.textContent = String(line.index);
          row.classList.toggle("within", line.within);
          const fresh = line.record.n >= link.data.fresh;
          row.classList.toggle("fresh", fresh);
          row.querySelector(".new").hidden = !fresh;
        } else {
          row.firstChild.textContent = edges[/** @type {"window" | "cap" | "earlier"} */ (line.edge)]();
        }
      }
      empty.textContent = facts.length ? "" : facts.thread ? link.say("No messages yet.") : link.say("The list does not exist: Redis holds no empty lists.");
      empty.hidden = facts.length > 0;
    },
  };
}

/**
 * Make the panel.
 *
 * @param {HTMLElement} root Where.
 * @param {Link} link What it is given.
 * @returns {import("./live.js").View} Its view.
 */
function chatView(root, link) {
  const { data, memory } = link;
  const random = Math.random().toString(36).slice(2);
  /** @type {Map<number, Bubble>} */
  const bubbles = new Map();
  /** @type {Bubble[]} */
  const pending = [];
  let atEnd = true;
  let looked = Date.now();

  // The session.
  const names = h("datalist", { id: `names-${random}` });
  const session = h("input.grow", {
    id: `session-${random}`, list: names.id, autocomplete: "off", spellcheck: "false", dir: "auto",
    onfocus: () => link.alive && link.ask("offer"),
  });
  const form = h("form.bar.grow", { onsubmit: switched },
    h("label", { for: session.id }, data.session.thread ? link.say("Thread") : link.say("Session")), session, names, h("button", { type: "submit" }, link.say("Open")));
  const again = h("button.plain", { type: "button", onclick: () => look(true) }, icon("again"), link.say("Refresh"));
  const clear = confirmButton(link.say("Clear"), link.say("{label}: click again", { label: link.say("Clear") }), () => link.ask("clear"));

  // The conversation.
  const earlier = h("p.faint.centred", { hidden: true });
  const empty = h("p.faint.centred.nothing", null, link.say("No messages yet."));
  const standing = h("div", null);
  const note = h("div.note", { hidden: true });
  const dots = h("div.dots", { hidden: true, role: "img", "aria-label": link.say("Answering …") }, h("i"), h("i"), h("i"));
  const growing = h("div.growing", null);
  const waiting = h("p.waiting", { role: "status", hidden: true });
  const log = h("div.log", {
    role: "log", tabindex: "0", "aria-label": link.say("Conversation"), onscroll: scrolled,
  }, earlier, empty, standing, growing, dots, note, waiting);
  const down = h("button.down", { type: "button", hidden: true, onclick: toEnd, "aria-label": link.say("To the latest message") }, icon("down"));

  // What is typed.
  const field = h("textarea", {
    rows: "1", dir: "auto", "aria-label": link.say("Message"), placeholder: link.say("Type a message and press Enter"),
    onkeydown: typed, oninput: grown, value: memory.typed ?? "",
  });
  const send = h("button.primary", { type: "submit" }, link.say("Send"));
  const stop = h("button", { type: "button", hidden: true, onclick: stopped }, h("span.square"), link.say("Stop"));
  const say = h("form.say", { onsubmit: sent }, field, send, stop);

  // What is stored.
  const list = storedList(link);
  const said = h("span", null);
  const left = h("span.left", null);
  const stored = h("div.stored", null, list.place, h("p.facts", null, said, left));

  const talk = h("div.talk", null, h("div.over", null, log, down), say);
  root.append(h("div.chat", null,
    h("div.bar.top", null, form, again, clear), h("div.columns", null, talk, stored)));

  // What the reader does.

  /** @param {Event} event */
  function sent(event) {
    event.preventDefault();
    const text = field.value.trim();
    if (text && !busy()) ask(text);
  }

  /** @param {string} text */
  function ask(text) {
    atEnd = true;
    if (link.ask("send", { text })) memory.sent = text;
  }

  function stopped() {
    if (link.ask("stop")) field.focus();
  }

  /** @param {KeyboardEvent} event */
  function typed(event) {
    // What ends a syllable or a choice of characters does not send.
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    event.stopPropagation(); // Shift+Enter would run the cell
    if (!event.shiftKey) sent(event);
  }

  function grown() {
    memory.typed = field.value;
    field.style.height = "auto";
    field.style.height = `${field.value.length > 5000 ? 160 : field.scrollHeight + 2}px`;
    if (atEnd) toEnd();
  }

  /** @param {Event} event */
  function switched(event) {
    event.preventDefault();
    const wanted = session.value.trim();
    if (wanted && !busy()) link.ask("switch", { session_id: wanted });
  }

  function busy() {
    return data.talk.state === "answering";
  }

  /** @param {boolean} [clicked] */
  function look(clicked = false) {
    if (!clicked && (!link.alive || busy() || Date.now() - looked < LOOK_AGAIN)) return;
    looked = Date.now();
    link.ask("look");
  }

  // Where the reader is.

  function scrolled() {
    atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    down.hidden = atEnd;
  }

  function toEnd() {
    log.scrollTop = log.scrollHeight;
    scrolled();
  }

  // What is shown.

  /** @param {Message} message */
  const make = (message) => bubble(link, message, (image) => photos.observe(image));

  /** Photos that come into view and are not here are asked for, each once. */
  const photos = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting || !link.alive) continue;
      photos.unobserve(target);
      const { n, place } = /** @type {HTMLElement} */ (target).dataset;
      link.ask("photo", { n: Number(n), place: Number(place) });
    }
  });

  function showStored() {
    const facts = /** @type {Facts} */ (data.session);
    const records = /** @type {StoredMessage[]} */ (data.records).filter((one) => one.n >= data.first);
    list.update(records, facts);
    said.textContent = facts.said.join(" · ");
    const answered = busy() ? data.talk.from : Infinity; // what of an answer is stored already shows as it comes
    const shown = records.filter((one) => one.n < answered);
    const numbers = new Set(shown.map((one) => one.n));
    for (const [n, one] of bubbles) {
      if (numbers.has(n)) continue;
      one.place.remove();
      bubbles.delete(n);
    }
    for (const record of shown) {
      if (bubbles.has(record.n)) continue;
      // What has just been said stands already.
      const at = pending.findIndex(({ message }) => message.role === record.role && message.text === record.text);
      const [made] = at < 0 ? [make(record)] : pending.splice(at, 1);
      made.update(record);
      bubbles.set(record.n, made);
      standing.append(made.place);
    }
    const more = facts.length - records.length;
    earlier.hidden = more <= 0;
    earlier.textContent = link.say("Earlier messages: {count}", { count: new Intl.NumberFormat(data.language).format(more) });
    waiting.textContent = facts.waiting;
    waiting.hidden = !facts.waiting;
    if (root.getRootNode() instanceof ShadowRoot && /** @type {ShadowRoot} */ (root.getRootNode()).activeElement !== session)
      session.value = facts.id;
    tick();
  }

  function showTalk() {
    const { state, question, said: answer } = /** @type {Talk} */ (data.talk);
    const messages = state && question ? [question, ...answer] : [];
    for (const [place, message] of messages.entries()) {
      if (pending[place]?.message.role === message.role) pending[place].update(message);
      else {
        for (const one of pending.splice(place)) one.place.remove();
        pending.push(make(message));
        growing.append(pending[place].place);
      }
    }
    for (const one of pending.splice(messages.length)) one.place.remove();
    growing.setAttribute("aria-busy", String(busy()));
    growing.classList.toggle("undone", state === "failed" || state === "stopped");
    dots.hidden = !busy() || answer.length > 0;
    send.hidden = busy();
    stop.hidden = !busy();
    note.hidden = !messages.length || busy();
    note.replaceChildren(
      state === "stopped" ? h("span", null, link.say("Stopped. The unfinished answer was not stored.")) : "",
      h("button.small", { type: "button", onclick: () => question && ask(question.text) }, icon("again"), link.say("Try again")),
    );
    const mine = question?.text === memory.sent;
    if (busy() && mine && field.value.trim() === memory.sent) field.value = "";
    if ((state === "failed" || state === "stopped") && mine && !field.value) field.value = memory.sent;
    if (!busy()) memory.sent = state ? memory.sent : undefined;
    grown();
  }

  function tick() {
    const { expires, length } = /** @type {Facts} */ (data.session);
    const seconds = expires === null ? null : (expires - Date.now()) / 1000;
    const text = seconds === null ? link.say("never expires") : link.say("expires in {time}", { time: clock(seconds) });
    const shown = length ? ` · ${text}` : "";
    if (left.textContent !== shown) left.textContent = shown;
    if (length && seconds !== null && seconds < 0) look();
    if (busy() && !link.alive) {
      link.ask("look"); // which says that the kernel is gone
      data.talk.state = "stopped";
      showTalk();
    }
  }

  /** @param {Set<string>} changed */
  function update(changed) {
    const follow = atEnd;
    // What is stored takes over the bubbles of what was said, before those go.
    if (["session", "records", "first", "fresh", "talk"].some((name) => changed.has(name))) showStored();
    if (changed.has("talk")) showTalk();
    if (changed.has("offered"))
      names.replaceChildren(...data.offered.map((/** @type {string} */ name) => h("option", { value: name })));
    empty.hidden = Boolean(bubbles.size || pending.length);
    if (changed.has("session")) looked = Date.now();
    if (follow) toEnd();
    else scrolled();
  }

  const timer = setInterval(tick, 1000);
  const visible = () => document.visibilityState === "visible" && look();
  const seen = new IntersectionObserver(([entry]) => entry.isIntersecting && look());
  const came = () => look();
  document.addEventListener("visibilitychange", visible);
  window.addEventListener("focus", came);
  root.addEventListener("pointerenter", came);
  root.addEventListener("focusin", came);
  seen.observe(root);

  return {
    update,
    event({ more, photo }) {
      const told = more && data.talk.said[more.at];
      if (told && told.text.length === more.after) told.text += more.text;
      if (told) {
        const follow = atEnd;
        showTalk();
        if (follow) toEnd();
      }
      if (photo) {
        (memory.photos ??= {})[`${photo.n} ${photo.place}`] = photo.address;
        const made = bubbles.get(photo.n);
        made?.update(made.message);
      }
    },
    stop() {
      clearInterval(timer);
      seen.disconnect();
      photos.disconnect();
      document.removeEventListener("visibilitychange", visible);
      window.removeEventListener("focus", came);
    },
  };
}

export default widget("chat", chatView);
