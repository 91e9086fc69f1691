// The Markdown of a message as elements of a page. A message never becomes markup: `marked` only says what is what, and
// each element is made here, out of a short list of tags. HTML is shown as text, an image as a link, and a link to
// anything but http, https or mail as it was written.
import { cut } from "./dom.js";
import { Lexer } from "./vendor/marked.esm.js";

/** @typedef {string | [tag: string, attributes: Record<string, string>, ...children: any[]]} Tree */

/** Of longer messages the beginning is shown, as it is: nobody reads so much in a bubble. */
const LONGEST = 30_000;
/** Emphasis within a longer paragraph is left alone: what is made to be hard to tell takes time squared. */
const LONGEST_PARAGRAPH = 4_000;
const DEEPEST = 16;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", apos: "'", nbsp: "\u00a0" };
const SAFE = new Set(["http:", "https:", "mailto:"]);

class Bounded extends Lexer {
  /**
   * @param {string} source
   * @param {any[]} [tokens]
   */
  inlineTokens(source, tokens = []) {
    if (source.length <= LONGEST_PARAGRAPH) return super.inlineTokens(source, tokens);
    tokens.push({ type: "text", raw: source, text: source });
    return tokens;
  }
}

/**
 * The blocks of a text.
 *
 * @param {string} text The text.
 * @returns {Tree[]} Their trees.
 */
export function parseMarkdown(text) {
  if (text.length <= LONGEST) {
    try {
      return trees(new Bounded().lex(text), 0);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // nested deeper than the stack
    }
  }
  return [["p", {}, cut(text, LONGEST)]];
}

/**
 * Show a text in an element. Blocks that are there already stay as they are, what is selected in them too.
 *
 * @param {Element} place The element.
 * @param {string} text The text.
 */
export function showMarkdown(place, text) {
  const blocks = parseMarkdown(text);
  const known = drawn.get(place) ?? [];
  const now = blocks.map((block) => JSON.stringify(block));
  const same = now.findIndex((block, at) => block !== known[at]);
  const from = same < 0 ? now.length : same;
  while (place.childNodes.length > from) place.lastChild?.remove();
  place.append(...blocks.slice(from).map((block) => buildTree(block, place.ownerDocument)));
  drawn.set(place, now);
}

/** @type {WeakMap<Element, string[]>} */
const drawn = new WeakMap();

/**
 * Make what a tree says.
 *
 * @param {Tree} what The tree.
 * @param {Document} page Where to.
 * @returns {Node} Its nodes.
 */
export function buildTree(what, page) {
  if (typeof what === "string") return page.createTextNode(what);
  const [tag, attributes, ...children] = what;
  const made = page.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.map((child) => buildTree(child, page)));
  return made;
}

/**
 * @param {any[]} tokens
 * @param {number} depth
 * @returns {Tree[]}
 */
const trees = (tokens, depth) => tokens.flatMap((token) => tree(token, depth + 1));

/**
 * @param {any} token
 * @param {number} depth
 * @returns {Tree[]}
 */
function tree(token, depth) {
  if (depth > DEEPEST) return [token.raw];
  const inside = () => trees(token.tokens ?? [], depth);
  switch (token.type) {
    case "space":
      return [];
    case "paragraph":
      return [["p", {}, ...inside()]];
    case "heading": // not h1 to h6, which would be chapters of the page
      return [["p", { class: `heading heading-${Math.min(token.depth, 3)}` }, ...inside()]];
    case "blockquote":
      return [["blockquote", {}, ...inside()]];
    case "hr":
      return [["hr", {}]];
    case "br":
      return [["br", {}]];
    case "strong":
    case "em":
    case "del":
      return [[token.type, {}, ...inside()]];
    case "code": {
      const language = /^[\w+#.-]{1,20}/.exec(token.lang ?? "")?.[0];
      return [["pre", { dir: "ltr", tabindex: "0", ...(language && { "data-language": language }) }, ["code", {}, token.text]]];
    }
    case "codespan":
      return [["code", {}, token.text]];
    case "list": {
      /** @type {Record<string, string>} */
      const start = token.ordered && token.start !== 1 ? { start: String(token.start) } : {};
      return [[token.ordered ? "ol" : "ul", start, ...trees(token.items, depth)]];
    }
    case "list_item":
      return [["li", token.task ? { class: "task" } : {}, ...inside()]];
    case "checkbox":
      return [token.checked ? "☑ " : "☐ "];
    case "table": {
      /** @type {(tag: string, cells: any[]) => Tree} */
      const row = (tag, cells) => [
        "tr",
        {},
        ...cells.map((cell) => /** @type {Tree} */ ([
          tag,
          { ...(tag === "th" && { scope: "col" }), ...(cell.align && { class: `align-${cell.align}` }) },
          ...trees(cell.tokens, depth),
        ])),
      ];
      const body = token.rows.map((/** @type {any[]} */ cells) => row("td", cells));
      return [
        ["div", { class: "wide", tabindex: "0" }, ["table", {}, ["thead", {}, row("th", token.header)], ["tbody", {}, ...body]]],
      ];
    }
    case "link":
    case "image": {
      const href = address(token.href);
      if (!href) return [token.raw];
      const shown = token.type === "link" ? inside() : [`🖼 ${token.text || token.href}`];
      return [["a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, ...shown]];
    }
    case "text":
      return token.tokens ? inside() : [characters(token.text)];
    case "escape":
      return [token.text];
    default: // HTML, definitions of links, and whatever else there may be
      return token.block || token.type === "def" ? [["p", {}, token.raw.trimEnd()]] : [token.raw];
  }
}

/** @param {string} href */
function address(href) {
  try {
    const url = new URL(href);
    return SAFE.has(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

/** @param {string} text */
const characters = (text) =>
  text.replace(/&(amp|lt|gt|quot|#39|apos|nbsp);/g, (_, name) => ENTITIES[/** @type {keyof typeof ENTITIES} */ (name)]);
