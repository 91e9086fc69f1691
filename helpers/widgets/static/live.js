// What joins a widget's view with whatever stands behind it: a kernel, or what a picture has kept.
//
// A picture is the element that Python made; in it are the data as JSON and this script. The view takes its place in
// a shadow tree, so that neither the page's styles nor the view's reach the other. anywidget brings the
// same script, a model that a kernel hears, and, where a front end shows no picture, an element of its own.
import { filled, h } from "./dom.js";

/**
 * What a view is given.
 *
 * @typedef {object} Link
 * @property {Record<string, any>} data What is shown. Python changes it; a view does not.
 * @property {Record<string, any>} memory What the view wants to find again when it is made anew.
 * @property {boolean} alive Whether a kernel may hear what is asked.
 * @property {(text: string, values?: Record<string, unknown>) => string} say A text in the reader's language.
 *   It is written in English where it is said, as one string, and translated with those that Python says.
 * @property {(action: string, details?: Record<string, unknown>, buffers?: ArrayBuffer[]) => boolean} ask Have Python
 *   do something. Where nobody hears, the page says so, and it is false.
 *
 * @typedef {object} View
 * @property {(changed: Set<string>) => void} update Called when parts of the data have changed.
 * @property {(event: Record<string, any>) => void} [event] Called with what Python tells once and keeps nowhere.
 * @property {() => void} [stop] Called when the view is taken away.
 *
 * @typedef {(root: HTMLElement, link: Link) => View} MakeView
 */

/** A kernel that is busy answers later; after these milliseconds the page says what might be. */
const PATIENCE = 10000;

/** What a script of another cell, or another copy of this one, calls out when it has found a picture. */
const FOUND = "chat-history-picture";

/** @type {WeakMap<Element, () => void>} How a view is taken off its element. */
const mounted = new WeakMap();

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** The stylesheet, which Python puts before the joined modules; there is none under Node. */
function house() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(typeof HOUSE_CSS === "string" ? HOUSE_CSS : "");
  }
  return sheet;
}

/** Data that views look at, and that messages of the kernel change. */
export class Source {
  /** @param {Record<string, any>} data The data as they are now. */
  constructor(data) {
    this.data = data;
    /** @type {Record<string, any>} */
    this.memory = {};
    /** @type {Set<(message: Record<string, any>) => void>} */
    this.listeners = new Set();
    /** @type {((message: Record<string, any>, buffers?: ArrayBuffer[]) => boolean) | null} */
    this.send = null;
    /** Whether a kernel hears it. */
    this.hears = () => this.send !== null;
    /** Numbers what is asked, so that it is known what was heard. */
    this.asked = 0;
    this.heard = 0;
  }

  /**
   * Take in what the kernel sent: `set` replaces parts, `add` appends to lists, `heard` and `event` are passed on.
   *
   * @param {Record<string, any>} message The message.
   */
  take(message) {
    Object.assign(this.data, message.set);
    for (const [name, items] of Object.entries(message.add ?? {})) (this.data[name] ??= []).push(...items);
    if (message.version) this.data.version = message.version;
    if (message.heard) this.heard = Math.max(this.heard, message.heard);
    for (const listener of this.listeners) listener(message);
  }
}

/**
 * Show a view in an element.
 *
 * @param {HTMLElement} host The element; what was in it stays, for whoever can't have the view.
 * @param {Source} source Its data.
 * @param {MakeView} makeView Makes the view.
 * @returns {() => void} Takes the view off again.
 */
function mount(host, source, makeView) {
  mounted.get(host)?.();
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [house()];
  host.removeAttribute("style"); // the picture's
  // Keys belong to the view: JupyterLab would take a letter for a command, Enter for editing the cell.
  host.dataset.lmSuppressShortcuts = "true";
  host.dataset.jpSuppressContextMenu = "true";
  // It takes an Enter that comes out of a shadow tree for one beside a field, and undoes it.
  const body = h("div.body", { onbeforeinput: (/** @type {Event} */ event) => event.stopPropagation() });
  const problem = h("div.problem", { role: "alert" });
  const notice = h("div.notice", { role: "status" });
  const frame = h("div.frame", { lang: source.data.language, dir: "ltr" }, body, problem, notice);
  root.replaceChildren(frame);
  let timer = 0;

  /** @type {Link} */
  const link = {
    data: source.data,
    memory: source.memory,
    get alive() {
      return source.hears();
    },
    say: (text, values) => filled(source.data.texts[text] ?? text, values),
    ask(action, details = {}, buffers = []) {
      const number = ++source.asked;
      const sent = source.send?.({ ask: action, number, ...details }, buffers) ?? false;
      notice.textContent = sent ? "" : link.say("The kernel that made this is no longer running. Run the cell again to continue.");
      clearTimeout(timer);
      if (sent) timer = window.setTimeout(() => source.heard < number && (notice.textContent = link.say("The kernel is busy. If this message stays, the kernel was restarted: run the cell again.")), PATIENCE);
      return sent;
    },
  };
  const view = makeView(body, link);

  /** @param {Record<string, any>} message */
  function listener(message) {
    if (message.heard === source.asked) notice.textContent = "";
    const changed = new Set([...Object.keys(message.set ?? {}), ...Object.keys(message.add ?? {})]);
    if (changed.size) view.update(changed);
    if (changed.has("error")) problem.textContent = source.data.error;
    if (message.event) view.event?.(message.event);
  }
  problem.textContent = source.data.error ?? "";
  view.update(new Set(Object.keys(source.data)));
  source.listeners.add(listener);
  function stop() {
    clearTimeout(timer);
    source.listeners.delete(listener);
    view.stop?.();
    if (mounted.get(host) === stop) mounted.delete(host);
  }
  mounted.set(host, stop);
  return stop;
}

/**
 * The pictures of a page, by what is said of each at the data in it.
 *
 * @param {"live" | "module"} name Its ID, or its module.
 * @param {string} value What it has to be.
 * @returns {HTMLElement[]} The elements that a view can be in.
 */
function pictures(name, value) {
  const kept = document.querySelectorAll(`script[data-live][data-${name}="${value}"]`);
  return [...kept].map((one) => /** @type {HTMLElement} */ (one.parentElement));
}

/** @param {HTMLElement} host A picture. @returns {HTMLScriptElement} The data in it. */
const keptIn = (host) => /** @type {HTMLScriptElement} */ (host.querySelector("script[data-live]"));

/**
 * Whether a kernel hears a model. After a restart the model is there, and nobody listens to it.
 *
 * @param {any} model anywidget's model.
 * @returns {() => boolean} Tells it at any time.
 */
function hearing(model) {
  const manager = model.widget_manager;
  /** @type {any} */
  let whole = null;
  let lost = false;
  /** @param {any} _ @param {string} status */
  const changed = (_, status) => (lost ||= ["dead", "terminating", "restarting", "autorestarting"].includes(status));
  manager?.kernel?.statusChanged?.connect(changed);
  // It comes only after the module has been initialized. A front end without it takes what is sent for heard.
  manager?.get_model?.(model.get("data").model)?.then((/** @type {any} */ found) => (whole = found), () => {});
  return () => {
    if (lost || whole?.comm_live === false) return false;
    return !manager || !("kernel" in manager) || Boolean(manager.kernel);
  };
}

/**
 * Make a widget of a view: enliven the pictures of the page, and answer anywidget.
 *
 * @param {string} name The module's name, which is in the pictures.
 * @param {MakeView} makeView Makes the view.
 * @returns {object} What anywidget asks of a module.
 */
export function widget(name, makeView) {
  if (typeof document === "undefined") return {}; // under Node
  /** @type {Map<string, Source>} Each model's source, by its ID: anywidget wraps a model anew for each call. */
  const sources = new Map();
  for (const host of pictures("module", name)) {
    if (!host.shadowRoot) mount(host, new Source(JSON.parse(keptIn(host).text)), makeView);
    document.dispatchEvent(new CustomEvent(FOUND, { detail: host }));
  }

  return {
    /** @param {{ model: any }} given */
    initialize({ model }) {
      const source = new Source(model.get("data"));
      sources.set(source.data.id, source);
      const hears = hearing(model);
      source.hears = () => source.send !== null && hears();
      source.send = (message, buffers) => {
        if (!hears()) return false;
        try {
          model.send(message, undefined, buffers);
          return true;
        } catch {
          return false; // the kernel was shut down, or the connection closed
        }
      };
      /** @param {HTMLElement} host */
      const connect = (host) => {
        if (keptIn(host).dataset.live === source.data.id) mount(host, source, makeView);
      };
      /** @param {Record<string, any>} message */
      const took = (message) => {
        if (message.closed) pictures("live", source.data.id).forEach((host) => host.remove());
        else source.take(message);
      };
      model.on("msg:custom", took);
      source.send({ ask: "hello", version: source.data.version });
      /** @param {Event} event */
      const found = (event) => connect(/** @type {CustomEvent} */ (event).detail);
      document.addEventListener(FOUND, found);
      pictures("live", source.data.id).forEach(connect);
      return () => {
        document.removeEventListener(FOUND, found);
        model.off("msg:custom", took);
        source.send = null;
        sources.delete(source.data.id);
      };
    },

    /** @param {{ model: any, el: HTMLElement }} given */
    render({ model, el }) {
      const source = sources.get(model.get("data").id);
      if (!source) return undefined;
      const host = h("div");
      el.append(host);
      const stop = mount(host, source, makeView);
      // JupyterLab could not show this view again when the notebook is opened without its kernel. It can show a picture.
      if (document.body.dataset.jpThemeName) source.send?.({ ask: "picture" });
      return stop;
    },
  };
}
