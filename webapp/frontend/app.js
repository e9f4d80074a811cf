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
