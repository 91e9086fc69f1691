// The instances of a project: a table of them, connecting to one, making one, deleting one.
import { h } from "./dom.js";
import { widget } from "./live.js";
import { table } from "./table.js";

/** @typedef {{ key: string, label: string, value: string, placeholder?: string, options?: string[],
 *   by?: string, optionsBy?: Record<string, string[]> }} Field */

export default widget("instance_picker", (root, link) => {
  /** @type {{ values: Record<string, string>, deleting: string }} */
  const memory = (link.memory.picker ??= { values: {}, deleting: "" });
  const instances = table(link, {
    hint: link.say("part of a name, a region or a version"),
    counted: (numbers) => link.say("Instances: {shown} of {all}", numbers),
    searching: link.say("working …"),
    empty: link.say("No instances."),
    act,
  });
  const again = h("button", { type: "button", onclick: () => link.ask("refresh") }, link.say("Refresh"));
  instances.tools.append(again);
  const fields = h("div.bar");
  const price = h("p.text.faint", { role: "status" });
  const create = h("button.primary", { type: "button", onclick: () => link.ask("create", { wanted: memory.values }) }, link.say("Create"));
  const creating = h("details.fold", null, h("summary", null, link.say("Create an instance")), h("div.panel", null, fields, price, create));
  const question = h("p");
  const typed = h("input.grow", { oninput: checked, spellcheck: "false", autocomplete: "off" });
  const remove = h("button.danger", { type: "button", disabled: true, onclick: removed }, link.say("Delete"));
  const keep = h("button", { type: "button", onclick: () => ask("") }, link.say("Cancel"));
  const deleting = h("section.panel", { hidden: true, "aria-label": link.say("Delete") }, question, h("div.bar", null, typed, remove, keep));
  root.append(instances.tools, instances.place, deleting, creating);
  makeForm();

  /** @param {string} name @returns {string} An instance's own ID. */
  const idOf = (name) => name.slice(name.lastIndexOf("/") + 1);

  /**
   * @param {import("./rows.js").Row} row
   * @param {string} action
   */
  function act(row, action) {
    if (action === "delete") ask(row.id);
    else link.ask(action, { name: row.id });
  }

  /** @param {string} name Which instance may be deleted; none where it is empty. */
  function ask(name) {
    const before = memory.deleting;
    memory.deleting = name;
    deleting.hidden = !name;
    typed.value = "";
    question.textContent = link.say("This deletes {id} and everything in it. Type its ID to confirm.", { id: idOf(name) });
    typed.setAttribute("aria-label", link.say("the instance's ID again"));
    typed.placeholder = idOf(name);
    checked();
    if (name) typed.focus();
    else instances.focus(before);
  }

  function checked() {
    remove.disabled = link.data.working || !memory.deleting || typed.value.trim() !== idOf(memory.deleting);
  }

  function removed() {
    if (link.ask("delete", { name: memory.deleting, typed: typed.value })) ask("");
  }

  /** The form of a new instance, as Python describes it. */
  function makeForm() {
    fields.replaceChildren(...link.data.form.map((/** @type {Field} */ field) => {
      const options = field.by ? field.optionsBy?.[memory.values[field.by]] : field.options;
      let value = (memory.values[field.key] ??= field.value);
      if (options && !options.includes(value)) value = memory.values[field.key] = options[0];
      const control = options
        ? h("select", { name: field.key, onchange: changed }, options.map((one) => h("option", { value: one, selected: one === value }, one)))
        : h("input", { value, placeholder: field.placeholder, oninput: changed, spellcheck: "false", autocomplete: "off" });
      function changed() {
        memory.values[field.key] = control.value;
        if (link.data.form.some((/** @type {Field} */ one) => one.by === field.key)) {
          makeForm();
          /** @type {HTMLElement | null} */ (fields.querySelector(`[name=${field.key}]`))?.focus();
        }
        link.ask("price", { wanted: memory.values });
      }
      return h("label.field", null, h("span", null, field.label), control);
    }));
  }

  return {
    update(changed) {
      if (changed.has("form")) makeForm();
      instances.update();
      price.textContent = link.data.price;
      create.disabled = link.data.working || !link.data.price;
      again.disabled = link.data.working;
      checked();
    },
    stop: instances.stop,
  };
});
