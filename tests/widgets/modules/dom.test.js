import assert from "node:assert/strict";
import test from "node:test";

import { cut, filled } from "../../../helpers/widgets/static/dom.js";

test("values are put into a text's places, and others stay", () => {
  assert.equal(filled("{a} of {b}, {c}", { a: 1, b: "<b>" }), "1 of <b>, {c}");
  assert.equal(filled("{a}", { a: "{b}", b: 2 }), "{b}");
});

test("a long text is cut between characters", () => {
  assert.equal(cut("short", 10), "short");
  assert.equal(cut("ab😀cd", 3), "ab…");
});
