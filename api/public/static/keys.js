// The keyboard: j and k move, a approves, r rejects, e edits, Enter opens the card, ? helps.
let at = -1;
let id = "";

const items = () => [...document.querySelectorAll("[data-item]")];

function choose(index, focus = true) {
  const all = items();
  if (!all.length) return;
  at = Math.max(0, Math.min(index, all.length - 1));
  for (const item of all) item.classList.toggle("current", item === all[at]);
  id = all[at].id;
  if (focus) {
    all[at].focus({ preventScroll: true });
    all[at].scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }
}

function current() {
  return items().find((item) => item.id === id) ?? null;
}

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

const keys = {
  j: () => choose(current() ? items().indexOf(current()) + 1 : 0),
  k: () => choose(current() ? items().indexOf(current()) - 1 : 0),
  a: () => {
    const form = current()?.querySelector("form[data-approve]");
    form?.requestSubmit(form.querySelector("button"));
  },
  r: () => {
    const details = current()?.querySelector("details[data-reject]");
    if (!details) return;
    details.open = true;
    details.querySelector("textarea").focus();
  },
  e: () => current()?.querySelector("a[data-edit]")?.click(),
  "?": () => document.getElementById("help").showModal(),
};

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape") {
        event.target.closest("details[data-reject]")?.removeAttribute("open");
        event.target.closest("[data-item]")?.focus();
      }
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && event.target === current()) {
      current().closest("section")?.querySelector("a[data-card]")?.click();
      return;
    }
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
  document.addEventListener("focusin", (event) => {
    const item = event.target.closest("[data-item]");
    if (item && item.id !== id) choose(items().indexOf(item), false);
  });
  // What was decided leaves the inbox; the one that takes its place is next.
  document.addEventListener("coco:decided", () => choose(at));
}
