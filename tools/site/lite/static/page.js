// What a lesson's page says of itself, and what becomes of a reader's copy when the lesson has a new version.
// JupyterLite starts when `ready` is settled.

const path = new URLSearchParams(location.search).get("path") ?? "";
const here = (name) => new URL(name, import.meta.url);

async function told() {
  const { texts, ...others } = await (await fetch(here("page.json"))).json();
  const language = path.split("/")[0] in texts ? path.split("/")[0] : "en";
  return { language, say: texts[language], ...others };
}

function notes(language) {
  const box = document.createElement("div");
  box.className = "kit-notes";
  box.lang = language;
  document.body.append(box);
  return box;
}

// Show a line: text, or what else stands in one. Whoever reads it can close it, if there is a word for that.
function show(box, role, parts, close) {
  const line = document.createElement("p");
  line.setAttribute("role", role);
  line.append(...parts);
  if (close) {
    const button = document.createElement("button");
    button.textContent = close;
    button.addEventListener("click", () => line.remove());
    line.append(button);
  }
  box.append(line);
  return line;
}

function starting(box, say, sizes) {
  const bar = document.createElement("progress");
  bar.max = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  bar.value = 0;
  bar.setAttribute("aria-label", say.starting);
  const line = show(box, "status", [say.starting, bar]);
  const waiting = new Map(Object.entries(sizes));
  const channel = new BroadcastChannel("chat-history-tutorials");
  channel.addEventListener("message", ({ data }) => {
    for (const name of data.loaded ?? []) {
      bar.value += waiting.get(name) ?? 0;
      waiting.delete(name);
    }
    if (data.failed) failed(box, say, data.failed);
    if (data.ready || data.failed) {
      line.remove();
      channel.close();
    }
  });
}

function failed(box, say, reason) {
  show(box, "alert", [`${say.failed.replace("{reason}", reason)} ${say.instead}`], say.close);
}

// Have links to lessons lead to their copies here, and to the site's page of one that runs in no page.
function followLinks(lessons) {
  const follow = (event) => {
    const found = event.target.closest?.("a")?.href.match(/\/files\/([^/]+)\/([^/?#]+)\.ipynb(#.*)?$/);
    if (!found) return;
    const [, language, lesson, place = ""] = found;
    event.preventDefault();
    event.stopPropagation();
    const address = `${language}/${lesson}`;
    window.open(
      lessons.includes(lesson)
        ? `?path=${encodeURIComponent(`${address}.ipynb`)}${place}`
        : here(`../${address}.html${place}`),
    );
  };
  document.addEventListener("click", follow, true);
}

// --- the reader's copy ------------------------------------------------------------------------

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });

// The database in which JupyterLite keeps what is saved, or null if nothing was saved yet. Throws if nothing can be.
async function saved(name) {
  const request = indexedDB.open(name);
  let isNew = false;
  request.addEventListener("upgradeneeded", () => {
    isNew = true;
    request.transaction.abort();
  });
  try {
    return await settled(request);
  } catch (error) {
    if (isNew) return null;
    throw error;
  }
}

// Move a copy of another version than the one served out of its way. Returns the path that it has now.
async function movedAside(storage) {
  const database = await saved(storage);
  if (database === null) return null;
  try {
    if (!database.objectStoreNames.contains("files")) return null;
    const served = await (await fetch(here(`files/${path}`), { cache: "no-cache" })).json();
    const files = database.transaction("files", "readwrite").objectStore("files");
    const copy = await settled(files.get(path));
    if (!copy || copy.content?.metadata?.kit?.version === served.metadata.kit.version) return null;
    const keys = await settled(files.getAllKeys());
    const day = String(copy.last_modified).slice(0, 10);
    let aside = path;
    for (let number = 1; keys.includes(aside) || aside === path; number += 1) {
      aside = path.replace(/\.ipynb$/, number === 1 ? `.${day}.ipynb` : `.${day}-${number}.ipynb`);
    }
    await settled(files.put({ ...copy, path: aside, name: aside.split("/").pop() }, aside));
    await settled(files.delete(path));
    return aside;
  } finally {
    database.close();
  }
}

async function begin() {
  const { language, say, sizes, storage, lessons } = await told();
  followLinks(lessons);
  const box = notes(language);
  if (typeof WebAssembly === "undefined") failed(box, say, say.no_webassembly);
  else starting(box, say, sizes);
  let aside = null;
  try {
    aside = await movedAside(storage);
  } catch {
    show(box, "status", [say.no_storage], say.close);
  }
  if (aside !== null) {
    const link = document.createElement("a");
    link.href = `?path=${encodeURIComponent(aside)}`;
    link.textContent = aside;
    show(box, "status", [say.renewed, link], say.close);
  }
}

// Whatever happens here, the lesson opens.
export const ready = begin().catch((error) => console.error(error));
