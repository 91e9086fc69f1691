import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, filled, joined, left, rows } from "../../../helpers/widgets/static/session.js";

const records = (...texts) => texts.map((text) => ({ role: "human", who: "You", text, line: text, calls: [], bytes: 1 }));
const facts = (more) => ({
  id: "bob", key: "k", thread: false, length: 0, newest_first: true, window: null, cap: null, ttl: null, said: [],
  waiting: "", fresh: 1e9, ...more,
});
const texts = (stored) => stored.records.map((one) => one.text).join("");

test("news join what is known", () => {
  const all = joined(null, { epoch: 1, first: 0, from: 0, records: records("a", "b"), facts: facts() }, 5);
  assert.deepEqual([texts(all), all.at], ["ab", 5]);
  assert.equal(texts(joined(all, { epoch: 1, first: 1, from: 2, records: records("c"), facts: facts() }, 6)), "bc");
  assert.equal(texts(joined(all, { epoch: 1, first: 0, from: 2, records: [], facts: facts() }, 6)), "ab");
  assert.equal(texts(joined(all, { epoch: 2, first: 7, from: 7, records: records("x"), facts: facts() }, 6)), "x");
  const again = joined(all, { epoch: 1, first: 0, from: 0, records: records("a", "b"), facts: facts() }, 6);
  assert.equal(texts(joined(again, { epoch: 1, first: 0, from: 2, records: records("c"), facts: facts() }, 7)), "abc");
});

test("news that don't join are told", () => {
  const all = joined(null, { epoch: 1, first: 2, from: 2, records: records("a", "b"), facts: facts() }, 5);
  for (const news of [{ epoch: 2, first: 2, from: 4 }, { epoch: 1, first: 2, from: 5 }, { epoch: 1, first: 1, from: 4 }])
    assert.equal(joined(all, { records: [], facts: facts(), ...news }, 6), null);
  assert.equal(joined(null, { epoch: 1, first: 0, from: 1, records: [], facts: facts() }, 6), null);
});

const drawn = (texts_, more) =>
  rows({ epoch: 1, first: 3, records: records(...texts_), facts: facts({ length: texts_.length, ...more }), at: 0 })
    .map((row) => row.edge ?? `${row.index}${row.record.text}${row.within ? "*" : ""}${row.fresh ? "!" : ""}`)
    .join(" ");

test("the list has its edges, from the head to the end", () => {
  assert.equal(drawn(["a", "b", "c"], { window: 2, cap: 6 }), "0c* 1b* window 2a cap");
  assert.equal(drawn(["a", "b", "c"], { window: 2, cap: 6, newest_first: false }), "cap 0a window 1b* 2c*");
  assert.equal(drawn(["a"], { window: 2, cap: 6 }), "0a* window cap");
  assert.equal(drawn([], { window: 2, cap: 6 }), "window cap");
  assert.equal(drawn(["a", "b"], {}), "0b 1a");
  assert.equal(drawn(["a", "b"], { length: 9, cap: 9, fresh: 4 }), "0b! 1a more cap");
  assert.equal(drawn(["a", "b"], { length: 9, newest_first: false }), "more 7a 8b");
});

test("a thread's messages have numbers of their own", () => {
  const stored = { epoch: 1, first: 0, records: [{ ...records("a")[0], number: 17 }], facts: facts({ length: 1 }), at: 0 };
  assert.equal(rows(stored)[0].index, 17);
});

test("the clock is counted here", () => {
  const stored = { epoch: 1, first: 0, records: [], facts: facts({ ttl: 3600 }), at: 1000 };
  assert.equal(left(stored, 2500), 3598.5);
  assert.equal(left(stored, 1e9), 0);
  assert.equal(left({ ...stored, facts: facts() }, 2500), null);
  assert.deepEqual([3600, 3599.9, 61, 9, 0].map(clock), ["1:00:00", "59:59", "1:01", "0:09", "0:00"]);
});

test("texts have places for values", () => {
  assert.equal(filled("{count} of {all} {x}", { count: 1, all: "$&" }), "1 of $& {x}");
});
