// Everything a page needs at once. What is heavy (charts) is fetched when an element on the page asks for it.
import "htmx.org";
import "bootstrap/js/src/collapse.js";
import "bootstrap/js/src/dropdown.js";
import "bootstrap/js/src/modal.js";
import "bootstrap/js/src/offcanvas.js";
import "bootstrap/js/src/tab.js";
import "./csrf.js";
import "./toasts.js";
import "./elements.js";
import "./picture.js";
import "./palette.js";
import "./flow.js";
import "./mailbox.js";

// htmx looks at the page when it has been parsed, and asked for that before this line did.
const ready = () => document.dispatchEvent(new CustomEvent("app:ready"));
if (document.readyState === "complete") {
  setTimeout(ready);
} else {
  document.addEventListener("DOMContentLoaded", ready, { once: true });
}
