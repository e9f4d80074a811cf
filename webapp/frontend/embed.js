// Puts a sign-up form where its script tag stands: in a frame, so that neither page's styles reach the other.
const { url, id, title } = window.__cartwheelForm;
const frame = document.createElement("iframe");
frame.title = title;
frame.src = `${url}/f/${id}?embed=1&page=${encodeURIComponent(location.origin + location.pathname)}`;
frame.loading = "lazy";
frame.style.cssText = "display:block;width:100%;height:26rem;border:0";
addEventListener("message", (event) => {
  if (event.source === frame.contentWindow && event.origin === url && event.data.height) {
    frame.style.height = `${event.data.height}px`;
  }
});
document.currentScript.after(frame);
