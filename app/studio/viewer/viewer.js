// One picture, large, with its recipe and what can be done with it. Has an address; what is drawn next is told it.

import { go, leavePicture, read } from "../address.js";
import { draws, knownModel, modelOf } from "../form/form.js";
import { ACTIONS, offered } from "../gallery/children.js";
import { focusOn } from "../gallery/gallery.js";
import * as library from "../gallery/library.js";
import { sourceOf } from "../gallery/tile.js";
import { wordsInFull, wordsOf } from "../gallery/words.js";
import { byId, copy, element, say } from "../page.js";
import { key, pictureSource } from "../server/api.js";
import { parentOf } from "../server/inputs.js";
import { mark, removeJob, removePicture } from "../server/marks.js";
import { filesOf, programOf, rowsOf } from "./recipe.js";
import { asCurl, asPython } from "./snippets.js";

const dialog = byId("viewer");
const DELETES = { delete: "Delete", "delete-all": "Delete all" };
let [shown, act, isLeft] = [null, {}, false];

const keyOf = ({ job, output }) => `${job.id}/${output.index}`;

/** Show the picture of an address, `{ id, index }`, or none. */
export async function showAddress(open) {
  if (!open) return dialog.open && dialog.close();
  const wanted = `${open.id}/${open.index}`;
  if (dialog.open && shown && keyOf(shown) === wanted) return;
  try {
    const job = await library.lookAt(open.id);
    const output = job.outputs.find(({ index }) => index === open.index);
    const still = read().open;
    if (!still || `${still.id}/${still.index}` !== wanted) return;
    if (!output || "text" in output.facts) throw new Error("There is no such picture: it was deleted, or its time was over.");
    view(job, output);
  } catch (error) {
    say(error.message, true);
    go({ open: null }, true);
  }
}

/** Open a picture, with an address of its own. */
export const openPicture = (job, output) => go({ open: { id: job.id, index: output.index } });

function view(job, output) {
  const before = shown;
  shown = { job, output };
  const words = wordsOf(job);
  byId("viewer-title").textContent = words;
  if (!job.parameters.prompt) tellInFull(job);
  byId("viewer-said").textContent = "";
  showPicture(words);
  tell();
  offerFor(job);
  showParent(job);
  calm();
  byId("previous").disabled = !library.beside(keyOf(shown), -1);
  byId("next").disabled = !library.beside(keyOf(shown), 1);
  if (!dialog.open) dialog.showModal();
  if (!before || keyOf(before) !== keyOf(shown)) byId("viewer-title").focus();
}

async function showPicture(words) {
  const { job, output } = shown;
  const picture = byId("viewer-picture");
  Object.assign(picture, { alt: words, width: output.facts.width, height: output.facts.height });
  picture.classList.toggle("clear", job.task === "remove-background");
  picture.style.backgroundImage = output.thumbnails.length ? `url("${sourceOf(output, 320)}")` : ""; // until it is there
  byId("viewer-stage").classList.remove("actual");
  const source = await pictureSource(output);
  if (shown.output !== output) return;
  picture.src = source;
  Object.assign(byId("download"), { href: picture.src, download: `${job.id}-${output.index}.${job.output.format}` });
}

/** What may change while it is open. */
function tell() {
  const { job, output } = shown;
  byId("viewer-recipe").replaceChildren(...rowsOf(job, output).flatMap(([name, value]) => [
    element("dt", { textContent: name }),
    element("dd", { textContent: value }),
  ]));
  byId("favourite").ariaPressed = String(output.favourite);
  byId("favourite").textContent = output.favourite ? "Favourite ✓" : "Favourite";
}

/** The library has changed: what is open may have, too, or may be gone. */
export function viewerChanged(job) {
  if (!dialog.open || !shown || job?.id !== shown.job.id) return;
  const output = job.outputs.find(({ index }) => index === shown.output.index);
  if (!output) return dialog.close();
  shown = { job, output };
  tell();
}

/** What its own model can do with it, or, where that is gone or draws nothing, the chosen one. */
function offerFor(job) {
  const { tasks } = modelOf(job.model);
  for (const action of ACTIONS) byId(action.id).hidden = !offered(action, job);
  byId("edit").hidden = !isDrawn(job) || !tasks.includes("inpaint");
  byId("to-reframe").hidden = byId("edit").hidden;
  byId("to-remix").hidden = !tasks.includes("image-to-image");
  byId("use-recipe").hidden = !isDrawn(job);
  byId("use-as-start").hidden = !tasks.includes("image-to-image");
  const many = job.outputs.length > 1;
  byId("delete-all").hidden = !many;
}

/** Whether its model draws, and has not only made something of a picture. */
function isDrawn(job) {
  const model = knownModel(job.model);
  return !model || draws(model);
}

async function tellInFull(job) {
  const words = await wordsInFull(job);
  if (shown.job.id === job.id) [byId("viewer-title").textContent, byId("viewer-picture").alt] = [words, words];
}

async function showParent(job) {
  byId("viewer-parent").hidden = true;
  byId("compare-parent").hidden = true;
  const parent = await parentOf(job);
  if (!parent || shown.job.id !== job.id) return;
  const button = byId("show-parent");
  Object.assign(button.querySelector("img"), { src: sourceOf(parent.output, 160), alt: wordsOf(parent.job) });
  button.onclick = () => openPicture(parent.job, parent.output);
  byId("viewer-parent").hidden = false;
  byId("compare-parent").hidden = false;
}

/**
 * `actions` has what leads to new pictures: `child(item, action)`, and with an item `recipe`, `edit`, `reframe`,
 * `remix` and `start`; `file(items)` for folders, `family(item)` and `compare(one, other)`.
 */
export function installViewer(actions) {
  act = actions;
  const on = (name, action) => byId(name).addEventListener("click", action);
  const leaving = (action) => () => {
    isLeft = true; // the focus goes where the action leads
    go({ open: null }, true);
    action(shown);
  };
  for (const action of ACTIONS) on(action.id, leaving((item) => act.child(item, action)));
  on("use-recipe", leaving((item) => act.recipe(item)));
  on("edit", leaving((item) => act.edit(item)));
  on("to-reframe", leaving((item) => act.reframe(item)));
  on("to-remix", leaving((item) => act.remix(item)));
  on("use-as-start", leaving((item) => act.start(item)));
  on("to-family", () => act.family(shown));
  on("compare-parent", async () => {
    const parent = await parentOf(shown.job);
    if (parent) act.compare(parent, shown);
  });
  on("favourite", () => safely(async () => library.take(await mark(shown.job, shown.output, { favourite: !shown.output.favourite }))));
  on("file", () => act.file([shown]));
  on("share-picture", () => act.share(shown));
  on("copy-curl", () => copied(asCurl));
  on("copy-python", () => copied(asPython));
  on("close", () => dialog.close());
  on("previous", () => turn(-1));
  on("next", () => turn(1));
  on("viewer-picture", () => byId("viewer-stage").classList.toggle("actual"));
  for (const name of Object.keys(DELETES)) {
    on(name, () => (byId(name).dataset.sure ? forget(name) : doubt(name)));
    byId(name).addEventListener("blur", calm);
  }
  dialog.addEventListener("close", () => {
    leavePicture();
    if (shown && !isLeft) focusOn(keyOf(shown));
    isLeft = false;
  });
  dialog.addEventListener("keydown", ({ key: name, target }) => {
    if (target.matches("input, textarea, select")) return;
    if (name === "ArrowLeft") turn(-1);
    if (name === "ArrowRight") turn(1);
  });
  swiping(byId("viewer-stage"));
}

/** To the picture beside it: a step that Back does not take one by one. */
function turn(by) {
  const item = library.beside(keyOf(shown), by);
  if (item) go({ open: { id: item.job.id, index: item.output.index } }, true);
}

const SWIPE_PX = 48;

/** By touch, a stroke to the side turns, as in every gallery of a phone. */
function swiping(stage) {
  let from = null;
  stage.addEventListener("touchstart", ({ touches }) => { from = touches.length === 1 ? touches[0] : null; }, { passive: true });
  stage.addEventListener("touchend", ({ changedTouches: [to] }) => {
    if (!from || stage.classList.contains("actual")) return;
    const [right, down] = [to.clientX - from.clientX, to.clientY - from.clientY];
    if (Math.abs(right) > SWIPE_PX && Math.abs(right) > 2 * Math.abs(down)) turn(right < 0 ? 1 : -1);
  });
}

async function copied(asText) {
  const { job, output } = shown;
  await copy(asText(programOf(job, output), filesOf(job), location.origin, Boolean(key.get()))).then(
    () => { byId("viewer-said").textContent = "Copied."; },
    (error) => { byId("viewer-said").textContent = error.message; },
  );
}

async function safely(action) {
  try {
    await action();
  } catch (error) {
    byId("viewer-said").textContent = error.message;
  }
}

function doubt(name) {
  byId(name).dataset.sure = "yes";
  byId(name).textContent = name === "delete" ? "Really delete?" : `Really delete all ${shown.job.outputs.length}?`;
}

function calm() {
  for (const [name, words] of Object.entries(DELETES)) {
    delete byId(name).dataset.sure;
    byId(name).textContent = words;
  }
}

const forget = (name) => safely(async () => {
  const { job, output } = shown;
  const beside = library.beside(keyOf(shown), 1) ?? library.beside(keyOf(shown), -1); // where the focus goes
  await (name === "delete" ? removePicture(job, output) : removeJob(job));
  shown = beside ?? null;
  dialog.close();
  if (name === "delete") library.lost(job.id, output.index);
  else library.forget(job.id);
  say("Deleted.");
  if (!beside) byId("prompt").focus();
});
