/**
 * What a page knows of a session, and what follows from it. The kernel numbers records as they come, from the oldest
 * that it has read; it tells of those that the page lacks, and of what is around them.
 */

/**
 * @typedef {object} Message
 * @property {string} role its type, as LangChain calls it
 * @property {string} who who said it, in the reader's language
 * @property {string} text what was said
 * @property {{ shown: string, whole: string }[]} calls the tools that it calls
 * @property {string} [name] the tool that it is a result of
 * @property {string} [reasoning]
 * @property {{ input: number, output: number, total: number }} [usage] in tokens
 * @property {(string | null)[]} [photos] each as an address that holds it; null: the kernel has not read it
 */

/** @typedef {Message & { bytes: number, line: string, number?: number }} StoredMessage a message as Redis holds it */

/**
 * @typedef {object} Facts what there is to say of a session beside its records
 * @property {string} id
 * @property {string} key
 * @property {boolean} thread whether it is an agent's
 * @property {number} length how many records Redis holds
 * @property {boolean} newest_first
 * @property {number | null} window
 * @property {number | null} cap
 * @property {number | null} ttl seconds left at `at`; null: it never expires
 * @property {string[]} said in words: how many messages, their size
 * @property {string} waiting what is said of a thread that waits for a decision; else nothing
 * @property {number} fresh the number of the first record that is marked as new
 */

/**
 * @typedef {object} Stored
 * @property {number} epoch which session, as the panel counts them
 * @property {number} first the number of the first record
 * @property {StoredMessage[]} records
 * @property {Facts} facts
 * @property {number} at when that was so, in milliseconds
 */

/** @typedef {{ epoch: number, first: number, from: number, records: StoredMessage[], facts: Facts }} News */

/**
 * What is stored, after news.
 * @param {Stored | null} known
 * @param {News} news
 * @param {number} at
 * @returns {Stored | null} null: they don't join, and all is to be asked for
 */
export function joined(known, { epoch, first, from, records, facts }, at) {
  /** @type {StoredMessage[]} */
  let kept = [];
  if (from > first) {
    if (known?.epoch !== epoch || known.first > first || known.first + known.records.length < from) return null;
    kept = known.records.slice(first - known.first, from - known.first);
  }
  return { epoch, first, records: [...kept, ...records], facts, at };
}

/**
 * @typedef {object} Row a line of the list: a record, or an edge, which says what begins or ends there
 * @property {string} id
 * @property {"window" | "cap" | "more"} [edge]
 * @property {StoredMessage} [record]
 * @property {number} [index]
 * @property {boolean} [within] whether the model is given it
 * @property {boolean} [fresh]
 */

/**
 * The list from its head to its end. The edges of window and cap are there before they are reached.
 * @param {Stored} stored
 * @returns {Row[]}
 */
export function rows({ first, records, facts }) {
  const { length, window, cap } = facts;
  /** @type {Row[]} */
  const found = [];
  if (cap !== null) found.push({ id: "cap", edge: "cap" });
  if (length > records.length) found.push({ id: "more", edge: "more" });
  const begins = Math.max(0, records.length - (window ?? 0));
  for (const [place, record] of records.entries()) {
    if (window !== null && place === begins) found.push({ id: "window", edge: "window" });
    const age = records.length - 1 - place;
    const index = record.number ?? (facts.newest_first ? age : length - 1 - age);
    const within = window !== null && place >= begins;
    found.push({ id: `record-${first + place}`, record, index, within, fresh: first + place >= facts.fresh });
  }
  if (window !== null && !records.length) found.push({ id: "window", edge: "window" });
  return facts.newest_first ? found.reverse() : found;
}

/**
 * The seconds that are left.
 * @param {Stored} stored
 * @param {number} now
 */
export const left = ({ facts: { ttl }, at }, now) => (ttl === null ? null : Math.max(0, ttl - (now - at) / 1000));

/**
 * A time as a clock shows it.
 * @param {number} seconds
 */
export function clock(seconds) {
  const all = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, String(all % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * A text with values in the places of their names.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
