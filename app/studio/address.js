// What the page shows, in its address: the pictures looked for, and the one that is open. Back and reload go by it.

const PICTURE = /^#\/(gen_[0-9a-f]{40})\/(\d{1,2})(?:\?(.*))?$/;
const PICTURES = /^#\/(?:\?(.*))?$/;

/** `{ open: { id, index } | null, wanted: { q, folder, favourite } }`; what is no address of ours shows all pictures. */
export function read() {
  const [, id, index, beside] = PICTURE.exec(location.hash) ?? [];
  const fields = new URLSearchParams(beside ?? PICTURES.exec(location.hash)?.[1] ?? "");
  const wanted = { q: fields.get("q") ?? "", folder: fields.get("folder") ?? "", favourite: fields.has("favourite") };
  return { open: id ? { id, index: Number(index) } : null, wanted };
}

function written({ open, wanted }) {
  const fields = new URLSearchParams();
  if (wanted.q) fields.set("q", wanted.q);
  if (wanted.folder) fields.set("folder", wanted.folder);
  if (wanted.favourite) fields.set("favourite", "1");
  const said = String(fields) && `?${fields}`;
  return open ? `#/${open.id}/${open.index}${said}` : `#/${said}`;
}

let shown = () => {};

/** `show(address)` is called whenever it changes, by us or by Back and Forward. */
export function installAddress(show) {
  shown = show;
  addEventListener("popstate", () => show(read()));
}

/** Go there; `replace`: without a step for Back. */
export function go(change, replace = false) {
  const address = { ...read(), ...change };
  const state = replace ? history.state : { from: read().open ? "picture" : "pictures" };
  history[replace ? "replaceState" : "pushState"](state, "", written(address));
  shown(read());
}

/** Away from a picture: back where it was opened from a list, so that Back does not open it again. */
export function leavePicture() {
  if (!read().open) return;
  if (history.state?.from === "pictures") history.back();
  else go({ open: null }, true);
}
