import assert from "node:assert/strict";
import { test } from "node:test";

import { buildTree, parseMarkdown as parse } from "../../../helpers/widgets/static/markdown.js";

/** What a page would show: tags, attributes and texts, and nothing that could have been left out by a serializer. */
function markup(tree) {
  if (typeof tree === "string") return tree;
  const [tag, attributes, ...children] = tree;
  const named = Object.entries(attributes).map(([name, value]) => ` ${name}=${value}`).join("");
  return `<${tag}${named}>${children.map(markup).join("")}</${tag}>`;
}
const shown = (text) => parse(text).map(markup).join("");

/** All tags of a tree. */
const tags = (tree) => (typeof tree === "string" ? [] : [tree[0], ...tree.slice(2).flatMap(tags)]);
const texts = (tree) => (typeof tree === "string" ? tree : tree.slice(2).map(texts).join(""));

/** As much of a document as is needed. */
const page = {
  createTextNode: (text) => ({ text, children: [] }),
  createElement: (tag) => ({
    tag,
    attributes: {},
    children: [],
    setAttribute(name, value) {
      this.attributes[name] = value;
    },
    append(...more) {
      this.children.push(...more);
    },
  }),
};

test("what Markdown says is shown", () => {
  assert.equal(shown("# One\n\n**two** *three* ~~four~~ `<five>`"), "<p class=heading heading-1>One</p><p><strong>two</strong> <em>three</em> <del>four</del> <code><five></code></p>");
  assert.equal(shown("- a\n- b\n  1. c"), "<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>");
  assert.equal(shown("3. a"), "<ol start=3><li>a</li></ol>");
  assert.equal(shown("- [x] done"), "<ul><li class=task>☑ done</li></ul>");
  assert.equal(shown("> q\n\n---"), "<blockquote><p>q</p></blockquote><hr></hr>");
  assert.equal(shown("```py onclick=x\n1 < 2\n```"), "<pre dir=ltr tabindex=0 data-language=py><code>1 < 2</code></pre>");
  assert.equal(
    shown("|a|b|\n|-|-:|\n|1|2|"),
    "<div class=wide tabindex=0><table><thead><tr><th scope=col>a</th><th scope=col class=align-right>b</th></tr></thead>" +
      "<tbody><tr><td>1</td><td class=align-right>2</td></tr></tbody></table></div>",
  );
  assert.equal(shown("one\ntwo  \nthree"), "<p>one\ntwo<br></br>three</p>");
  assert.equal(shown("1 &lt; 2 &amp;&nbsp;&copy; `&lt;`"), "<p>1 < 2 &\u00a0&copy; <code>&lt;</code></p>");
  assert.equal(shown("[1]: https://example.com"), "<p>[1]: https://example.com</p>");
  assert.equal(shown(""), "");
});

// oxlint-disable no-script-url
test("links open apart, and only where they may lead", () => {
  const apart = "target=_blank rel=noopener noreferrer nofollow";
  assert.equal(shown("[a](https://b.c/d)"), `<p><a href=https://b.c/d ${apart} title=https://b.c/d>a</a></p>`);
  assert.equal(shown("<me@b.c>"), `<p><a href=mailto:me@b.c ${apart} title=mailto:me@b.c>me@b.c</a></p>`);
  assert.equal(shown("![cat](https://b.c/d.png)"), `<p><a href=https://b.c/d.png ${apart} title=https://b.c/d.png>🖼 cat</a></p>`);
  for (const target of [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java&#10;script:alert(1)", "&#106;avascript:alert(1)", "vbscript:x",
    "data:text/html,<script>", "file:///etc/passwd", "/relative", "//host/x", "#x", "blob:x", "\u0001javascript:alert(1)",
  ])
    for (const mark of ["", "!"]) {
      const trees = parse(`${mark}[x](${target}) <${target}>`);
      assert.ok(!trees.flatMap(tags).some((tag) => !["p", "code"].includes(tag)), target);
    }
  assert.equal(shown("[x](javascript:alert(1))"), "<p>[x](javascript:alert(1))</p>");
});

test("HTML is text", () => {
  for (const html of ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "a <b onclick=x>b</b>", "<!-- x -->", "<svg/onload=alert(1)>", "<iframe srcdoc=x>", "</p></div>"]) {
    const trees = parse(html);
    assert.deepEqual(trees.flatMap(tags), ["p"]);
    assert.equal(trees.map(texts).join(""), html);
  }
});

const HOSTILE = ["> ", "- ", "1. ", "*", "_", "a*_", "**a ", "***a ", "__a_", "[", "](", "[a](b ", "![", "`", "`a``b", "<", "<a ", "<!--", "~~a ", "\\", "# ", "|a", "a\n", "\n", "\t", "&a;", "http://a.", "a@b.", "\ud83d", "\u202e", "$", "```\n", "- a\n\n", "[a]: b\n", "x"];

test("what is made to hang or to break out does neither", () => {
  for (const piece of HOSTILE)
    for (const length of [1_000, 4_000, 30_000, 1_000_000]) {
      const text = piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
      const trees = parse(text);
      const depth = (tree) => (typeof tree === "string" ? 0 : 1 + Math.max(0, ...tree.slice(2).map(depth)));
      assert.ok(Math.max(0, ...trees.map(depth)) < 64, piece);
      assert.ok(trees.map(texts).join("").length <= 30_001, piece);
    }
  const nested = Array.from({ length: 1000 }, (_, level) => " ".repeat(2 * level) + "- a").join("\n");
  assert.ok(parse(nested).length > 0);
  assert.ok(parse(`${"> ".repeat(1000)}end`).map(texts).join("").endsWith("end"));
});

test("elements are made of the tree, and texts stay texts", () => {
  const made = buildTree(["p", { class: "a" }, "<b>", ["em", {}, "x"]], page);
  assert.deepEqual([made.tag, made.attributes, made.children.map((one) => one.tag ?? one.text)], ["p", { class: "a" }, ["<b>", "em"]]);
});
