// What a page does beyond being read. Without this script it shows everything but the search.
(() => {
  const root = document.documentElement;
  /** @param {string} selector @param {ParentNode} within */
  const all = (selector, within = document) => /** @type {HTMLElement[]} */ ([...within.querySelectorAll(selector)]);

  /** Remember something where the browser keeps things; in private windows some keep nothing.
   * @param {string} name @param {string} value */
  const remember = (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {
      // It lasts as long as the page.
    }
  };

  // --- light and dark ---------------------------------------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");

  /** Have the button and the pictures follow the theme that is chosen, else the system's. */
  const follow = () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    for (const button of all("button.theme")) button.setAttribute("aria-pressed", String(isDark));
    for (const source of /** @type {HTMLSourceElement[]} */ (all("picture > source[media*='prefers-color-scheme']"))) {
      source.dataset.media ??= source.media;
      source.media = source.dataset.media.includes("dark") === isDark ? "all" : "not all";
    }
  };
  for (const button of /** @type {HTMLButtonElement[]} */ (all("button.theme"))) {
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = button.getAttribute("aria-pressed") === "true" ? "light" : "dark";
      remember("theme", root.dataset.theme);
      follow();
    });
  }
  dark.addEventListener("change", follow);
  follow();

  // --- menus ------------------------------------------------------------------------------------

  const menus = /** @type {HTMLDetailsElement[]} */ (all("details.menu"));
  /** @param {EventTarget | null} target */
  const closeOthers = (target) => {
    for (const menu of menus) if (!(target instanceof Node && menu.contains(target))) menu.open = false;
  };
  document.addEventListener("click", (event) => closeOthers(event.target));
  document.addEventListener("focusin", (event) => closeOthers(event.target));
  document.addEventListener("keydown", (event) => {
    const menu = menus.find((one) => one.open);
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });

  // --- the place on the page --------------------------------------------------------------------

  /** The last of some elements that begins above a height of the window.
   * @template {Element} E @param {E[]} elements @param {number} height */
  const passed = (elements, height) => elements.filter((one) => one.getBoundingClientRect().top < height).at(-1);

  const links = /** @type {HTMLAnchorElement[]} */ (all("nav.outline a"));
  const headings = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))) ?? root);
  const mark = () => {
    const atEnd = innerHeight + scrollY >= root.scrollHeight - 2;
    const here = headings.indexOf((atEnd ? headings.at(-1) : passed(headings, innerHeight / 4)) ?? root);
    links.forEach((link, place) => {
      if (place !== here) return link.removeAttribute("aria-current");
      if (link.ariaCurrent) return;
      link.setAttribute("aria-current", "true");
      const box = link.closest("nav");
      if (box && box.scrollHeight > box.clientHeight) box.scrollTop = link.offsetTop - box.clientHeight / 2;
    });
  };
  if (links.length) {
    let waits = false;
    addEventListener("scroll", () => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        mark();
      });
    });
    mark();
  }

  // Another language shows the same cell: its ID is the same in all.
  const BAR = 80;
  const cells = all(".cell[id]");
  for (const link of /** @type {HTMLAnchorElement[]} */ (all(".languages a"))) {
    link.addEventListener("click", () => {
      const cell = scrollY > 0 ? passed(cells, BAR) : undefined;
      link.hash = cell ? cell.id : "";
    });
  }

  // --- code and wide things ---------------------------------------------------------------------

  const main = document.querySelector("main");
  /** The clipboard of pages that came by plain http is an older one.
   * @param {string} text */
  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };
  for (const code of all("pre > code", main ?? document)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = main?.dataset.copy ?? "";
    button.addEventListener("click", async () => {
      await copy(code.textContent?.trimEnd() ?? "");
      button.textContent = main?.dataset.copied ?? "";
      button.setAttribute("aria-live", "polite");
      setTimeout(() => (button.textContent = main?.dataset.copy ?? ""), 2000);
    });
    const block = document.createElement("div");
    block.className = "block";
    code.parentElement?.replaceWith(block);
    block.append(/** @type {Node} */ (code.parentElement), button);
  }

  // What scrolls sideways is reached by the keyboard.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of all("main pre, main .wide")) watch.observe(box);

  // --- search -----------------------------------------------------------------------------------

  const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog.search"));
  if (!dialog) return;
  const field = /** @type {HTMLInputElement} */ (dialog.querySelector("input"));
  const status = /** @type {HTMLElement} */ (dialog.querySelector("[role=status]"));
  const results = /** @type {HTMLElement} */ (dialog.querySelector("ol"));
  const [SHOWN, BEFORE, AFTER] = [30, 40, 120];

  /** A text without case, accents and the width of its signs. Only Latin accents go: those of kana tell words apart.
   * @param {string} text */
  const folded = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();

  /** @type {Promise<{entry: string[], title: string, words: string}[]> | undefined} */
  let loading;
  const load = async () => {
    const answer = await fetch(dialog.dataset.index ?? "");
    if (!answer.ok) throw new Error(answer.statusText);
    /** @type {string[][]} */
    const entries = await answer.json();
    return entries.map((entry) => ({ entry, title: folded(entry[3] || entry[2]), words: folded(entry[4]) }));
  };

  /** The piece of a text around the first of some terms, which is marked.
   * @param {string} text @param {string[]} terms */
  const excerpt = (text, terms) => {
    // The folded text is of another length; each of its letters knows where it was.
    const signs = [...text];
    const letters = signs.map(folded);
    /** @type {number[]} */
    const places = letters.flatMap((letter, place) => Array(letter.length).fill(place));
    const whole = letters.join("");
    const [at, term] = terms.map((one) => /** @type {const} */ ([whole.indexOf(one), one])).find(([one]) => one >= 0) ?? [-1, ""];
    const paragraph = document.createElement("p");
    if (at < 0) {
      paragraph.textContent = signs.slice(0, AFTER).join("");
      return paragraph;
    }
    const [begin, end] = [places[at], places[at + term.length - 1] + 1];
    const found = document.createElement("mark");
    found.textContent = signs.slice(begin, end).join("");
    const start = Math.max(0, begin - BEFORE);
    paragraph.append((start ? "…" : "") + signs.slice(start, begin).join(""), found, signs.slice(end, end + AFTER).join(""));
    return paragraph;
  };

  const search = async () => {
    const asked = field.value;
    const terms = folded(asked).split(/\s+/).filter(Boolean);
    let index;
    try {
      index = await (loading ??= load());
    } catch {
      loading = undefined;
      status.textContent = dialog.dataset.trouble ?? "";
      return;
    }
    if (field.value !== asked) return;
    const found = terms.length
      ? index.filter(({ title, words }) => terms.every((term) => title.includes(term) || words.includes(term)))
      : [];
    const inTitle = found.filter(({ title }) => terms.every((term) => title.includes(term)));
    const ordered = [...inTitle, ...found.filter((one) => !inTitle.includes(one))];
    results.replaceChildren(
      ...ordered.slice(0, SHOWN).map(({ entry: [page, anchor, title, section, words] }) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = anchor ? `${page}#${encodeURIComponent(anchor)}` : page;
        link.textContent = section || title;
        item.append(link);
        if (section && section !== title) {
          const where = document.createElement("small");
          where.textContent = title;
          item.append(" ", where);
        }
        item.append(excerpt(words, terms));
        return item;
      }),
    );
    const { found: counted = "", nothing = "" } = dialog.dataset;
    status.textContent = !terms.length ? "" : found.length ? counted.replace("{count}", String(found.length)) : nothing;
  };

  const open = () => {
    dialog.showModal();
    field.select();
    loading ??= load();
    loading.catch(() => (loading = undefined));
  };
  for (const button of all("button.find")) {
    button.hidden = false;
    button.addEventListener("click", open);
  }
  field.addEventListener("input", search);
  field.form?.addEventListener("submit", () => dialog.close());
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // Enter takes the first result; the button closes
    results.querySelector("a")?.click();
  });
  results.addEventListener("click", (event) => event.target instanceof HTMLAnchorElement && dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    const asks = (event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey));
    if (!asks || dialog.open) return;
    event.preventDefault();
    open();
  });
})();
