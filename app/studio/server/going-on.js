// Going on from a picture in a dialog: what is asked, by which model, and what is said where the server refuses it.

import { draws, knownModel, modelOf } from "../form/form.js";
import { local, postJson } from "./api.js";
import { parentOf } from "./inputs.js";

const MOST_STEPS_BACK = 8;

/** Ask for what `route` makes of the picture; answers the new job. */
export const goOn = (job, output, route, body) => postJson(`${local(job.urls.get)}/outputs/${output.index}/${route}`, body);

/** The model that drew it: of one that was enlarged or cut out, that of the picture before. */
export async function drawingModel(job) {
  let at = job;
  for (let steps = 0; at && steps < MOST_STEPS_BACK; steps += 1) {
    const model = knownModel(at.model);
    if (model && draws(model)) return model;
    at = (await parentOf(at))?.job;
  }
  return modelOf(job.model);
}

/** The same, where it can draw parts of a picture. Throws where it cannot. */
export async function inpaintingModel(job) {
  const model = await drawingModel(job);
  if (!model.tasks.includes("inpaint")) throw new Error(`The model ${model.id} cannot draw parts of a picture.`);
  return model;
}

/**
 * Send what a dialog asks for by `ask`: it closes once the server has the job, which `send` is given the promise of. What
 * is refused is said in the dialog, which stays open with all that is in it.
 */
export async function sendFrom(dialog, ask, send) {
  const [said, button] = [dialog.querySelector(".said"), dialog.querySelector("[type=submit]")];
  said.textContent = "";
  button.disabled = true;
  try {
    const job = await ask();
    dialog.close();
    send(Promise.resolve(job));
  } catch (error) {
    said.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}
