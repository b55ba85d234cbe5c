// Requests that outlive their session: a stale CSRF token is fetched anew, a session that ended or became another
// person's is told apart. Thrown: SignedOut, OtherPerson; as with fetch, TypeError where the server is not reached.
import { csrf } from "./csrf.js";

export class SignedOut extends Error {}
export class OtherPerson extends Error {}

// The session as it is now: whose it is; the page's token is the session's from here on.
export async function renew(url, user) {
  const answer = await fetch(url, { headers: { Accept: "application/json", "X-By-Itself": "1" } });
  if (answer.status === 401) throw new SignedOut();
  if (!answer.ok) throw new TypeError("session: " + answer.status);
  const now = await answer.json();
  if (String(now.user) !== String(user)) throw new OtherPerson();
  document.querySelector("meta[name=csrf-token]").content = now.csrf;
  for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = now.csrf;
}

export async function post(url, fields, { user, session, headers = {} }) {
  const send = () => fetch(url, { method: "POST", headers: { "X-CSRFToken": csrf(), Accept: "application/json", ...headers }, body: new URLSearchParams({ ...fields, author: user }) });
  let answer = await send();
  if (answer.status === 403 && !(answer.headers.get("Content-Type") ?? "").includes("problem+json")) {
    await renew(session, user);
    answer = await send();
  }
  if (answer.status === 401) throw new SignedOut();
  if (answer.status >= 500) throw new TypeError("server: " + answer.status);
  if (answer.status === 409 && (await answer.clone().json().catch(() => ({}))).code === "other-person") throw new OtherPerson();
  return answer;
}
