// An invitation's token stands behind the # of its link, which is sent to no server; here it goes into the form.
export function takeInvitation() {
  const field = document.getElementById("invitation");
  if (!field || location.hash.length < 2) return;
  field.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
