// Sends decisions without leaving the page, and shows the answer in place.
import { show, supersede } from "./live.js";

export function submitQuietly() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-quiet]") || event.defaultPrevented) return;
    event.preventDefault();
    send(form, event.submitter);
  });
}

async function send(form, submitter) {
  const buttons = [...form.querySelectorAll("button")];
  const body = new URLSearchParams(new FormData(form, submitter));
  for (const button of buttons) button.disabled = true;
  // Typed text has been taken along; it must not keep this part from being shown anew.
  for (const field of form.querySelectorAll("textarea")) field.blur();
  const item = form.closest("[data-item]");
  try {
    const response = await fetch(form.action, { method: "POST", body });
    const html = await response.text();
    form.reset();
    supersede();
    if (!show(html)) {
      location.assign(response.redirected ? response.url : location.href);
      return;
    }
    if (item && !document.getElementById(item.id)) document.dispatchEvent(new CustomEvent("coco:decided"));
    else if (item && document.activeElement === document.body) document.getElementById(item.id).focus();
  } catch {
    document.getElementById("notice").textContent = "Nothing was sent: the connection is down. Try again.";
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}
