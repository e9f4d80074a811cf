// Loaded in the head and blocking, so that the page is never painted in the wrong colours.
(() => {
  window.__csp = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.__csp.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}:${event.lineNumber ?? ""}`);
  });

  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function paint() {
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      // Storage is switched off: follow the system.
    }
    const theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    if (document.documentElement.dataset.bsTheme !== theme) {
      document.documentElement.dataset.bsTheme = theme;
      document.dispatchEvent(new CustomEvent("theme:changed", { detail: theme }));
    }
  }

  window.cartwheelTheme = (theme) => {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      document.documentElement.dataset.bsTheme = theme;
    }
    paint();
  };
  dark.addEventListener("change", paint);
  window.addEventListener("storage", paint);
  paint();

  // The page is painted before app.js has come. A button pressed in between is pressed again once there is somebody to
  // answer; only the last one, since a person who sees nothing happen presses twice.
  let pressed = null;
  function keep(event) {
    const button = event.target.closest?.('button[type="button"]');
    if (button) {
      pressed = button;
    }
  }
  document.addEventListener("click", keep, true);
  document.addEventListener(
    "app:ready",
    () => {
      document.removeEventListener("click", keep, true);
      if (pressed?.isConnected) {
        pressed.click();
      }
    },
    { once: true },
  );
})();
