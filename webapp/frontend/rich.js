// The text of a block: bold, italic, links and merge tags. `data-href` is a link's address, `data-jinja` a chip's tag:
// the server makes a mail's HTML of them and drops everything it does not know.
function chip(jinja) {
  const element = document.createElement("span");
  element.className = "tag-chip";
  element.contentEditable = "false";
  element.dataset.jinja = jinja;
  element.textContent = jinja.slice(2, -2).replace(/\|[\s\S]*/, "").trim().replaceAll(/[._]/g, " ");
  return element;
}

export function bindRich(root, changed) {
  const text = root.querySelector("[data-rich]");
  if (!text) return;
  let waiting;
  let last = null; // where the caret was when a button took the focus
  let sent = text.innerHTML;
  const now = () => {
    clearTimeout(waiting);
    if (text.innerHTML === sent) return;
    sent = text.innerHTML;
    changed(sent);
  };
  const send = () => {
    clearTimeout(waiting);
    waiting = setTimeout(now, 250);
  };
  const keepCaret = () => {
    const selection = getSelection();
    if (selection.rangeCount && text.contains(selection.anchorNode)) last = selection.getRangeAt(0).cloneRange();
  };
  const takeBack = () => {
    text.focus();
    const range = last ?? document.createRange();
    if (!last) {
      range.selectNodeContents(text);
      range.collapse(false);
    }
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return range;
  };
  text.addEventListener("input", send);
  text.addEventListener("blur", now);
  for (const kind of ["keyup", "mouseup", "blur"]) text.addEventListener(kind, keepCaret);
  // What is pasted comes without its looks.
  text.addEventListener("paste", (event) => {
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  const row = root.querySelector("[data-link-row]");
  root.querySelector(".rich-tools").addEventListener("click", (event) => {
    const style = event.target.closest("[data-style]")?.dataset.style;
    if (!style) return;
    if (style === "link") {
      row.hidden = !row.hidden;
      if (!row.hidden) row.querySelector("input").focus();
      return;
    }
    takeBack();
    document.execCommand("styleWithCSS", false, "false");
    document.execCommand(style);
    send();
  });
  root.querySelector("[data-tag]").addEventListener("change", (event) => {
    const range = takeBack();
    const element = chip(event.target.value);
    range.deleteContents();
    range.insertNode(element);
    range.setStartAfter(element);
    range.collapse(true);
    last = range.cloneRange();
    event.target.value = "";
    send();
  });
  root.querySelector("[data-link-set]").addEventListener("click", () => {
    const field = row.querySelector("input");
    const range = takeBack();
    if (!field.value.trim() || range.collapsed) return;
    const link = document.createElement("a");
    link.dataset.href = field.value.trim();
    link.append(range.extractContents());
    range.insertNode(link);
    row.hidden = true;
    field.value = "";
    send();
  });
}
