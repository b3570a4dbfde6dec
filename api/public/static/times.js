// Times arrive in UTC; readers see their own.
const near = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const far = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    const thisYear = moment.getFullYear() === new Date().getFullYear();
    element.textContent = (thisYear ? near : far).format(moment);
    element.title = full.format(moment);
  }
}

// How long is left until a moment, in the words that the server wrote it in.
function left(moment) {
  const minutes = Math.floor((moment - Date.now()) / 60000);
  if (minutes < 1) return "less than a minute";
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days) return `${days} ${days === 1 ? "day" : "days"}${hours ? ` ${hours} h` : ""}`;
  return hours ? `${hours} h ${rest} min` : `${rest} min`;
}

export function countDown() {
  setInterval(() => {
    for (const element of document.querySelectorAll("[data-until]")) element.textContent = left(new Date(element.dataset.until));
  }, 20000);
}
