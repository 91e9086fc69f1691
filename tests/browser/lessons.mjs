// Runs notebooks in Pyodide under Node, one after the other in one process, and prints a line of JSON for each:
//   node lessons.mjs FOLDER_OF_PYODIDE RUNNER.py NOTEBOOK...
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, runner, ...notebooks] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/start.mjs`));
const { packages } = JSON.parse(readFileSync(`${folder}/pyodide-lock.json`, "utf-8"));
const pyodide = await loadPyodide({
  indexURL: `${folder}/`,
  packages: Object.keys(packages),
  env: { HELPERS_LANGUAGE: "en", HOME: "/home/pyodide" },
});
pyodide.runPython(readFileSync(runner, "utf-8"));
const run = pyodide.globals.get("run");
for (const notebook of notebooks) {
  console.log(await run(readFileSync(notebook, "utf-8")));
}
