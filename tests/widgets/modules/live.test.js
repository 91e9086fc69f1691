import assert from "node:assert/strict";
import test from "node:test";

import { Source } from "../../../helpers/widgets/static/live.js";

test("what the kernel sends replaces, appends and is passed on", () => {
  const source = new Source({ rows: [1], title: "old", version: 1 });
  const messages = [];
  source.listeners.add((message) => messages.push(message));
  source.take({ set: { title: "new" }, version: 2 });
  source.take({ add: { rows: [2, 3], notes: ["a"] }, version: 3 });
  source.take({ event: { kind: "piece" } });
  assert.deepEqual(source.data, { rows: [1, 2, 3], title: "new", notes: ["a"], version: 3 });
  assert.equal(messages.length, 3);
});
