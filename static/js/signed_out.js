// Whether the session is really over. A session whose key has just been changed (a log-in in another window, a new
// password) looks ended for a moment, to a line or a request that still has the old key; so the server is asked,
// twice, with the cookie of now. Nobody's page is loaded anew while they are logged in.
const ASK = { redirect: "manual", headers: { "HX-Request": "true", "X-By-Itself": "1" } };

export async function leaveIfSignedOut() {
  for (const wait of [0, 1000]) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const answer = await fetch("/", ASK).catch(() => null);
    if (answer?.status !== 401) return false;
  }
  // A page that holds unsaved words stays, and says so: they would be off the screen before they are saved.
  if (!dispatchEvent(new CustomEvent("wetread:signed-out", { cancelable: true }))) return false;
  location.reload();
  return true;
}
