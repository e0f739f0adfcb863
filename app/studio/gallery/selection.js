// The pictures that are ticked, and what can be done with all of them at once.

import { byId, say } from "../page.js";
import { download, mark, removePicture } from "../server/marks.js";
import * as library from "./library.js";

const ticked = new Map(); // by key, in the order of ticking
let [act, last] = [{}, null];

export const has = (key) => ticked.has(key);

/** `actions` have `changed()`, `compare(one, other)`, `blend(items)` and `file(items)`. */
export function installSelection(actions) {
  act = actions;
  const on = (id, action) => byId(id).addEventListener("click", () => action([...ticked.values()]));
  byId("select").addEventListener("click", () => (isSelecting() ? clear() : selecting(true)));
  on("pick-none", clear);
  on("pick-zip", (items) => all("Putting them into one file…", () => download(items), "The download begins."));
  on("pick-favourite", (items) => all("…", () => favoured(items), "Kept as favourites."));
  on("pick-folder", (items) => act.file(items));
  on("pick-compare", ([one, other]) => act.compare(one, other));
  on("pick-blend", (items) => act.blend(items));
  on("pick-delete", (items) => (byId("pick-delete").dataset.sure ? deleted(items) : doubt(items.length)));
  byId("pick-delete").addEventListener("blur", calm);
  document.addEventListener("keydown", ({ key, target }) => {
    if (key === "Escape" && isSelecting() && !target.closest("dialog, [popover], #ask")) clear();
  });
}

/** Tick a picture, or not; with `range` all from the last one on. */
export function tick(item, on, range) {
  const items = library.items().filter(({ output }) => output);
  const [from, to] = [items.findIndex(({ key }) => key === last), items.findIndex(({ key }) => key === item.key)];
  const meant = range && from >= 0 ? items.slice(Math.min(from, to), Math.max(from, to) + 1) : [item];
  for (const each of meant) {
    if (on) ticked.set(each.key, each);
    else ticked.delete(each.key);
  }
  last = item.key;
  if (on) selecting(true);
  tell();
}

/** Forget what is not there any more; take the others as they are now. */
export function renew(items) {
  const there = new Map(items.map((item) => [item.key, item]));
  for (const key of [...ticked.keys()]) {
    if (there.has(key)) ticked.set(key, there.get(key));
    else ticked.delete(key);
  }
  tellCount();
}

export const isSelecting = () => byId("select").ariaPressed === "true";

/** While it is on, a press on a picture ticks it, and every box is seen. */
function selecting(on) {
  byId("select").ariaPressed = String(on);
  byId("pictures").classList.toggle("selecting", on);
}

function clear() {
  ticked.clear();
  selecting(false);
  tell();
}

function tell() {
  tellCount();
  act.changed();
}

function tellCount() {
  const { size } = ticked;
  byId("picked").hidden = size === 0;
  byId("picked-count").textContent = size === 1 ? "1 picture" : `${size} pictures`;
  byId("pick-compare").hidden = size !== 2;
  byId("pick-blend").hidden = size < 2;
  calm();
}

async function all(doing, action, done) {
  say(doing);
  try {
    await action();
    say(done);
  } catch (error) {
    say(error.message, true);
  }
}

async function favoured(items) {
  for (const { job, output } of items) library.take(await mark(job, output, { favourite: true }));
}

function doubt(count) {
  byId("pick-delete").dataset.sure = "yes";
  byId("pick-delete").textContent = count > 1 ? `Really delete all ${count}?` : "Really delete it?";
}

function calm() {
  delete byId("pick-delete").dataset.sure;
  byId("pick-delete").textContent = "Delete";
}

async function deleted(items) {
  calm();
  await all("Deleting…", async () => {
    for (const { key, job, output } of items) {
      await removePicture(job, output);
      ticked.delete(key);
      library.lost(job.id, output.index);
    }
  }, "Deleted.");
  tell();
  byId("prompt").focus();
}
