import assert from "node:assert/strict";
import test from "node:test";

import { inView, matching, sorted, timeLeft } from "../../../helpers/widgets/static/rows.js";

const name = { key: "name", label: "Name", kind: "name" };
const bytes = { key: "bytes", label: "Bytes", kind: "bytes" };
const until = { key: "until", label: "Until", kind: "until" };

/** @param {any[]} cells */
const rowsOf = (...cells) => cells.map((one, place) => ({ id: String(place), cells: one }));

/** @param {any[]} rows @param {string} key */
const column = (rows, key) => rows.map((row) => row.cells[key]?.value ?? row.cells[key]);

test("names are sorted as their language does, numbers in them by value", () => {
  const rows = rowsOf({ name: "student-10" }, { name: "Étude" }, { name: "student-9" }, { name: "zebra" }, { name: "etude 2" });
  assert.deepEqual(column(sorted(rows, name, false, "fr"), "name"), ["Étude", "etude 2", "student-9", "student-10", "zebra"]);
  assert.equal(rows[0].cells.name, "student-10");
  assert.deepEqual(column(sorted(rowsOf({ name: "z" }, { name: "ä" }), name, false, "sv"), "name"), ["z", "ä"]);
});

test("numbers are sorted by value, an estimate too, and equal rows by name", () => {
  const rows = rowsOf({ bytes: 10, name: "a10" }, { bytes: { value: 9, text: "≈ " } }, { bytes: 100 }, { bytes: 10, name: "A9" });
  assert.deepEqual(column(sorted(rows, bytes, true, "en"), "bytes"), [100, 10, 10, 9]);
  assert.deepEqual(column(sorted(rows, bytes, true, "en", "name").slice(1, 3), "name"), ["A9", "a10"]);
});

test("what never ends lives the longest", () => {
  const rows = rowsOf({ until: 5 }, { until: null }, { until: 7 });
  assert.deepEqual(column(sorted(rows, until, true, "en"), "until"), [null, 7, 5]);
  assert.deepEqual(column(sorted(rows, until, false, "en"), "until"), [5, 7, null]);
});

test("a filter asks for all its words, without case and accents", () => {
  const rows = rowsOf({ name: "Élève 1", last: "Bonjour" }, { name: "élève 2", last: "<b>Salut</b>" });
  assert.equal(matching(rows, "  "), rows);
  assert.deepEqual(matching(rows, "ELEVE sal").map((row) => row.id), ["1"]);
  assert.deepEqual(matching(rows, "<b>").map((row) => row.id), ["1"]);
  assert.deepEqual(matching(rowsOf({ name: "한국어" }, { name: "日本語" }), "국").map((row) => row.id), ["0"]);
  assert.deepEqual(matching(rows, "[a-"), []);
});

test("only the rows near what is seen are drawn", () => {
  assert.deepEqual(inView(10000, 0, 400, 36), [0, 20]);
  assert.deepEqual(inView(10000, 36000, 400, 36), [992, 1020]);
  assert.deepEqual(inView(10000, 360000, 400, 36), [9992, 10000]);
  assert.deepEqual(inView(3, 0, 400, 36), [0, 3]);
  assert.deepEqual(inView(0, 0, 400, 36), [0, 0]);
  assert.deepEqual(inView(3, 9000, 400, 36), [3, 3]);
});

test("ten thousand rows are found and put in order at once", () => {
  const rows = Array.from({ length: 10000 }, (_, place) => ({ id: `${place}`, cells: { name: `student-${(place * 7919) % 10000}`, bytes: place } }));
  assert.equal(sorted(matching(rows, "student"), name, false, "en")[9999].cells.name, "student-9999");
});

test("the time that is left is said in a unit that fits", () => {
  assert.equal(timeLeft(61, "en"), "2 min");
  assert.equal(timeLeft(3600, "en"), "60 min");
  assert.equal(timeLeft(4 * 3600, "en"), "4 hr");
  assert.equal(timeLeft(30 * 86400, "fr").replace(/\s/u, " "), "30 j");
});
