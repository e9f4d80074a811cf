// The flow's editor by keyboard, and branches that stay folded.

// A button or link with data-key="Delete", "Alt+ArrowUp", "Ctrl+Shift+z" is pressed by that key, unless somebody types.
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, [contenteditable], .modal")) return;
  const parts = [
    (event.ctrlKey || event.metaKey) && "Ctrl",
    event.altKey && "Alt",
    event.shiftKey && "Shift",
    event.key.length === 1 ? event.key.toLowerCase() : event.key,
  ];
  const pressed = parts.filter(Boolean).join("+");
  const button = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === pressed);
  if (!button || button.disabled) return;
  event.preventDefault();
  button.click();
});

// Folded branches stay folded over the changes of a flow, for as long as the window is open.
const KEY = `folded:${location.pathname}`;
const folded = new Set(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
for (const one of document.querySelectorAll("details[data-fold]")) {
  one.open = !folded.has(one.id);
  one.addEventListener("toggle", () => {
    folded[one.open ? "delete" : "add"](one.id);
    sessionStorage.setItem(KEY, JSON.stringify([...folded]));
  });
}
