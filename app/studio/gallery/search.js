// What of the pictures is looked for: words, a folder, favourites. Kept in the address.

import { go, read } from "../address.js";
import { byId, element, say } from "../page.js";
import { folders } from "../server/marks.js";

const PAUSE_MS = 250;

/** Make the fields work; what they say goes into the address. */
export function installSearch() {
  let timer = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => look({ q: byId("search").value.trim() }, true), PAUSE_MS);
  });
  byId("favourites").addEventListener("click", () => look({ favourite: !read().wanted.favourite }));
  byId("folder").addEventListener("change", () => look({ folder: byId("folder").value }));
  byId("search-all").addEventListener("click", () => look({ q: "", favourite: false, folder: "" }));
}

const look = (change, replace = false) => go({ open: null, wanted: { ...read().wanted, ...change } }, replace);

/** Show what is looked for, and how much there is in each folder. */
export async function tellSearch() {
  const { wanted } = read();
  if (document.activeElement !== byId("search")) byId("search").value = wanted.q;
  byId("favourites").ariaPressed = String(wanted.favourite);
  byId("search-all").hidden = !(wanted.q || wanted.favourite || wanted.folder);
  await tellFolders();
}

/** The folders that there are now. */
export async function tellFolders() {
  const { wanted } = read();
  const known = await folders().catch((error) => say(error.message, true) ?? []);
  if (wanted.folder && !known.some(({ name }) => name === wanted.folder)) known.push({ name: wanted.folder, count: 0 });
  byId("folder").replaceChildren(
    element("option", { value: "", textContent: "All folders" }),
    ...known.map(({ name, count }) => element("option", { value: name, textContent: `${name} (${count})` })),
  );
  byId("folder").value = wanted.folder;
  byId("folder-row").hidden = known.length === 0;
}
