// One picture, large, with its recipe and what can be done with it. Knows the dialog; what is drawn next is told it.

import { call, key, local, pictureSource } from "../server/api.js";
import { ACTIONS, offered } from "../gallery/children.js";
import { draws, knownModel, modelOf } from "../form/form.js";
import { remove } from "../gallery/gallery.js";
import { guideAgain, parentOf } from "../server/inputs.js";
import { byId, copy, element, open, say } from "../page.js";
import { asCurl, asPython } from "./snippets.js";
import { wordsInFull, wordsOf } from "../gallery/words.js";

const dialog = byId("viewer");
let shown = null;

/** Parameters that say nothing where they are off. */
const OFF = ["tiling", "chaos", "weird"];

/** Everything that a request for exactly this one picture says, but for what it started from. */
export function recipeOf({ task, model, parameters, adapters }, output) {
  const { negative_prompt, ...others } = parameters;
  const fields = Object.fromEntries(Object.entries(others).filter(([name, value]) => value || !OFF.includes(name)));
  const said = { ...fields, ...(negative_prompt ? { negative_prompt } : {}) };
  return { task, model, ...said, ...(adapters.loras.length ? { adapters } : {}), n: 1, seed: output.seed };
}

/** What a program has to fetch first: the inputs that are no other picture's, by role, at their paths. */
const filesOf = ({ inputs }) =>
  inputs.filter(({ parent, guide }) => guide || !parent).map(({ role, url }) => [role, new URL(url).pathname]);

/** The same as a program can ask for it, beside its files. */
function programOf({ job, recipe }) {
  const inputs = {};
  for (const { role, parent, guide } of job.inputs) {
    if (guide) (inputs[role] ??= []).push(guideAgain(role, guide));
    else if (parent) inputs[role] = parent;
  }
  return Object.keys(inputs).length ? { ...recipe, inputs } : recipe;
}

export function view(job, output, tile) {
  shown = { job, output, tile, recipe: recipeOf(job, output) };
  const words = wordsOf(job);
  byId("viewer-title").textContent = words;
  if (!job.parameters.prompt) tellInFull(job);
  byId("viewer-said").textContent = "";
  byId("viewer-recipe").replaceChildren(...rows(job, output).flatMap(([name, value]) => [
    element("dt", { textContent: name }),
    element("dd", { textContent: value }),
  ]));
  const picture = byId("viewer-picture");
  Object.assign(picture, { alt: words, width: output.facts.width, height: output.facts.height });
  picture.classList.toggle("clear", job.task === "remove-background");
  picture.src = tile.querySelector("img").src;
  byId("download").href = picture.src;
  byId("download").download = `${job.id}-${output.index}.${job.output.format}`;
  offerFor(job);
  showParent(job);
  calm();
  byId("previous").disabled = !beside(-1);
  byId("next").disabled = !beside(1);
  if (!dialog.open) open(dialog, () => shown.tile);
  byId("viewer-title").focus();
}

/** What its own model can do with it, or, where that is gone or draws nothing, the chosen one. */
function offerFor(job) {
  const { tasks } = modelOf(job.model);
  for (const action of ACTIONS) byId(action.id).hidden = !offered(action, job);
  byId("edit").hidden = !isDrawn(job) || !tasks.includes("inpaint");
  byId("reframe").hidden = byId("edit").hidden;
  byId("use-recipe").hidden = !isDrawn(job);
  byId("use-as-start").hidden = !tasks.includes("image-to-image");
}

/** Whether its model draws, and has not only made something of a picture. */
function isDrawn(job) {
  const model = knownModel(job.model);
  return !model || draws(model);
}

async function tellInFull(job) {
  const words = await wordsInFull(job);
  if (shown.job === job) [byId("viewer-title").textContent, byId("viewer-picture").alt] = [words, words];
}

const tileOf = (job, output) => document.querySelectorAll(`#gallery [data-job="${job.id}"] .tile`)[output.index];

async function showParent(job) {
  byId("viewer-parent").hidden = true;
  const parent = await parentOf(job);
  if (!parent || shown.job !== job) return;
  const button = byId("show-parent");
  const picture = button.querySelector("img");
  Object.assign(picture, { src: await pictureSource(parent.output), alt: wordsOf(parent.job) });
  button.onclick = () => view(parent.job, parent.output, tileOf(parent.job, parent.output) ?? button);
  byId("viewer-parent").hidden = false;
}

const DRAWN_BY = [
  ["Steps", "num_inference_steps"], ["Guidance", "guidance_scale"], ["Scheduler", "scheduler"], ["Noise schedule", "noise_schedule"],
];

function rows({ task, model, parameters, inputs, adapters, created_at, started_at, finished_at, notes }, { seed, facts }) {
  const seconds = (new Date(finished_at) - new Date(started_at ?? created_at)) / 1000;
  return [
    ["Model", model],
    ...("strength" in parameters ? [["Task", `${task}, strength ${parameters.strength}`]] : []),
    ...("scale" in parameters ? [["Scale", parameters.scale]] : []),
    ...adapters.loras.map(({ id, weight }) => ["LoRA", `${id}, ${weight}`]),
    ...inputs.filter(({ guide }) => guide).map(({ role, guide }) => [
      role === "control" ? "Shapes by" : "Goes by", `${guide.adapter ?? "a picture"}, ${guide.weight}`,
    ]),
    ...(parameters.negative_prompt ? [["Keep out", parameters.negative_prompt]] : []),
    ["Size", `${facts.width} × ${facts.height}`],
    ...DRAWN_BY.filter(([, name]) => name in parameters).map(([words, name]) => [words, parameters[name]]),
    ["Seed", seed],
    ["Made", `${new Date(created_at).toLocaleString()}, in ${seconds.toFixed(1)}\u00a0s`],
    ...notes.map((note) => ["Note", note]),
  ];
}

/**
 * `act` has what leads to new pictures: `child(job, output, action)`, `recipe(recipe, job)`, `edit(job, output)` and
 * `start(job, output)`.
 */
export function install(act) {
  const on = (name, action) => byId(name).addEventListener("click", action);
  const leaving = (action) => () => {
    dialog.close();
    action(shown);
  };
  for (const action of ACTIONS) on(action.id, leaving(({ job, output }) => act.child(job, output, action)));
  on("use-recipe", () => {
    shown.tile = null; // the focus goes to the form
    leaving(({ recipe }) => act.recipe(recipe))();
  });
  on("edit", leaving(({ job, output }) => act.edit(job, output)));
  on("reframe", leaving(({ job, output }) => act.reframe(job, output)));
  on("use-as-start", leaving(({ job, output }) => act.start(job, output)));
  on("copy-curl", () => copied(asCurl(programOf(shown), filesOf(shown.job), location.origin, Boolean(key.get()))));
  on("copy-python", () => copied(asPython(programOf(shown), filesOf(shown.job), location.origin, Boolean(key.get()))));
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
  const { length } = shown.job.outputs;
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
