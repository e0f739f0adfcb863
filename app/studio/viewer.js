// One picture, large, with its recipe and what can be done with it. Knows the dialog; what is drawn next is told it.

import { call, key, local } from "./api.js";
import { remove } from "./gallery.js";
import { byId, copy, element, open, say } from "./page.js";
import { asCurl, asPython } from "./snippets.js";

const dialog = byId("viewer");
let shown = null;

/** Everything that a request for exactly this one picture says. */
export function recipeOf({ input }, image) {
  const { task, seeds, strength, output, ...fields } = input;
  if (!fields.negative_prompt) delete fields.negative_prompt;
  return { ...fields, n: 1, seed: image.seed };
}

export function view(job, image, tile) {
  shown = { job, image, tile, recipe: recipeOf(job, image) };
  byId("viewer-title").textContent = job.input.prompt;
  byId("viewer-said").textContent = "";
  byId("viewer-recipe").replaceChildren(...rows(job, image).flatMap(([name, value]) => [
    element("dt", { textContent: name }),
    element("dd", { textContent: value }),
  ]));
  const picture = byId("viewer-picture");
  Object.assign(picture, { alt: job.input.prompt, width: image.width, height: image.height });
  picture.src = tile.querySelector("img").src;
  byId("download").href = picture.src;
  byId("download").download = `${job.id}-${image.index}.${image.format}`;
  const repeatable = job.input.task === "text-to-image"; // the picture that others began with is not kept for us
  for (const name of ["again", "vary", "copy-curl", "copy-python"]) byId(name).hidden = !repeatable;
  calm();
  byId("previous").disabled = !beside(-1);
  byId("next").disabled = !beside(1);
  if (!dialog.open) open(dialog, () => shown.tile);
  byId("viewer-title").focus();
}

function rows({ input, created_at, started_at, finished_at, notes }, image) {
  const seconds = (new Date(finished_at) - new Date(started_at ?? created_at)) / 1000;
  return [
    ["Model", input.model],
    ...(input.task === "text-to-image" ? [] : [["Task", `${input.task}, strength ${input.strength}`]]),
    ...(input.negative_prompt ? [["Keep out", input.negative_prompt]] : []),
    ["Size", `${image.width} × ${image.height}`],
    ["Steps", input.num_inference_steps],
    ["Guidance", input.guidance_scale],
    ["Scheduler", input.scheduler],
    ["Seed", image.seed],
    ["Made", `${new Date(created_at).toLocaleString()}, in ${seconds.toFixed(1)}\u00a0s`],
    ...notes.map((note) => ["Note", note]),
  ];
}

/** `act` has what leads to new pictures: `draw(recipe)`, `edit(job, image)` and `start(job, image)`. */
export function install(act, offers) {
  const on = (name, action) => byId(name).addEventListener("click", action);
  const leaving = (action) => () => {
    dialog.close();
    action(shown);
  };
  on("again", leaving(({ recipe }) => act.draw(recipe)));
  on("vary", leaving(({ recipe: { seed, ...others } }) => act.draw(others)));
  on("edit", leaving(({ job, image }) => act.edit(job, image)));
  on("use-as-start", leaving(({ job, image }) => act.start(job, image)));
  byId("edit").hidden = !offers("inpaint");
  byId("use-as-start").hidden = !offers("image-to-image");
  on("copy-curl", () => copied(asCurl(shown.recipe, location.origin, Boolean(key.get()))));
  on("copy-python", () => copied(asPython(shown.recipe, location.origin, Boolean(key.get()))));
  on("close", () => dialog.close());
  on("previous", () => turn(-1));
  on("next", () => turn(1));
  on("delete", () => (byId("delete").dataset.sure ? forget() : doubt()));
  byId("delete").addEventListener("blur", calm);
  dialog.addEventListener("keydown", ({ key: name }) => {
    if (name === "ArrowLeft" || name === "ArrowRight") turn(name === "ArrowRight" ? 1 : -1);
  });
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it
}

/** The tile before or after the one that is shown. */
function beside(by) {
  const tiles = [...document.querySelectorAll("#gallery .tile")];
  return tiles[tiles.indexOf(shown.tile) + by];
}

const turn = (by) => beside(by)?.click();

async function copied(text) {
  await copy(text).then(
    () => { byId("viewer-said").textContent = "Copied."; },
    (error) => { byId("viewer-said").textContent = error.message; },
  );
}

function doubt() {
  byId("delete").dataset.sure = "yes";
  const { length } = shown.job.images;
  byId("delete").textContent = length > 1 ? `Really delete all ${length}?` : "Really delete?";
}

function calm() {
  delete byId("delete").dataset.sure;
  byId("delete").textContent = "Delete";
}

async function forget() {
  const { job } = shown;
  try {
    await call(local(job.urls.get), { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) {
      byId("viewer-said").textContent = error.message;
      return;
    }
  }
  shown.tile = beside(1) ?? beside(-1); // where the focus goes when the dialog has closed
  remove(job);
  dialog.close();
  say("Deleted.");
}
