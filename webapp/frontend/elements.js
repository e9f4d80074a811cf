// Small behaviours bound to elements, so that they also work in fragments that arrive later.

document.addEventListener("click", async (event) => {
  const theme = event.target.closest("[data-theme-toggle]");
  if (theme) {
    window.cartwheelTheme(document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark");
    return;
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const field = document.querySelector(copy.dataset.copy);
    const text = field.value ?? field.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
      announce("Copied.", "success");
    } catch {
      field.select?.();
      announce("Press Ctrl+C to copy.", "warning");
    }
    return;
  }
  const reveal = event.target.closest("[data-reveal]");
  if (reveal) {
    const field = document.querySelector(reveal.dataset.reveal);
    field.type = field.type === "password" ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(field.type === "text"));
  }
});

// A form that is being sent is not sent twice by an impatient second click.
document.addEventListener("submit", (event) => {
  // What takes seconds says that it is under way.
  if (event.target.hasAttribute("data-slow")) {
    event.target.setAttribute("aria-busy", "true");
    event.target.querySelector(".spin")?.classList.add("is-on");
  }
  if (event.defaultPrevented || event.target.method === "get") return;
  const button = event.submitter;
  if (button && !event.target.hasAttribute("hx-post")) {
    setTimeout(() => {
      button.classList.add("disabled");
      button.setAttribute("aria-disabled", "true");
    });
  }
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[aria-busy]").forEach((form) => {
    form.removeAttribute("aria-busy");
    form.querySelector(".spin")?.classList.remove("is-on");
  });
  document.querySelectorAll("[type=submit][aria-disabled]").forEach((button) => {
    button.classList.remove("disabled");
    button.removeAttribute("aria-disabled");
  });
});

// What a person unfolded stays unfolded when a fragment replaces the page around it; it needs an id for that.
const unfolded = new Set();
document.addEventListener(
  "toggle",
  (event) => {
    const { id, open, isConnected } = event.target;
    if (!id || !isConnected || !(event.target instanceof HTMLDetailsElement)) return;
    if (open) unfolded.add(id);
    else unfolded.delete(id);
  },
  true,
);
document.addEventListener("htmx:after:swap", () => {
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
});

function announce(text, kind) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, kind } }));
}

// <echart-view><script type="application/json">…</script></echart-view>, or <echart-view data-chart="…"> for one that
// is drawn again whenever a fragment brings new data. See chart.js for what the JSON may say.
class EchartView extends HTMLElement {
  static observedAttributes = ["data-chart"];

  attributeChangedCallback(name, before, now) {
    if (before !== now) this.redraw?.();
  }

  async connectedCallback() {
    this.setAttribute("role", this.getAttribute("role") ?? "img");
    const { draw } = await import("./chart.js");
    if (!this.isConnected) return;
    this.redraw = () => draw(this);
    this.redraw();
    document.addEventListener("theme:changed", this.redraw);
    this.sizes = new ResizeObserver(() => this.chart?.resize());
    this.sizes.observe(this);
  }

  disconnectedCallback() {
    document.removeEventListener("theme:changed", this.redraw);
    this.redraw = undefined;
    this.sizes?.disconnect();
    this.chart?.dispose();
    this.chart = undefined;
  }
}
customElements.define("echart-view", EchartView);
