// Follows the feed and shows the page as it stands now, without disturbing what the reader is doing.
import { localTimes } from "./times.js";

const written = new WeakMap(); // element -> the server's HTML it was made from
let pause = 1000;
let asked = 0;

function remember(root) {
  for (const element of root.querySelectorAll("[id]")) written.set(element, element.outerHTML);
}

function busy(element) {
  if (element.contains(document.activeElement) && document.activeElement.matches("textarea, input, select")) return true;
  return [...element.querySelectorAll("textarea, input:not([type=hidden])")].some((field) =>
    field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue,
  );
}

function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}

function isLeaf(element) {
  return element.matches("article, header, footer, aside, section.log, section.calm, section.panel, p, ul, details");
}

// What the reader has unfolded stays unfolded, where the same parts are still there.
function keepOpen(now, copy) {
  const all = (element) => [...(element.matches("details") ? [element] : []), ...element.querySelectorAll("details")];
  const [mine, theirs] = [all(now), all(copy)];
  if (mine.length === theirs.length) theirs.forEach((details, index) => (details.open = mine[index].open));
}

// Makes `now` like `fresh`, child by child where both have children with ids, whole where not.
// Returns false where something was left as it is because the reader is at work there.
function patch(now, fresh, texts) {
  if (written.get(now) === fresh.outerHTML) return true;
  if (isLeaf(now) || ![...fresh.children].some((child) => child.id)) {
    if (busy(now)) return false;
    const focused = now.contains(document.activeElement);
    const current = now.classList.contains("current");
    const html = fresh.outerHTML;
    const text = fresh.dataset.announce;
    const changed = now.dataset.announce !== text;
    const copy = document.importNode(fresh, true);
    keepOpen(now, copy);
    now.replaceWith(copy);
    written.set(copy, html);
    localTimes(copy);
    if (current) copy.classList.add("current");
    if (focused) copy.focus({ preventScroll: true });
    if (text && changed) texts.push(text);
    return true;
  }
  const html = fresh.outerHTML;
  const mine = new Map([...now.children].filter((child) => child.id).map((child) => [child.id, child]));
  let last = null;
  let whole = true;
  for (const child of [...fresh.children]) {
    const same = child.id ? mine.get(child.id) : null;
    if (same) {
      mine.delete(child.id);
      last = same;
      whole = patch(same, child, texts) && whole;
      last = document.getElementById(child.id) ?? same;
    } else if (child.id) {
      const copy = document.importNode(child, true);
      const before = last ? last.nextSibling : now.querySelector(":scope > [id]");
      now.insertBefore(copy, before);
      remember(copy);
      written.set(copy, child.outerHTML);
      localTimes(copy);
      last = copy;
      if (copy.dataset.announce) texts.push(copy.dataset.announce);
    } else {
      // Parts without an id (headings, counts) are matched by their place among their like.
      const index = [...fresh.children].filter((other) => !other.id && other.tagName === child.tagName).indexOf(child);
      const twin = [...now.children].filter((other) => !other.id && other.tagName === child.tagName)[index];
      if (twin && busy(twin)) whole = false;
      else if (twin && twin.textContent !== child.textContent) {
        const copy = document.importNode(child, true);
        twin.replaceWith(copy);
        localTimes(copy);
      }
    }
  }
  for (const gone of mine.values()) {
    if (busy(gone)) whole = false;
    else gone.remove();
  }
  // Known by its HTML only when all of it is shown; otherwise the next look tries again.
  if (whole) written.set(now, html);
  else written.delete(now);
  return whole;
}

// Shows what a fetched page says. Returns false where it is another page than this one.
export function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const texts = [];
  const [now, then] = [document.getElementById("live"), fresh.getElementById("live")];
  if (!then || !now) return false;
  patch(now, then, texts);
  const [menu, menuThen] = [document.getElementById("nav"), fresh.getElementById("nav")];
  if (menu && menuThen && menu.innerHTML !== menuThen.innerHTML) menu.replaceChildren(...menuThen.childNodes);
  document.title = fresh.title;
  const notice = fresh.getElementById("notice");
  document.getElementById("notice").replaceChildren(...notice.childNodes);
  if (texts.length) announce(texts.slice(0, 3).join(". "));
  return true;
}

async function look() {
  const mark = ++asked;
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (response.redirected && new URL(response.url).pathname !== location.pathname) {
    location.assign(response.url);
    return;
  }
  const html = await response.text();
  // A later look knows more; and an answer to a form, shown meanwhile, does too.
  if (mark === asked && response.ok) {
    const kept = [...document.getElementById("notice").childNodes];
    show(html);
    document.getElementById("notice").replaceChildren(...kept);
  }
}

let timer = 0;
function lookSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => look().catch(() => {}), 80);
}

function connect(run) {
  const address = new URL("/api/v1/feed", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  if (run !== "all") address.searchParams.set("run", run);
  const socket = new WebSocket(address, ["coco.feed.v1"]);
  socket.onopen = () => {
    pause = 1000;
    document.body.dataset.live = "yes";
    lookSoon(); // whatever happened before the feed was open
  };
  socket.onmessage = lookSoon;
  socket.onclose = (event) => {
    document.body.dataset.live = "no";
    if (event.code === 4401) lookSoon(); // signed out elsewhere: the page will say so
    setTimeout(() => connect(run), pause);
    pause = Math.min(pause * 2, 30000);
  };
}

export function follow() {
  const live = document.getElementById("live");
  if (live) {
    written.set(live, live.outerHTML);
    remember(live);
  }
  const run = document.body.dataset.feed;
  if (run && live) connect(run);
}

export function supersede() {
  asked += 1;
}
