// Short messages in the corner: those that came with the page, and those that a fragment's HX-Trigger header brings.
import Toast from "bootstrap/js/src/toast.js";

function show(element) {
  const lasts = element.dataset.kind === "danger" ? 15000 : 6000;
  element.addEventListener("hidden.bs.toast", () => element.remove());
  Toast.getOrCreateInstance(element, { delay: lasts }).show();
}

document.addEventListener("toast", (event) => {
  const model = document.getElementById("toast-model");
  if (!model) return;
  const element = model.content.firstElementChild.cloneNode(true);
  const kind = ["success", "danger", "warning"].includes(event.detail.kind) ? event.detail.kind : "success";
  element.dataset.kind = kind;
  element.querySelector("[data-text]").textContent = event.detail.text;
  element.querySelector(`[data-icon="${kind}"]`)?.classList.remove("d-none");
  document.getElementById("toasts").append(element);
  show(element);
});

document.querySelectorAll("#toasts > .toast").forEach(show);
