// The form: what can be asked of the chosen model. Knows the fields, sends nothing.

import { byId, element } from "./page.js";

const NUMBERS = { width: "width", height: "height", steps: "num_inference_steps", guidance: "guidance_scale", n: "n" };
let models = [];

export const chosen = () => models.find((model) => model.id === byId("model").value);

/** Offer these models; the server's default is chosen. */
export function offer(list) {
  models = list;
  byId("model").replaceChildren(...models.map((model) => element("option", { value: model.id, textContent: model.id })));
  choose(models.find((model) => model.is_default).id);
  byId("model").addEventListener("change", () => choose(byId("model").value));
}

/** Set every field to what the model does by itself, and its bounds. */
function choose(id) {
  byId("model").value = id;
  const model = chosen();
  for (const name of ["width", "height"]) {
    const { minimum, maximum, multiple } = model.size;
    const lowest = Math.ceil(minimum / multiple) * multiple;
    Object.assign(byId(name), { min: lowest, max: maximum, step: multiple, value: model.size[name] });
  }
  Object.assign(byId("steps"), { max: model.max_steps, value: model.num_inference_steps });
  byId("guidance").value = model.guidance_scale;
  Object.assign(byId("n"), { max: model.max_images, value: Math.min(byId("n").value || 1, model.max_images) });
  byId("scheduler").replaceChildren(
    ...model.schedulers.map((name) => element("option", { value: name, textContent: name })),
  );
  byId("scheduler").value = model.scheduler;
  byId("negative-row").hidden = !model.negative_prompt;
  byId("about-model").textContent = model.description + (model.ready ? "" : " Not loaded: the first picture takes longer.");
}

/** What the form asks for, as the native API takes it. */
export function asked() {
  const body = { prompt: byId("prompt").value.trim(), model: byId("model").value, scheduler: byId("scheduler").value };
  for (const [id, name] of Object.entries(NUMBERS)) body[name] = byId(id).valueAsNumber;
  if (byId("seed").value) body.seed = byId("seed").valueAsNumber;
  if (chosen().negative_prompt && byId("negative").value.trim()) body.negative_prompt = byId("negative").value.trim();
  return body;
}

/** Put a recipe into the form, as far as its model is still offered. */
export function fill(recipe) {
  if (models.some((model) => model.id === recipe.model)) choose(recipe.model);
  byId("prompt").value = recipe.prompt;
  byId("negative").value = recipe.negative_prompt ?? "";
  byId("scheduler").value = recipe.scheduler;
  byId("seed").value = recipe.seed ?? "";
  for (const [id, name] of Object.entries(NUMBERS)) byId(id).value = recipe[name];
}
