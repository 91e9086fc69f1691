// What a table makes of its rows before it shows any: their order, those that match, those in view.

/**
 * A column, and how its cells are shown: `name` and `text` as they are, `number`, `bytes` with a bar, `until` as the
 * time that is left until a moment in seconds since 1970, `flag` as yes or no, `state` as a word.
 *
 * @typedef {object} Column
 * @property {string} key The name of its cells.
 * @property {string} label What its header says.
 * @property {"name" | "text" | "number" | "bytes" | "until" | "flag" | "state"} kind
 * @property {boolean} [stays] Whether it has a place of its own on a narrow page.
 *
 * A cell that says something else than its value: an estimate, a part of a whole, a value that can't be sorted as it is read.
 *
 * @typedef {{ value: any, text: string, tone?: "" | "faint" | "warn" }} Worded
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {Record<string, any>} cells Values by column, or `Worded`.
 * @property {boolean} [marked] Whether it stands out.
 * @property {{ action: string, label: string, primary?: boolean, disabled?: boolean }[]} [actions] What can be done with it.
 *
 * @typedef {{ key: string, descending: boolean }} Order
 */

/** @param {any} cell A cell. @returns {any} What it is sorted by. */
export const valueOf = (cell) => (cell !== null && typeof cell === "object" ? cell.value : cell);

/** @param {any} cell A cell. @returns {string} What it is found by. */
const wordsOf = (cell) => (cell !== null && typeof cell === "object" ? cell.text : String(cell ?? ""));

/**
 * Which way a column is sorted at first: texts from A, numbers from the largest.
 *
 * @param {Column} column The column.
 * @returns {boolean} Whether from the largest.
 */
export const largestFirst = (column) => ["number", "bytes", "until"].includes(column.kind);

/**
 * The rows in order. Equal ones stay by name; what has no end counts for the most, another lack of a value for the least.
 *
 * @param {Row[]} rows The rows.
 * @param {Column} column The column to sort by.
 * @param {boolean} descending Whether the largest comes first.
 * @param {string} language Whose alphabet it is.
 * @param {string} [name] The column of the names.
 * @returns {Row[]} Another list of them.
 */
export function sorted(rows, column, descending, language, name = column.key) {
  const words = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
  const none = column.kind === "until" ? Infinity : -Infinity;
  const numbers = largestFirst(column) || column.kind === "flag";
  const keyed = rows.map((row) => {
    const value = valueOf(row.cells[column.key]);
    return { row, value: numbers ? (value === null || value === undefined ? none : Number(value)) : String(value ?? "") };
  });
  keyed.sort((one, other) => {
    const [a, b] = [one.value, other.value];
    const compared = typeof a === "number" ? Math.sign(a - /** @type {number} */ (b)) || 0 : words.compare(a, /** @type {string} */ (b));
    if (compared) return descending ? -compared : compared;
    return words.compare(String(one.row.cells[name]), String(other.row.cells[name]));
  });
  return keyed.map(({ row }) => row);
}

/** @type {WeakMap<Row, string>} What rows are found by, folded once. */
const folded = new WeakMap();

/**
 * The rows in which all the words stand, in any cell.
 *
 * @param {Row[]} rows The rows.
 * @param {string} wanted The words.
 * @returns {Row[]} Those that match; the same list where nothing is asked for.
 */
export function matching(rows, wanted) {
  const words = fold(wanted).split(/\s+/).filter(Boolean);
  if (!words.length) return rows;
  return rows.filter((row) => {
    let text = folded.get(row);
    if (text === undefined) folded.set(row, (text = fold(Object.values(row.cells).map(wordsOf).join("\n"))));
    return words.every((word) => /** @type {string} */ (text).includes(word));
  });
}

/** @param {string} text A text. @returns {string} It without case, and without accents. */
const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").normalize("NFC").toLowerCase();

/**
 * Which rows have to be there for a part of a list to be seen.
 *
 * @param {number} count How many rows there are.
 * @param {number} top How far the list is scrolled.
 * @param {number} height How much of it is seen.
 * @param {number} rowHeight How high a row is.
 * @returns {[number, number]} The first of them, and the one behind the last; some more than are seen.
 */
export function inView(count, top, height, rowHeight) {
  const first = Math.max(0, Math.floor(top / rowHeight) - 8);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + 8);
  // In steps, so that scrolling by a row seldom draws anew; stripes of every other row stay where they are.
  return [Math.max(0, Math.min(first - (first % 4), count)), Math.max(0, last)];
}

/**
 * A time that is left, in the largest unit that is not rough.
 *
 * @param {number} seconds The seconds.
 * @param {string} language The reader's language.
 * @returns {string} "12 min", in the reader's words and numerals.
 */
export function timeLeft(seconds, language) {
  const units = /** @type {const} */ ([["day", 86400], ["hour", 3600], ["minute", 60]]);
  const [unit, size] = units.find(([, length]) => seconds > length * 2) ?? units[2];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(Math.ceil(seconds / size));
}
