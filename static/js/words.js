// Words of scripts in the page's language; the page brings its table, English needs none.
const table = JSON.parse(document.getElementById("script-words")?.textContent || "{}");
export const say = (text) => table[text] ?? text;
