// Whether the session is over or locked. A session whose key has just been changed (a log-in in another window, a new
// password) looks ended for a moment, to a line or a request that still has the old key; so the server is asked with
// the cookie of now. The page stays as it is: the log-in happens in a dialog over it.
import { check } from "./lock.js";

export const leaveIfSignedOut = async () => (await check()) !== "open";
