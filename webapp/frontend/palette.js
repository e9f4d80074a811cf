// Find anything by Ctrl+K or "/", and the list of keys by "?". What fits comes from the server; see pages/find.py.
const palette = document.getElementById("palette");
const keys = document.getElementById("keys");

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open], .modal.show");
}

function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  palette.querySelector("input").select();
  ask();
}

// Asked while the page is still being put together, nobody may answer: as long as the list is empty it is asked again.
function ask() {
  palette.querySelector("input").dispatchEvent(new CustomEvent("palette:open"));
  setTimeout(() => palette.open && !document.getElementById("palette-list").childElementCount && ask(), 3000);
}

// Keys that only this page has stand on its buttons (see flow.js), so that the list is never out of date.
function openKeys() {
  if (!keys || keys.open) return;
  const list = keys.querySelector("#keys-list");
  list.querySelectorAll("[data-here]").forEach((one) => one.remove());
  const seen = new Set();
  for (const button of document.querySelectorAll("[data-key]")) {
    const name = (button.getAttribute("aria-label") ?? button.textContent).trim();
    if (!name || seen.has(button.dataset.key)) continue;
    seen.add(button.dataset.key);
    const term = document.createElement("dt");
    button.dataset.key.split("+").forEach((part, at) => {
      const key = document.createElement("kbd");
      key.textContent = part;
      if (at) term.append(" ");
      term.append(key);
    });
    const meaning = document.createElement("dd");
    meaning.textContent = name;
    for (const one of [term, meaning]) one.dataset.here = "";
    list.append(term, meaning);
  }
  keys.showModal();
}

// Who types and presses Enter at once means what will fit, not what still stands there.
let isAwaited = false;

function choose(option) {
  const field = palette.querySelector("input");
  for (const one of palette.querySelectorAll('[role="option"]')) one.setAttribute("aria-selected", String(one === option));
  if (!option) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const isFind = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k";
  if (isFind && !event.target.closest(".ProseMirror")) {
    event.preventDefault();
    openPalette();
  } else if (event.key === "/" && !isTyping(event.target)) {
    event.preventDefault();
    openPalette();
  } else if (event.key === "?" && !isTyping(event.target)) {
    event.preventDefault();
    openKeys();
  }
});

palette?.addEventListener("keydown", (event) => {
  const options = [...palette.querySelectorAll('a[role="option"]')];
  const at = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    choose(options[(at + step + options.length) % options.length]);
  } else if (event.key === "Enter" && options[at]) {
    event.preventDefault();
    options[at].click();
  } else if (event.key === "Enter") {
    event.preventDefault();
    isAwaited = true;
  }
});

palette?.addEventListener("input", () => {
  isAwaited = false;
  choose(undefined);
});

palette?.addEventListener("htmx:after:swap", () => {
  const options = [...palette.querySelectorAll('[role="option"]')];
  options.forEach((one, at) => (one.id = `palette-option-${at}`));
  const first = options.find((one) => one.matches("a"));
  choose(first);
  if (isAwaited) first?.click();
  isAwaited = false;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette]")) {
    event.preventDefault();
    openPalette();
  } else if (event.target.closest("[data-keys]")) {
    openKeys();
  } else if (event.target.closest("[data-close]") || event.target instanceof HTMLDialogElement) {
    event.target.closest("dialog")?.close();
  }
});
