// The token that every request which changes something carries. A log-in, here or in another window, changes it.
const meta = () => document.querySelector("meta[name=csrf-token]");
export const csrf = () => meta().content;
export function renew(token) {
  if (!token) return;
  meta().content = token;
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = token;
}
