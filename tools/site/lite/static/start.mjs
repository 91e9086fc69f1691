/* oxlint-disable unicorn/require-post-message-target-origin -- which the messages of a channel don't have */
// Starts Python for a lesson's kernel, and tells the page how far that has come.
import { loadPyodide as load } from "./pyodide.mjs";

// The kernel asks for it by name, and completes without it.
const LEFT_OUT = ["jedi"];

export async function loadPyodide(options) {
  const channel = new BroadcastChannel("chat-history-tutorials");
  const observer = new PerformanceObserver((list) => {
    channel.postMessage({ loaded: list.getEntries().map((entry) => entry.name.replace(/[?#].*/, "").split("/").pop()) });
  });
  observer.observe({ type: "resource", buffered: true });
  // Pyodide waits for ever for a core that did not come. It tells of that by an error that nobody handles, or by none.
  const { fetch } = globalThis;
  const broken = new Promise((_, reject) => {
    globalThis.addEventListener?.("unhandledrejection", (event) => reject(event.reason), { once: true });
    globalThis.fetch = async (...wanted) => {
      try {
        const response = await fetch(...wanted);
        if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
        return response;
      } catch (error) {
        reject(error);
        throw error;
      }
    };
  });
  try {
    const packages = options.packages.filter((name) => !LEFT_OUT.includes(name));
    const pyodide = await Promise.race([load({ ...options, packages }), broken]);
    pyodide.runPython("import helpers"); // first of all: it puts in place what LangChain asks for and a page lacks
    channel.postMessage({ ready: true });
    return pyodide;
  } catch (error) {
    channel.postMessage({ failed: String(error?.message ?? error) });
    throw error;
  } finally {
    globalThis.fetch = fetch;
    observer.disconnect();
    channel.close();
  }
}
