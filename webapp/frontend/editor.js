// The template editor. It holds the text that is being written and its history; the server finds the blocks, makes the
// edits and renders the mail. The canvas is a page under a mail's own policy, and what it shows is that rendering.
import { bindRich } from "./rich.js";

const DEPTH = 200; // steps that can be undone

// In the canvas, where a mail's own styles apply: hence names that no mail has.
const MARKS = `
  [class*="cw-b"] { cursor: pointer; }
  .cw--hover { outline: 1px dashed #0f766e !important; outline-offset: -1px !important; }
  .cw--selected { outline: 2px solid #0f766e !important; outline-offset: -2px !important; }
  .cw--before { box-shadow: 0 -3px 0 #d97706 !important; }
  .cw--after { box-shadow: 0 3px 0 #d97706 !important; }
  [tabindex]:focus-visible { outline: 2px solid #d97706 !important; outline-offset: -2px !important; }`;

class MailEditor extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.area = this.querySelector("#mjml");
    this.subject = this.querySelector("#subject");
    this.frame = this.querySelector("iframe");
    this.inspector = this.querySelector("#inspector");
    this.emptyInspector = this.inspector.innerHTML;
    this.customer = "";
    this.theme = "light";
    this.selected = null;
    this.levels = [];
    this.accepts = [];
    this.asked = 0;
    this.saved = this.state();
    this.history = [this.saved];
    this.at = 0;
    this.bind();
    if (this.frame.contentDocument?.readyState === "complete" && this.frame.contentDocument.title) this.start();
    else this.frame.addEventListener("load", () => this.start(), { once: true });
  }

  start() {
    this.bindCanvas(this.frame.contentDocument);
    this.look();
  }

  state() {
    return { mjml: this.area.value, subject: this.subject.value, selected: this.selected };
  }

  get isDirty() {
    return this.area.value !== this.saved.mjml || this.subject.value !== this.saved.subject;
  }

  // One edit that comes from the same field within a moment is one step of the history.
  remember(key = "") {
    const state = this.state();
    const last = this.history[this.at];
    if (state.mjml === last.mjml && state.subject === last.subject) return;
    const isSame = key && this.at > 0 && last.key === key && performance.now() - last.when < 1500;
    this.history.length = isSame ? this.at : this.at + 1;
    this.history.push({ ...state, key, when: performance.now() });
    if (this.history.length > DEPTH) this.history.shift();
    this.at = this.history.length - 1;
    this.showHistory();
  }

  showHistory() {
    this.querySelector("[data-undo]").disabled = this.at === 0;
    this.querySelector("[data-redo]").disabled = this.at === this.history.length - 1;
  }

  step(by) {
    return this.queue(() => this.stepNow(by));
  }

  async stepNow(by) {
    const state = this.history[this.at + by];
    if (!state) return;
    this.at += by;
    this.area.value = state.mjml;
    this.subject.value = state.subject;
    this.showHistory();
    this.say(by < 0 ? "Undone." : "Done again.");
    await this.look();
    await this.select(state.selected < this.levels.length ? state.selected : null);
  }

  say(text) {
    this.querySelector("[data-said]").textContent = text;
  }

  async ask(what, values = {}) {
    const body = new FormData();
    const all = { mjml: this.area.value, subject: this.subject.value, name: this.dataset.name, ...values };
    for (const [name, value] of Object.entries(all)) {
      if (value !== null && value !== undefined) body.set(name, value);
    }
    const token = document.querySelector('meta[name="csrf-token"]').content;
    const path = what.startsWith("/") ? what : `${this.dataset.path}/${what}`;
    const answer = await fetch(path, { method: "POST", body, headers: { "X-CSRFToken": token, Accept: "application/json" } });
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    if (answer.status === 422 && isJson) return answer.json(); // { error }
    if (!answer.ok) return { error: { text: "The server could not do this. What you wrote is still here.", line: null } };
    return isJson ? answer.json() : { html: await answer.text() };
  }

  showError(error) {
    this.querySelector("[data-error]").hidden = !error;
    this.querySelector("[data-error-text]").textContent = error?.text ?? "";
    const go = this.querySelector("[data-go-to-line]");
    go.hidden = !error?.line;
    go.dataset.line = error?.line ?? "";
  }

  // The newest question's answer counts; one that comes late is of a text that is gone.
  async look() {
    this.asked += 1;
    const number = this.asked;
    let found;
    try {
      found = await this.ask("look", { customer: this.customer, theme: this.theme });
    } catch {
      found = { error: { text: "The server does not answer. What you wrote is still here; try again in a moment.", line: null } };
    }
    if (number !== this.asked) return;
    this.showError(found.error);
    if (found.error) return;
    this.levels = found.levels;
    this.accepts = found.accepts;
    this.querySelector("[data-outline]").innerHTML = found.outline;
    this.querySelector("[data-findings]").innerHTML = found.findings;
    this.querySelector("[data-text]").textContent = found.text;
    this.querySelector("[data-shown-subject]").textContent = found.subject;
    this.querySelector("[data-shown-preheader]").textContent = found.preheader;
    this.draw(found.html);
    this.mark();
  }

  lookSoon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.look(), 250);
  }

  draw(html) {
    const page = this.frame.contentDocument;
    const place = page.scrollingElement?.scrollTop ?? 0;
    page.documentElement.innerHTML = html.replace(/^[\s\S]*?<html[^>]*>/i, "").replace(/<\/html>\s*$/i, "");
    const style = page.createElement("style");
    style.textContent = MARKS;
    page.head.append(style);
    for (const element of page.querySelectorAll("[class*='cw-b']")) {
      const number = this.numberOf(element);
      if (this.levels[number] !== "content") continue;
      element.tabIndex = 0;
    }
    if (page.scrollingElement) page.scrollingElement.scrollTop = place;
    const isDesktop = this.querySelector("[data-stage]").classList.contains("is-desktop");
    this.frame.style.height = isDesktop ? "0" : "";
    if (isDesktop) this.frame.style.height = `${Math.max(page.documentElement.scrollHeight, 320)}px`;
  }

  numberOf(element) {
    const found = element?.closest?.("[class*='cw-b']");
    const number = found?.getAttribute("class").match(/(?:^|\s)cw-b(\d+)(?:\s|$)/)?.[1];
    return number === undefined ? null : Number(number);
  }

  mark() {
    const page = this.frame.contentDocument;
    page.querySelectorAll(".cw--selected").forEach((element) => element.classList.remove("cw--selected"));
    for (const item of this.querySelectorAll(".outline-item")) {
      item.setAttribute("aria-pressed", String(Number(item.dataset.block) === this.selected));
    }
    if (this.selected === null) return;
    page.querySelectorAll(`.cw-b${this.selected}`).forEach((element) => element.classList.add("cw--selected"));
  }

  async select(number, { focus = false } = {}) {
    this.selected = number;
    this.mark();
    if (number === null) {
      this.inspector.innerHTML = this.emptyInspector;
      return;
    }
    const found = await this.ask("inspect", { block: number });
    if (this.selected !== number) return;
    if (found.error) {
      this.showError(found.error);
      return;
    }
    this.inspector.innerHTML = found.html;
    bindRich(this.inspector, (value) => this.change("rich", { value, block: number }, { isTyping: true }));
    if (focus) this.inspector.querySelector("[data-rich], [data-set], [data-op]")?.focus();
  }

  // Edits, undoing and choosing happen one after another, each on the text that the one before it made.
  queue(work) {
    this.working = (this.working ?? Promise.resolve()).then(work).catch(() => {
      this.showError({ text: "The server does not answer. Nothing was changed.", line: null });
    });
    return this.working;
  }

  change(op, values = {}, { isTyping = false } = {}) {
    return this.queue(() => this.changeNow(op, values, isTyping));
  }

  choose(number, options) {
    return this.queue(() => this.select(number, options));
  }

  async changeNow(op, values, isTyping) {
    const sent = this.area.value;
    const found = await this.ask("change", { op, block: this.selected, ...values });
    if (found.error) {
      this.showError(found.error);
      return;
    }
    if (this.area.value !== sent) return; // typed over meanwhile in the code
    this.area.value = found.mjml;
    if (isTyping) {
      this.remember(`${op} ${this.selected} ${values.name ?? ""}`);
      await this.look();
      return;
    }
    this.selected = found.selected;
    this.remember();
    await this.look();
    await this.select(found.selected);
    this.showSelected();
  }

  showSelected() {
    const element = this.frame.contentDocument.querySelector(`.cw-b${this.selected}`);
    element?.scrollIntoView({ block: "nearest" });
  }

  insert(kind, target = this.selected, place = null) {
    const holds = target !== null && this.accepts[target] === "content" && this.levels[target] !== "content";
    return this.change("insert", { kind, block: target, place: place ?? (holds ? "inside" : "after") });
  }

  pane(name) {
    this.querySelectorAll("[data-pane]").forEach((pane) => (pane.hidden = pane.dataset.pane !== name));
    this.querySelector(".editor-grid").classList.toggle("is-code", name === "code");
    this.querySelectorAll("[data-pane-of]").forEach((button) => {
      const is = button.dataset.paneOf === name;
      button.classList.toggle("active", is);
      button.setAttribute("aria-pressed", String(is));
    });
    if (name === "visual") this.look();
  }

  goToLine(line) {
    this.pane("code");
    const lines = this.area.value.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    this.area.focus();
    this.area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    const height = this.area.scrollHeight / Math.max(lines.length, 1);
    this.area.scrollTop = Math.max(0, (line - 4) * height);
  }

  async save() {
    const found = await this.ask("save", { base: this.form.elements.base.value });
    this.showError(found.error);
    if (found.error) {
      document.dispatchEvent(new CustomEvent("toast", { detail: { text: "It is not saved yet.", kind: "danger" } }));
      return;
    }
    const isUntouched = this.area.value === found.mjml;
    this.saved = { ...this.state(), mjml: isUntouched ? found.mjml : this.area.value };
    this.form.elements.base.value = found.number;
    this.querySelectorAll("[data-saved]").forEach((e) => (e.textContent = `Version ${found.number}`));
    document.querySelectorAll("[data-saved]").forEach((e) => (e.textContent = `Version ${found.number}`));
    document.dispatchEvent(new CustomEvent("toast", { detail: { text: `Version ${found.number} is saved.`, kind: "success" } }));
  }

  bind() {
    addEventListener("beforeunload", (event) => {
      if (this.isConnected && this.isDirty) event.preventDefault();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.save();
    });
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("input", (event) => this.typed(event));
    this.addEventListener("change", (event) => this.typed(event));
    this.addEventListener("keydown", (event) => this.pressed(event));
    for (const kind of ["keyup", "click"]) this.area.addEventListener(kind, () => this.showLine());
    this.bindDrag(this);
    const go = this.querySelector("[data-go-to-line]");
    if (go.dataset.line && !go.hidden) this.goToLine(Number(go.dataset.line));
  }

  showLine() {
    const line = this.area.value.slice(0, this.area.selectionStart).split("\n").length;
    this.querySelector("[data-where]").textContent = `Line ${line}`;
  }

  clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const { dataset } = button;
    if ("undo" in dataset) this.step(-1);
    else if ("redo" in dataset) this.step(1);
    else if (dataset.paneOf) this.pane(dataset.paneOf);
    else if ("goToLine" in dataset) this.goToLine(Number(dataset.line));
    else if (dataset.insert) this.insert(dataset.insert);
    else if (dataset.op) this.change(dataset.op);
    else if (dataset.block) this.choose(Number(dataset.block)).then(() => this.showSelected());
    else if (dataset.width) this.toggle(button, (is) => this.phone(is));
    else if ("dark" in dataset) this.toggle(button, (is) => (this.theme = is ? "dark" : "light"));
    else if ("previewAs" in dataset) this.previewAs(dataset.previewAs, dataset.called);
    else if ("keep" in dataset) this.keep();
    else if (dataset.forget) this.forget(dataset.forget);
  }

  toggle(button, then) {
    const is = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(is));
    button.classList.toggle("active", is);
    then(is);
    this.look();
  }

  phone(is) {
    const stage = this.querySelector("[data-stage]");
    stage.classList.toggle("is-phone", is);
    stage.classList.toggle("is-desktop", !is);
  }

  previewAs(customer, called) {
    this.customer = customer;
    this.querySelector("[data-person]").textContent = called;
    this.look();
  }

  async keep() {
    const name = this.querySelector("#keep-name").value;
    const found = await this.ask("keep", { block: this.selected, value: name });
    this.showError(found.error);
    if (found.error) return;
    this.querySelector("#saved-blocks").innerHTML = found.html;
    document.dispatchEvent(new CustomEvent("toast", { detail: { text: `“${name}” is saved for other mails.`, kind: "success" } }));
  }

  async forget(path) {
    const found = await this.ask(path);
    if (!found.error) this.querySelector("#saved-blocks").innerHTML = found.html;
  }

  typed(event) {
    const field = event.target;
    if (field === this.area || field === this.subject) {
      if (event.type !== "input") return;
      this.remember(field.id);
      if (field === this.area) this.selected = null;
      this.lookSoon();
      return;
    }
    if (!field.dataset.set) return;
    clearTimeout(this.setting);
    const values = { name: field.dataset.name ?? "", value: field.value, block: this.selected };
    const send = () => this.change(field.dataset.set, values, { isTyping: true });
    if (event.type === "change") send();
    else this.setting = setTimeout(send, 300);
  }

  pressed(event) {
    const isMeta = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const isText = event.target.matches?.("input, textarea, select, [contenteditable=true]");
    if (isMeta && key === "s") this.save();
    else if (isMeta && key === "z" && !isText) this.step(event.shiftKey ? 1 : -1);
    else if (isMeta && key === "y" && !isText) this.step(1);
    else if (isText || this.selected === null) return;
    else if (event.altKey && key === "arrowup") this.change("up");
    else if (event.altKey && key === "arrowdown") this.change("down");
    else if (isMeta && key === "d") this.change("duplicate");
    else if (key === "delete") this.change("delete");
    else return;
    event.preventDefault();
  }

  bindCanvas(page) {
    page.addEventListener("click", (event) => {
      event.preventDefault();
      const number = this.numberOf(event.target);
      if (number !== null) this.choose(number);
    });
    page.addEventListener("mouseover", (event) => {
      page.querySelectorAll(".cw--hover").forEach((element) => element.classList.remove("cw--hover"));
      event.target.closest?.("[class*='cw-b']")?.classList.add("cw--hover");
    });
    page.addEventListener("keydown", (event) => {
      const number = this.numberOf(event.target);
      if (number !== null && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        this.choose(number, { focus: true });
        return;
      }
      if (number !== null && number !== this.selected && !event.ctrlKey && !event.metaKey && event.key !== "Tab") this.selected = number;
      this.pressed(event);
    });
    this.bindDrag(page);
  }

  // From the palette or the outline onto the outline or into the mail.
  bindDrag(place) {
    place.addEventListener("dragstart", (event) => {
      const source = event.target.closest?.("[data-insert], .outline-item");
      if (!source) return;
      this.dragged = source.dataset.insert ? { kind: source.dataset.insert } : { block: Number(source.dataset.block) };
      event.dataTransfer.setData("text/plain", source.textContent.trim());
      event.dataTransfer.effectAllowed = "copyMove";
    });
    place.addEventListener("dragover", (event) => {
      const target = this.dragged && this.dropTarget(event);
      this.clearDrop();
      if (!target) return;
      event.preventDefault();
      target.element.classList.add(`cw--${target.place}`);
    });
    place.addEventListener("drop", (event) => {
      const target = this.dragged && this.dropTarget(event);
      this.clearDrop();
      if (!target) return;
      event.preventDefault();
      const { kind, block } = this.dragged;
      this.dragged = null;
      if (kind) this.insert(kind, target.number, target.place);
      else this.change("drop", { block, target: target.number, place: target.place });
    });
    place.addEventListener("dragend", () => {
      this.dragged = null;
      this.clearDrop();
    });
  }

  dropTarget(event) {
    const item = event.target.closest?.(".outline-item");
    const element = item ?? event.target.closest?.("[class*='cw-b']");
    const number = item ? Number(item.dataset.block) : this.numberOf(event.target);
    if (!element || number === null) return null;
    const box = element.getBoundingClientRect();
    return { element, number, place: event.clientY < box.top + box.height / 2 ? "before" : "after" };
  }

  clearDrop() {
    for (const page of [document, this.frame.contentDocument]) {
      page.querySelectorAll(".cw--before, .cw--after").forEach((e) => e.classList.remove("cw--before", "cw--after"));
    }
  }
}
customElements.define("mail-editor", MailEditor);
