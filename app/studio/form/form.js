// The form: what can be asked of the chosen model. Knows the fields, sends nothing.

import { byId, element } from "../page.js";
import { offerSizes, tellSize } from "./aspects.js";
import { chooseGuides, chosenGuides, keptGuides, offerGuides } from "./guides.js";
import { chooseLoras, chosenLoras, offerLoras } from "./loras.js";
import { chosen, isOffered, know } from "./models.js";
import { hasWildcard } from "./plan.js";
import { chosenStart, startFrom } from "./start.js";
import { countOf } from "./tokens.js";

export { chosen, drawingModels, draws, isDone, knownModel, modelOf } from "./models.js";
export { startFrom } from "./start.js";

const NUMBERS = { width: "width", height: "height", steps: "num_inference_steps", guidance: "guidance_scale", n: "n" };
const AUTOMATIC = "automatic";

/** Offer those of the server's models that draw; its default is chosen. */
export function offer(list) {
  const models = know(list);
  if (!models.length) throw new Error("There is no model that you may use.");
  byId("model").replaceChildren(...models.map((model) => element("option", { value: model.id, textContent: model.id })));
  choose((models.find((model) => model.is_default) ?? models[0]).id);
  byId("model").addEventListener("change", () => choose(byId("model").value));
  byId("scheduler").addEventListener("input", () => offerNoise(byId("noise").value));
  byId("ask").addEventListener("input", tell);
}

/** Set every field to what the model does by itself, and its bounds. */
function choose(id) {
  setFields(id);
  tell();
}

/** What the form says of itself: how long its words are, and what is not as usual. */
function tell() {
  if (!chosen()) return;
  tellMore();
  byId("prompt-count").textContent = countOf(prompt(), chosen());
}

const options = (names) => names.map((name) => element("option", { value: name, textContent: name }));

function setFields(id) {
  byId("model").value = id;
  const model = chosen();
  offerSizes(model.size);
  Object.assign(byId("steps"), { max: model.max_steps, value: model.num_inference_steps });
  byId("guidance").value = model.guidance_scale;
  const count = Math.min(byId("n").value || 1, model.max_images);
  byId("n").replaceChildren(...Array.from({ length: model.max_images }, (_, place) =>
    element("option", { value: place + 1, textContent: `${place + 1} ×` })));
  byId("n").value = count;
  byId("scheduler").replaceChildren(...options(model.schedulers));
  byId("scheduler").value = model.scheduler;
  offerNoise();
  const styles = Object.keys(model.styles);
  byId("style").replaceChildren(element("option", { value: "", textContent: "as it says" }), ...options(styles));
  byId("style-row").hidden = styles.length === 0;
  offerLoras(model.adapters.filter(({ kind }) => kind === "lora"));
  offerGuides(model.adapters);
  byId("negative-row").hidden = !model.negative_prompt;
  byId("weights").checked = model.prompt_syntax === "weighted";
  byId("about-model").textContent = model.description + stateOf(model);
}

/** The noise schedules that the chosen sampler takes; the one chosen before stays if it is among them. */
function offerNoise(wanted = AUTOMATIC) {
  const taken = chosen().noise_schedules[byId("scheduler").value] ?? [AUTOMATIC];
  byId("noise").replaceChildren(...options(taken));
  byId("noise").value = taken.includes(wanted) ? wanted : AUTOMATIC;
  byId("noise-row").hidden = taken.length === 1;
}

/** What to know of a model that cannot be drawn with at once. */
function stateOf(model) {
  if (!model.ready) return ` Cannot be drawn with: ${model.reason}.`;
  return model.state === "ready" ? "" : " Not loaded: the first picture takes longer.";
}

/** Below the chips: what behind "More" is not as the model would have it, so that nobody forgets a seed in there. */
function tellMore() {
  const model = chosen();
  const told = [];
  const say = (id, usual, words) => byId(id).value !== String(usual) && told.push(words(byId(id).value));
  say("style", "", (value) => value);
  say("steps", model.num_inference_steps, (value) => `${value} steps`);
  say("guidance", model.guidance_scale, (value) => `guidance ${value}`);
  say("seed", "", (value) => `seed ${value}`);
  say("scheduler", model.scheduler, (value) => value);
  say("noise", AUTOMATIC, (value) => `${value} noise`);
  told.push(...Object.values(chosenGuides()).flat().map(({ adapter }) => adapter));
  told.push(...chosenLoras().map(({ id, weight }) => `${id} ${weight}`));
  if (model.negative_prompt) say("negative", "", (value) => `without ${value}`);
  if (hasSyntax()) told.push("Midjourney's parameters");
  byId("more-said").textContent = told.join(" · ");
}

/** The words, in the chosen style; none without words. */
function prompt() {
  const words = byId("prompt").value.trim();
  const style = chosen().styles[byId("style").value] ?? "{prompt}";
  return words && style.replace("{prompt}", () => words);
}

/** Put words into the prompt, as if somebody had typed them. */
export function putPrompt(words) {
  byId("prompt").value = words;
  byId("prompt").dispatchEvent(new Event("input", { bubbles: true }));
  byId("prompt").focus();
}

/** Whether the prompt is written in Midjourney's syntax, and may be several jobs. */
const hasSyntax = () => byId("syntax").checked;

/** Whether it may be several jobs: pictures of one job share what wildcards became. */
export const isGroup = () => hasSyntax() || (Number(byId("n").value) > 1 && hasWildcard(byId("prompt").value));

/** Without what the model does by itself: the prompt's parameters may say otherwise. */
function unsaid(body) {
  const { size, ...model } = chosen();
  const usual = { ...model, ...size, n: 1 };
  return Object.fromEntries(Object.entries(body).filter(([name, value]) => name === "model" || value !== usual[name]));
}

/** What the form asks for, as the native API takes it. */
export function asked() {
  if (hasSyntax()) return unsaid(whole());
  return isGroup() ? { ...whole(), prompt_parameters: false } : whole();
}

function whole() {
  const body = { prompt: prompt(), model: byId("model").value };
  body.scheduler = byId("scheduler").value;
  if (byId("noise").value !== AUTOMATIC) body.noise_schedule = byId("noise").value;
  for (const [id, name] of Object.entries(NUMBERS)) body[name] = Number(byId(id).value);
  const syntax = byId("weights").checked ? "weighted" : "plain";
  if (syntax !== chosen().prompt_syntax) body.prompt_syntax = syntax;
  if (byId("seed").value) body.seed = byId("seed").valueAsNumber;
  if (chosen().negative_prompt && byId("negative").value.trim()) body.negative_prompt = byId("negative").value.trim();
  if (chosenLoras().length) body.adapters = { loras: chosenLoras() };
  const start = chosenStart();
  const inputs = { ...chosenGuides(), ...(start ? { image: start.source } : {}) };
  if (Object.keys(inputs).length) body.inputs = inputs;
  if (start) body.strength = byId("strength").valueAsNumber;
  return body;
}

const KEPT = "easel-form";
const FIELDS = ["prompt", "style", "negative", "scheduler", "noise", "seed", "strength", ...Object.keys(NUMBERS)];

/** All that is in the form, but its pictures. */
export function written() {
  const fields = Object.fromEntries(["model", ...FIELDS].map((id) => [id, byId(id).value]));
  return { ...fields, loras: chosenLoras(), syntax: hasSyntax(), weights: byId("weights").checked };
}

/** Put back what `written` told, as far as its model is still offered; answers whether it is. */
export function write(kept) {
  if (!kept || !isOffered(kept.model)) return false;
  choose(kept.model);
  for (const id of FIELDS) if (id in kept) byId(id).value = kept[id];
  if (!byId("n").value) byId("n").value = 1;
  offerNoise(kept.noise);
  chooseLoras(kept.loras ?? []);
  byId("syntax").checked = Boolean(kept.syntax);
  if ("weights" in kept) byId("weights").checked = kept.weights;
  tellSize();
  tell();
  return true;
}

/** Remember what is in the form, for a reload. */
export function keep() {
  if (!chosen()) { // the models have not come, and may not: what was typed is all that there is
    const before = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    return sessionStorage.setItem(KEPT, JSON.stringify({ ...before, prompt: byId("prompt").value }));
  }
  sessionStorage.setItem(KEPT, JSON.stringify({ ...written(), start: chosenStart(), guides: keptGuides() }));
}

/** Put back what was there before a reload; what was typed since stays. */
export function restore() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  const typed = byId("prompt").value;
  const isSame = write(kept);
  if (isSame) chooseGuides(kept.guides);
  if (isSame && kept.start) startFrom(kept.start.source, kept.start.shown);
  byId("prompt").value = typed || kept?.prompt || "";
  tell();
  keep();
}

/** Put a recipe into the form, as far as its model is still offered; what it does not say is as usual. */
export function fill(recipe) {
  choose(isOffered(recipe.model) ? recipe.model : chosen().id);
  byId("prompt").value = recipe.prompt ?? "";
  byId("syntax").checked = false; // a recipe has none of it
  if (recipe.prompt_syntax) byId("weights").checked = recipe.prompt_syntax === "weighted";
  byId("style").value = ""; // it is in the prompt already
  byId("negative").value = recipe.negative_prompt ?? "";
  if (recipe.scheduler) byId("scheduler").value = recipe.scheduler;
  offerNoise(recipe.noise_schedule);
  chooseLoras(recipe.adapters?.loras ?? []);
  byId("seed").value = recipe.seed ?? "";
  byId("n").value = 1;
  for (const [id, name] of Object.entries(NUMBERS)) if (name in recipe) byId(id).value = recipe[name];
  tellSize();
  tell();
  keep();
}

/** As it was at first: nothing said, nothing to start from. */
export function reset() {
  for (const id of ["prompt", "negative", "seed"]) byId(id).value = "";
  byId("strength").value = byId("strength").defaultValue;
  byId("n").value = 1;
  byId("syntax").checked = false;
  choose(chosen().id);
  chooseGuides({});
  startFrom(null);
}
