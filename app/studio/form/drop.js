// A picture that is chosen, pasted or dropped: asks what it is for. Knows its dialog, and where pictures come in.

import { postJson } from "../server/api.js";
import { upload } from "../server/inputs.js";
import { byId, open, say } from "../page.js";
import { give, goBy, guides } from "./guides.js";
import { chosen, modelDoing } from "./models.js";
import { openFor } from "./panels.js";
import { startFrom, thumbnail } from "./start.js";

export const PICTURE = "application/x-easel-picture";

/** What a model makes of a picture by itself, without words. */
const MADE = { "picture-describe": "image-to-text", "picture-upscale": "upscale", "picture-cut": "remove-background" };

const dialog = byId("picture");
let [act, given, rounds] = [{}, null, 0];

/**
 * `actions` are `look({ generation, index })`, which answers a picture's blob, `recipe(fields, notes)` for what was read
 * in one, and `ask(body)`, which sends a request.
 */
export function installDrop(actions) {
  act = actions;
  byId("add-picture").addEventListener("click", () => byId("picture-file").click());
  byId("picture-file").addEventListener("change", ({ target }) => {
    if (target.files[0]) safely(takeFile)(target.files[0]);
    target.value = ""; // so that the same one can be chosen again
  });
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (!file || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    safely(takeFile)(file);
  });
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, dragged);
  document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || over(false));
  document.addEventListener("dragend", () => over(false));
  wireDialog();
}

const safely = (action) => (...with_) => Promise.resolve(action(...with_)).catch((error) => say(error.message, true));

const over = (on) => byId("ask").classList.toggle("over", on);

/** Files may be dropped anywhere; pictures of the gallery on the form: on each other they are blended. */
function dragged(event) {
  const { dataTransfer, target, type } = event;
  const isOurs = dataTransfer.types.includes(PICTURE);
  const isTaken = isOurs ? target.closest?.("#ask") : dataTransfer.types.includes("Files");
  over(type === "dragover" && Boolean(isTaken));
  if (!isTaken || event.defaultPrevented) return;
  event.preventDefault();
  if (type === "dragover") return;
  if (isOurs) safely(takeOurs)(dataTransfer.getData(PICTURE));
  else if (dataTransfer.files[0]) safely(takeFile)(dataTransfer.files[0]);
}

async function takeFile(file) {
  say("Sending your picture…");
  const source = await upload(file);
  say("");
  await ask({ source, file, shown: await thumbnail(file) });
}

async function takeOurs(text) {
  const source = JSON.parse(text);
  await ask({ source, file: null, shown: await thumbnail(await act.look(source)) });
}

/** Ask what it is for, of all that this server can do with it. */
async function ask(picture) {
  given = picture;
  rounds += 1;
  byId("picture-shown").src = picture.shown;
  byId("picture-recipe").textContent = "Looking for a recipe in it…";
  byId("picture-recipe-use").hidden = true;
  byId("picture-start").hidden = !chosen().tasks.includes("image-to-image");
  for (const role of ["reference", "control"]) byId(`picture-${role}`).hidden = !guides(role);
  for (const [id, task] of Object.entries(MADE)) byId(id).hidden = !modelDoing(task);
  open(dialog, () => byId("prompt"));
  await lookForRecipe(picture, rounds);
}

async function lookForRecipe(picture, round) {
  let said = "";
  try {
    const read = await postJson("/v1/recipes", { image: picture.source });
    if (round !== rounds) return;
    picture.read = read;
    said = `It was made with “${read.recipe.prompt ?? "no words"}”.`;
    byId("picture-recipe-use").hidden = false;
  } catch (error) {
    if (error.code !== "no_recipe") said = error.message;
    if (round !== rounds) return;
  }
  byId("picture-recipe").textContent = said;
}

function wireDialog() {
  const on = (id, action) => byId(id).addEventListener("click", () => {
    dialog.close();
    safely(action)();
  });
  on("picture-recipe-use", () => act.recipe(given.read.recipe, given.read.notes));
  on("picture-start", () => startFrom(given.source, given.shown));
  for (const role of ["reference", "control"]) {
    on(`picture-${role}`, async () => {
      if (given.file) await give(role, given.file); // it can be shown as the model will be shown it
      else goBy(role, given.source, given.shown);
      openFor(byId(`${role}-weight`));
    });
  }
  for (const [id, task] of Object.entries(MADE)) {
    on(id, () => act.ask({ task, model: modelDoing(task).id, inputs: { image: given.source } }));
  }
  byId("picture-close").addEventListener("click", () => dialog.close());
}
