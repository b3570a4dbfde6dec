// Everything here is an improvement on pages that work without it.
import { follow } from "./live.js";
import { takeInvitation } from "./invitation.js";
import { listenToKeys } from "./keys.js";
import { keepSignedIn, resumeAtOnce } from "./session.js";
import { submitQuietly } from "./submit.js";
import { countDown, localTimes } from "./times.js";

resumeAtOnce();
if (document.body.dataset.csrf) {
  follow(); // before anything else changes what the server wrote
  keepSignedIn();
  submitQuietly();
  listenToKeys();
  takeInvitation();
}
localTimes(document);
countDown();
