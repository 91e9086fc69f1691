import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, listLines } from "../../../helpers/widgets/static/session.js";

const records = (...texts) => texts.map((text, n) => ({ n, role: "human", who: "You", text, line: text, calls: [], bytes: 1 }));
const facts = { id: "bob", key: "k", thread: false, newest_first: true, window: null, cap: null, expires: null, said: [], waiting: "" };
const drawn = (texts, more) =>
  listLines(records(...texts), { ...facts, length: texts.length, ...more })
    .map((line) => line.edge ?? `${line.index}${line.record.text}${line.within ? "*" : ""}`)
    .join(" ");

test("the list has its edges, from the head to the end", () => {
  assert.equal(drawn(["a", "b", "c"], { window: 2, cap: 6 }), "0c* 1b* window 2a cap");
  assert.equal(drawn(["a", "b", "c"], { window: 2, cap: 6, newest_first: false }), "cap 0a window 1b* 2c*");
  assert.equal(drawn(["a"], { window: 2, cap: 6 }), "0a* window cap");
  assert.equal(drawn([], { window: 2, cap: 6 }), "window cap");
  assert.equal(drawn(["a", "b"], {}), "0b 1a");
  assert.equal(drawn(["a", "b"], { length: 9, cap: 9 }), "0b 1a earlier cap");
  assert.equal(drawn(["a", "b"], { length: 9, newest_first: false }), "earlier 7a 8b");
});

test("a thread's messages have numbers of their own", () => {
  const [line] = listLines([{ ...records("a")[0], index: 17 }], { ...facts, length: 1 });
  assert.equal(line.index, 17);
});

test("the clock is counted here", () => {
  assert.deepEqual([3600, 3599.9, 61, 9, 0, -5].map(clock), ["1:00:00", "59:59", "1:01", "0:09", "0:00", "0:00"]);
});
