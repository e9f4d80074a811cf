// For the pages of a shop: tells what a visitor looks at, once they have agreed, and lets sign-up forms pop up.
// Before `cartwheel.consent(true)` nothing is stored, read or sent. What came before it on the page is told then.
const { url, key, tells, forms } = window.__cartwheel;
const doc = document;
const nav = navigator;
const script = doc.currentScript;
const isRobot = nav.webdriver || /bot|crawl|spider|preview|lighthouse|headless/i.test(nav.userAgent);
const isOff = !tells || isRobot || nav.doNotTrack === "1" || nav.globalPrivacyControl === true;

let agreed = false;
let visitor = "";
let waiting = [];
let timer;

function kept() {
  try {
    return (agreed && JSON.parse(localStorage.getItem("cartwheel"))) || {};
  } catch {
    return {};
  }
}

function keep(change) {
  if (!agreed) return;
  try {
    localStorage.setItem("cartwheel", JSON.stringify({ ...kept(), ...change }));
  } catch {
    // Storage is switched off: the visitor is a new one on every page.
  }
}

function send() {
  clearTimeout(timer);
  timer = 0;
  if (!agreed || isOff || !waiting.length) return;
  const now = Date.now();
  const events = waiting.splice(0, 20).map(({ when, ...told }) => ({ ...told, at: now - when }));
  fetch(`${url}/s/${key}/events`, {
    method: "POST",
    body: JSON.stringify({ visitor, events }),
    headers: { "Content-Type": "text/plain" },
    credentials: "omit",
    keepalive: true,
    mode: "cors",
  }).catch(() => {});
}

function tell(type, told) {
  if (isOff || waiting.length >= 20) return;
  waiting.push({ type, path: location.pathname.slice(0, 500), when: Date.now(), ...told });
  if (agreed) timer = timer || setTimeout(send, 500);
}

const api = {
  consent(yes) {
    agreed = yes === true;
    if (!agreed) {
      waiting = [];
      try {
        localStorage.removeItem("cartwheel");
      } catch {
        // There was nothing, then.
      }
      return;
    }
    if (isOff) return;
    visitor = kept().visitor || Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
    keep({ visitor });
    send();
  },
  identify: (who) => tell("identify", { email: String(who.email || who).slice(0, 320) }),
  product: (it) => tell("product", { product_id: String(it.id || it), variant_id: it.variant ? String(it.variant) : null }),
  search: (query) => tell("search", { query: String(query).slice(0, 200) }),
  cart: (it) =>
    tell("cart", {
      cart_id: String(it.id || ""),
      items: (it.items || []).map((i) => ({ product_id: String(i.id), variant_id: String(i.variant || ""), quantity: i.quantity || 1 })),
    }),
  push: (call) => api[call[0]](...call.slice(1)),
};

// How a visit began: where from, and what the link said of itself. Of advertisers' click ids the names alone are told.
function arrive() {
  const query = new URLSearchParams(location.search);
  const utm = {};
  for (const name of ["source", "medium", "campaign", "term", "content"]) {
    const value = query.get(`utm_${name}`);
    if (value) utm[name] = value.slice(0, 200);
  }
  const ids = ["gclid", "gbraid", "wbraid", "msclkid", "fbclid", "ttclid"].filter((name) => query.has(name));
  let referrer = "";
  try {
    const from = new URL(doc.referrer);
    if (from.hostname !== location.hostname) referrer = from.origin;
  } catch {
    // Nobody sent them.
  }
  if (referrer || ids.length || Object.keys(utm).length) tell("arrival", { utm, ids, referrer });
}

arrive();
tell("page");
const shown = doc.querySelector('meta[property="product:retailer_item_id"], meta[name="cartwheel:product"]');
if (shown) api.product(shown.content);
const before = window.cartwheel;
window.cartwheel = api;
if (script?.hasAttribute("data-consent")) api.consent(true);
if (Array.isArray(before)) before.forEach(api.push);
addEventListener("pagehide", send);

// Pop-ups. Where nothing may be stored, one comes only on the page on which a visit begins.
const style = `dialog{position:fixed;inset:0;margin:auto;width:min(26rem,calc(100vw - 2rem));max-height:calc(100vh - 2rem);padding:0;border:0;border-radius:14px;background:Canvas;box-shadow:0 12px 48px #0005;overflow:auto}
dialog::backdrop{background:#0008}iframe{display:block;width:100%;height:24rem;border:0}
button{position:absolute;top:8px;right:8px;width:40px;height:40px;border:0;border-radius:50%;background:transparent;color:CanvasText;font:24px/1 sans-serif;cursor:pointer}
button:focus-visible{outline:3px solid Highlight}
@media(prefers-reduced-motion:no-preference){dialog[open]{animation:a .2s}@keyframes a{from{opacity:0;transform:translateY(12px)}}}`;

function pop(form) {
  if (doc.querySelector("[data-cartwheel-form]")) return;
  const host = doc.createElement("div");
  host.dataset.cartwheelForm = form.id;
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  const box = doc.createElement("dialog");
  box.setAttribute("aria-label", form.title);
  const close = doc.createElement("button");
  close.textContent = "×";
  close.setAttribute("aria-label", form.close);
  close.onclick = () => box.close();
  const frame = doc.createElement("iframe");
  frame.title = form.title;
  const page = encodeURIComponent(location.origin + location.pathname);
  frame.src = `${url}/f/${form.id}?embed=1&page=${page}${agreed && visitor ? `&v=${visitor}` : ""}`;
  const listen = (event) => {
    if (event.source !== frame.contentWindow || event.origin !== url) return;
    if (event.data.height) frame.style.height = `${event.data.height}px`;
    if (event.data.close) box.close();
  };
  addEventListener("message", listen);
  box.onclose = () => {
    removeEventListener("message", listen);
    host.remove();
    keep({ [form.id]: Date.now() });
  };
  box.append(close, frame);
  root.append(box);
  doc.body.append(host);
  box.showModal();
}

function watch(form) {
  const isDue = () => {
    const last = kept()[form.id];
    if (agreed) return !last || Date.now() - last > form.days * 864e5;
    return !doc.referrer || new URL(doc.referrer).origin !== location.origin;
  };
  const go = () => {
    removeEventListener("scroll", scrolled);
    doc.removeEventListener("mouseout", left);
    if (isDue()) pop(form);
  };
  const scrolled = () => {
    const seen = (scrollY + innerHeight) / doc.documentElement.scrollHeight;
    if (seen * 100 >= form.scroll) go();
  };
  const left = (event) => !event.relatedTarget && event.clientY <= 0 && go();
  setTimeout(() => {
    if (form.exit) doc.addEventListener("mouseout", left);
    else if (form.scroll) addEventListener("scroll", scrolled, { passive: true }), scrolled();
    else go();
  }, form.delay * 1000);
}

if (!isRobot) {
  const isHere = ({ pages }) =>
    !pages.length || pages.some((p) => new RegExp(`^${p.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*")}$`).test(location.pathname));
  forms.filter(isHere).slice(0, 1).forEach(watch);
}
