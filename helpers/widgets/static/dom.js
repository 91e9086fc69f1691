// Elements made without HTML: whatever is put into them stays text.

/**
 * Make an element.
 *
 * @param {string} tag Its name, with classes behind points: `div.bar.wide`.
 * @param {Record<string, any> | null} [attributes] What begins with `on` is a listener; `false`, `null` and `undefined`
 *   leave an attribute out, `true` sets an empty one; `value`, `checked` and `disabled` are set as properties.
 * @param {...any} children Elements and texts; `false`, `null` and `undefined` are left out.
 * @returns {any} The element.
 */
export function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled") /** @type {any} */ (made)[key] = value;
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((one) => one !== false && one !== null && one !== undefined));
  return made;
}

/**
 * Put values into a text's places: `{count}`.
 *
 * @param {string} text The text.
 * @param {Record<string, unknown>} [values] The values by name.
 * @returns {string} The text with them in it.
 */
export function filled(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}

/**
 * Cut a text for a line of its own. What stands in a row is read whole elsewhere.
 *
 * @param {string} text The text.
 * @param {number} length How many characters stay at most.
 * @returns {string} It, or its beginning and an ellipsis.
 */
export function cut(text, length) {
  return text.length > length ? `${text.slice(0, length).replace(/[\ud800-\udbff]$/, "")}…` : text;
}

/**
 * A button that acts at its second click. The first one asks, for some seconds.
 *
 * @param {string} label What it says.
 * @param {string} question What it says after the first click.
 * @param {() => void} action Called at the second click.
 * @returns {HTMLButtonElement} The button.
 */
export function confirmButton(label, question, action) {
  let timer = 0;
  const made = h("button", { type: "button", onclick: clicked }, label);
  function disarm() {
    clearTimeout(timer);
    timer = 0;
    made.textContent = label;
    made.classList.remove("danger");
  }
  function clicked() {
    if (timer) {
      disarm();
      action();
      return;
    }
    made.textContent = question;
    made.classList.add("danger");
    timer = window.setTimeout(disarm, 5000);
  }
  return made;
}
