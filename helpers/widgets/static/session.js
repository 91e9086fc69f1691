// What a page makes of a session that it was told of: the lines of the list, and the time that is left.

/**
 * A message, said or stored.
 *
 * @typedef {object} Message
 * @property {string} role Its type, as LangChain calls it.
 * @property {string} who Who said it, in the reader's language.
 * @property {string} text What was said.
 * @property {{ shown: string, whole: string }[]} calls The tools that it calls.
 * @property {string} [name] The tool that it is a result of.
 * @property {string} [reasoning] What the model thought.
 * @property {{ input: number, output: number, total: number }} [usage] What it cost, in tokens.
 * @property {(string | null)[]} [photos] Each as an address that holds it; null: the kernel has not read it.
 *
 * A message as Redis holds it.
 *
 * @typedef {Message & { n: number, bytes: number, line: string, index?: number }} StoredMessage `n` numbers the records
 *   as they come, `line` is its text for a line of its own, `index` its number, where it has one of its own.
 *
 * What there is to say of a session beside its records.
 *
 * @typedef {object} Facts
 * @property {string} id
 * @property {string} key
 * @property {boolean} thread Whether it is an agent's.
 * @property {number} length How many records Redis holds.
 * @property {boolean} newest_first
 * @property {number | null} window
 * @property {number | null} cap
 * @property {number | null} expires When, in milliseconds since 1970; null: never.
 * @property {string[]} said In words: how many messages, their size.
 * @property {string} waiting What is said of a thread that waits for a decision; else nothing.
 *
 * A line of the list: a record, or an edge, which says what begins or ends there.
 *
 * @typedef {object} ListLine
 * @property {string} id
 * @property {"window" | "cap" | "earlier"} [edge]
 * @property {StoredMessage} [record]
 * @property {number} [index]
 * @property {boolean} [within] Whether the model is given it.
 */

/**
 * The list from its head to its end. The edges of window and cap are there before they are reached.
 *
 * @param {StoredMessage[]} records The latest records, the newest of them last.
 * @param {Facts} facts What else is known.
 * @returns {ListLine[]} Its lines.
 */
export function listLines(records, { length, window, cap, newest_first }) {
  /** @type {ListLine[]} */
  const lines = [];
  if (cap !== null) lines.push({ id: "cap", edge: "cap" });
  if (length > records.length) lines.push({ id: "earlier", edge: "earlier" });
  const begins = Math.max(0, records.length - (window ?? 0));
  for (const [place, record] of records.entries()) {
    if (window !== null && place === begins) lines.push({ id: "window", edge: "window" });
    const age = records.length - 1 - place;
    const index = record.index ?? (newest_first ? age : length - 1 - age);
    lines.push({ id: String(record.n), record, index, within: window !== null && place >= begins });
  }
  if (window !== null && !records.length) lines.push({ id: "window", edge: "window" });
  if (newest_first) lines.reverse();
  return lines;
}

/**
 * A time as a clock shows it.
 *
 * @param {number} seconds The time; less than none is none.
 * @returns {string} Hours where there are any, minutes and seconds.
 */
export function clock(seconds) {
  const all = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, String(all % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
