// The students of a class: a table that Python keeps up to date, and a line where it no longer does.
import { h } from "./dom.js";
import { widget } from "./live.js";
import { table } from "./table.js";

/** How often the page looks whether a kernel still keeps it up to date, in milliseconds. */
const WATCHED = 2000;

export default widget("class_view", (root, link) => {
  const students = table(link, {
    hint: link.say("part of a name, a section or an error"),
    counted: (numbers) => link.say("Students: {shown} of {all}", numbers),
    searching: "",
    empty: link.say("No students yet. Add them with: {command}", { command: "python -m helpers class add NAME" }),
  });
  students.place.classList.add("tall"); // thirty students at a glance
  const still = h("p.waiting", { role: "status", hidden: true });
  root.append(students.tools, students.place, still);

  /** Say that what is shown stands still, or that it does not. */
  function watch() {
    const alive = link.alive;
    if (still.hidden === alive) return;
    still.hidden = alive;
    still.textContent = alive ? "" : link.say("This is the class as it was. Run the cell again to follow it.");
  }
  const clock = window.setInterval(watch, WATCHED);

  return {
    update() {
      students.update();
      watch();
    },
    stop() {
      window.clearInterval(clock);
      students.stop();
    },
  };
});
