// Renews the sign-in before it expires. One tab at a time: a refresh token is good for one use.
const early = 60; // seconds before the end

// Browsers have locks only where a page is secure: with https, or on this machine.
const alone = (work) => (navigator.locks ? navigator.locks.request("coco-session", work) : work());

async function renewed(csrf) {
  const response = await alone(() =>
    fetch("/session/refresh", {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams({ csrf }),
    }),
  );
  return response.ok ? (await response.json()).expires : 0;
}

export function keepSignedIn() {
  const { csrf } = document.body.dataset;
  let expires = Number(document.body.dataset.expires);
  const step = async () => {
    if (Date.now() / 1000 > expires - early) {
      try {
        expires = await renewed(csrf);
        if (!expires) {
          location.reload();
          return;
        }
      } catch {
        // No connection right now; the next step tries again.
      }
    }
    setTimeout(step, Math.max(1, Math.min(expires - early - Date.now() / 1000, 30)) * 1000);
  };
  setTimeout(step, 1000);
}

export function resumeAtOnce() {
  const form = document.getElementById("resume");
  if (!form) return;
  const csrf = form.elements.csrf.value;
  const next = form.elements.next.value;
  renewed(csrf)
    .then((expires) => location.replace(expires ? next : "/login"))
    .catch(() => {}); // the button is still there
}
