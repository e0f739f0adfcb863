// The form: what can be asked of the chosen model. Knows the fields, sends nothing.

import { chosenGuides, offerGuides } from "./guides.js";
import { chooseLoras, chosenLoras, offerLoras } from "./loras.js";
import { byId, element } from "../page.js";
import { nameOf, sizesOf } from "./sizes.js";
import { countOf } from "./tokens.js";

const NUMBERS = { width: "width", height: "height", steps: "num_inference_steps", guidance: "guidance_scale", n: "n" };
const OTHER = "other";
const AUTOMATIC = "automatic";
const DRAWING = ["text-to-image", "image-to-image", "inpaint"];
let [models, every] = [[], []];

export const chosen = () => models.find((model) => model.id === byId("model").value);

/** Those that draw. */
export const drawingModels = () => models;

/** The model of that id, or the chosen one if it is not offered any more. */
export const modelOf = (id) => models.find((model) => model.id === id) ?? chosen();

/** Whether a model draws: others enlarge pictures, cut them out or describe them. */
export const draws = (model) => model.tasks.some((task) => DRAWING.includes(task));

/** The model of that id, whatever it does; undefined where it is gone. */
export const knownModel = (id) => every.find((model) => model.id === id);

/** Whether some model of the server does it. */
export const isDone = (task) => every.some((model) => model.tasks.includes(task));

/** Offer those of the server's models that draw; its default is chosen. */
export function offer(list) {
  [every, models] = [list, list.filter(draws)];
  if (!models.length) throw new Error("There is no model that you may use.");
  byId("model").replaceChildren(...models.map((model) => element("option", { value: model.id, textContent: model.id })));
  choose((models.find((model) => model.is_default) ?? models[0]).id);
  byId("model").addEventListener("change", () => choose(byId("model").value));
  byId("size").addEventListener("change", takeSize);
  byId("scheduler").addEventListener("input", () => offerNoise(byId("noise").value));
  for (const name of ["width", "height"]) byId(name).addEventListener("input", tellSize);
  byId("more").addEventListener("input", tellMore);
  for (const name of ["prompt", "style"]) byId(name).addEventListener("input", tellCount);
}

/** Set every field to what the model does by itself, and its bounds. */
function choose(id) {
  setFields(id);
  tellMore();
  tellCount();
}

/** Below the prompt: about how long it is, and whether the model reads all of it. */
function tellCount() {
  byId("prompt-count").textContent = countOf(prompt(), chosen());
}

function setFields(id) {
  byId("model").value = id;
  const model = chosen();
  for (const name of ["width", "height"]) {
    const { minimum, maximum, multiple } = model.size;
    const lowest = Math.ceil(minimum / multiple) * multiple;
    Object.assign(byId(name), { min: lowest, max: maximum, step: multiple, value: model.size[name] });
  }
  byId("size").replaceChildren(
    ...sizesOf(model.size).map(([words, width, height]) =>
      element("option", { value: nameOf(width, height), textContent: `${nameOf(width, height)}, ${words}` })),
    element("option", { value: OTHER, textContent: "Another" }),
  );
  tellSize();
  Object.assign(byId("steps"), { max: model.max_steps, value: model.num_inference_steps });
  byId("guidance").value = model.guidance_scale;
  Object.assign(byId("n"), { max: model.max_images, value: Math.min(byId("n").value || 1, model.max_images) });
  byId("scheduler").replaceChildren(
    ...model.schedulers.map((name) => element("option", { value: name, textContent: name })),
  );
  byId("scheduler").value = model.scheduler;
  offerNoise();
  const styles = Object.keys(model.styles);
  byId("style").replaceChildren(
    element("option", { value: "", textContent: "as it says" }),
    ...styles.map((name) => element("option", { value: name, textContent: name })),
  );
  byId("style-row").hidden = styles.length === 0;
  offerLoras(model.adapters.filter(({ kind }) => kind === "lora"));
  offerGuides(model.adapters);
  byId("negative-row").hidden = !model.negative_prompt;
  byId("start-file-row").hidden = !model.tasks.includes("image-to-image");
  byId("about-model").textContent = model.description + stateOf(model);
}

/** The noise schedules that the chosen sampler takes; the one chosen before stays if it is among them. */
function offerNoise(wanted = AUTOMATIC) {
  const taken = chosen().noise_schedules[byId("scheduler").value] ?? [AUTOMATIC];
  byId("noise").replaceChildren(...taken.map((name) => element("option", { value: name, textContent: name })));
  byId("noise").value = taken.includes(wanted) ? wanted : AUTOMATIC;
  byId("noise-row").hidden = taken.length === 1;
}

/** What to know of a model that cannot be drawn with at once. */
function stateOf(model) {
  if (!model.ready) return ` Cannot be drawn with: ${model.reason}.`;
  return model.state === "ready" ? "" : " Not loaded: the first picture takes longer.";
}

/** The chosen size goes into its two fields; for another one they are shown. */
function takeSize() {
  const [width, height] = byId("size").value.split(" × ");
  if (height) [byId("width").value, byId("height").value] = [width, height];
  else {
    byId("more").open = true;
    byId("width").select();
  }
}

function tellSize() {
  const name = nameOf(byId("width").value, byId("height").value);
  byId("size").value = [...byId("size").options].some(({ value }) => value === name) ? name : OTHER;
}

/** Beside "More": what in there is not as the model would have it, so that nobody forgets a seed behind it. */
function tellMore() {
  const model = chosen();
  const told = [];
  const tell = (id, usual, words) => byId(id).value !== String(usual) && told.push(words(byId(id).value));
  tell("steps", model.num_inference_steps, (value) => `${value} steps`);
  tell("guidance", model.guidance_scale, (value) => `guidance ${value}`);
  tell("seed", "", (value) => `seed ${value}`);
  tell("n", 1, (value) => `${value} pictures`);
  tell("scheduler", model.scheduler, (value) => value);
  tell("noise", AUTOMATIC, (value) => `${value} noise`);
  told.push(...Object.values(chosenGuides()).flat().map(({ adapter }) => adapter));
  told.push(...chosenLoras().map(({ id, weight }) => `${id} ${weight}`));
  if (model.negative_prompt) tell("negative", "", (value) => `without ${value}`);
  if (hasSyntax()) told.push("Midjourney's parameters");
  byId("more-said").textContent = told.join(" · ");
}

/** The words, in the chosen style; none without words. */
function prompt() {
  const words = byId("prompt").value.trim();
  const style = chosen().styles[byId("style").value] ?? "{prompt}";
  return words && style.replace("{prompt}", () => words);
}

/** Whether the prompt is written in Midjourney's syntax, and may be several jobs. */
export const hasSyntax = () => byId("syntax").checked;

/** Without what the model does by itself: the prompt's parameters may say otherwise. */
function unsaid(body) {
  const { size, ...model } = chosen();
  const usual = { ...model, ...size, n: 1 };
  return Object.fromEntries(Object.entries(body).filter(([name, value]) => name === "model" || value !== usual[name]));
}

/** What the form asks for, as the native API takes it. */
export function asked() {
  return hasSyntax() ? unsaid(whole()) : whole();
}

function whole() {
  const body = { prompt: prompt(), model: byId("model").value };
  body.scheduler = byId("scheduler").value;
  if (byId("noise").value !== AUTOMATIC) body.noise_schedule = byId("noise").value;
  for (const [id, name] of Object.entries(NUMBERS)) body[name] = byId(id).valueAsNumber;
  if (byId("seed").value) body.seed = byId("seed").valueAsNumber;
  if (chosen().negative_prompt && byId("negative").value.trim()) body.negative_prompt = byId("negative").value.trim();
  if (chosenLoras().length) body.adapters = { loras: chosenLoras() };
  const guides = chosenGuides();
  if (Object.keys(guides).length) body.inputs = guides;
  return body;
}

const KEPT = "easel-form";
const FIELDS = ["model", "prompt", "style", "negative", "scheduler", "noise", "seed", "strength", ...Object.keys(NUMBERS)];

/** Remember what is in the form, for a reload. */
export function keep() {
  const fields = Object.fromEntries(FIELDS.map((id) => [id, byId(id).value]));
  sessionStorage.setItem(KEPT, JSON.stringify({ ...fields, loras: chosenLoras(), syntax: hasSyntax() }));
}

/** Put back what was there before a reload; what was typed since stays. */
export function restore() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!kept || !models.some((model) => model.id === kept.model)) return;
  const typed = byId("prompt").value;
  choose(kept.model);
  for (const id of FIELDS.slice(1)) byId(id).value = kept[id];
  offerNoise(kept.noise);
  chooseLoras(kept.loras ?? []);
  byId("syntax").checked = Boolean(kept.syntax);
  if (typed) byId("prompt").value = typed;
  tellSize();
  tellMore();
  tellCount();
}

/** Put a recipe into the form, as far as its model is still offered. */
export function fill(recipe) {
  if (models.some((model) => model.id === recipe.model)) choose(recipe.model);
  byId("prompt").value = recipe.prompt;
  byId("syntax").checked = false; // a recipe has none of it
  byId("style").value = ""; // it is in the prompt already
  byId("negative").value = recipe.negative_prompt ?? "";
  byId("scheduler").value = recipe.scheduler;
  offerNoise(recipe.noise_schedule);
  chooseLoras(recipe.adapters?.loras ?? []);
  byId("seed").value = recipe.seed ?? "";
  for (const [id, name] of Object.entries(NUMBERS)) byId(id).value = recipe[name];
  tellSize();
  tellMore();
  tellCount();
  keep();
}
