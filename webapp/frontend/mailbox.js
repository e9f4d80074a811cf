// A mail's frame is as high as the mail, so that the page scrolls and not the frame. The phone keeps its size.
function fit(frame) {
  const page = frame.contentDocument?.documentElement;
  if (frame.dataset.fit !== "desktop" || !page) return;
  frame.style.height = "0";
  frame.style.height = `${Math.max(page.scrollHeight, 240)}px`;
}

// "load" does not bubble, but it can be caught on its way down.
document.addEventListener("load", (event) => event.target.matches?.("iframe[data-fit]") && fit(event.target), true);
document.querySelectorAll("iframe[data-fit]").forEach(fit);
window.addEventListener("resize", () => document.querySelectorAll("iframe[data-fit]").forEach(fit));
