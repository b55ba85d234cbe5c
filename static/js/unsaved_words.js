// Words that the server has not acknowledged, kept in this browser (IndexedDB) under person, case and box. Where the
// page has WebCrypto (https, localhost) they are encrypted with a key that the server gives to their author alone.
// Each page holds a lock of its own while it is open; words whose page is gone are orphans, and come back.
const STORE = "words";
const page = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const lockOf = (id) => "wetread-words-" + id;
navigator.locks?.request(lockOf(page), () => new Promise(() => {}));

let opened;
const database = () => (opened ??= new Promise((resolve, reject) => {
  const request = indexedDB.open("wetread", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
}));

async function run(mode, act) {
  const transaction = (await database()).transaction(STORE, mode);
  const request = act(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));

async function isGone(id) {
  if (id === page) return false;
  if (!navigator.locks) return true;
  return navigator.locks.request(lockOf(id), { ifAvailable: true }, (lock) => lock !== null);
}

export function wordsOf({ user, item, kind, key }) {
  const prefix = `${user}:${item}:${kind}:`, mine = prefix + page;
  const secret = crypto.subtle?.importKey("raw", bytesOf(key), "AES-GCM", false, ["encrypt", "decrypt"]);
  let latest = null, writing = null;

  async function seal(words) {
    if (!secret) return { words };
    const iv = crypto.getRandomValues(new Uint8Array(12));
    return { iv, sealed: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await secret, new TextEncoder().encode(JSON.stringify(words))) };
  }

  async function unseal(row) {
    if (row.words) return row.words;
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: row.iv }, await secret, row.sealed)));
  }

  async function drain() {
    while (latest) {
      const act = latest;
      latest = null;
      await act().catch(() => {});
    }
    writing = null;
  }

  const next = (act) => { latest = act; return (writing ??= drain()); };

  return {
    // Write at once; what comes while a write runs follows it, the newest only.
    keep: (words) => next(async () => { const row = await seal(words); await run("readwrite", (store) => store.put({ ...row, page, at: Date.now() }, mine)); }),
    drop: () => next(() => run("readwrite", (store) => store.delete(mine))),
    forget: (orphan) => run("readwrite", (store) => store.delete(prefix + orphan)),
    // Words of pages that are gone: [{page, at, words}], the oldest first. What cannot be decrypted stays where it is.
    async orphans() {
      const rows = await run("readonly", (store) => store.getAll(IDBKeyRange.bound(prefix, prefix + "\uffff"))).catch(() => []);
      const found = [];
      for (const row of rows) {
        if (!(await isGone(row.page))) continue;
        try { found.push({ page: row.page, at: row.at, words: await unseal(row) }); } catch { continue; }
      }
      return found.sort((one, other) => one.at - other.at);
    },
  };
}
