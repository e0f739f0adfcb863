// Other words over the same composition.

import { pictureSource } from "../server/api.js";
import { drawingModel, goOn, sendFrom } from "../server/going-on.js";
import { wordsOf } from "../gallery/words.js";
import { byId, open } from "../page.js";

const dialog = byId("remix");
let shown = null;

/** Ask for other words; `send` is given the promise of the job. Throws where the model cannot draw over a picture. */
export async function openRemix(job, output, send) {
  const model = await drawingModel(job);
  if (!model.tasks.includes("image-to-image")) throw new Error(`The model ${model.id} cannot draw over a picture.`);
  shown = { job, output, send };
  Object.assign(byId("remix-picture"), { src: await pictureSource(output), alt: wordsOf(job) });
  byId("remix-prompt").value = job.parameters.prompt ?? "";
  dialog.querySelector(".said").textContent = "";
  open(dialog);
  byId("remix-prompt").select();
}

byId("remix-close").addEventListener("click", () => dialog.close());
byId("remix-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const prompt = byId("remix-prompt").value.trim();
  if (!prompt) {
    dialog.querySelector(".said").textContent = "Say what should be drawn first.";
    return byId("remix-prompt").focus();
  }
  const { job, output, send } = shown;
  sendFrom(dialog, () => goOn(job, output, "remix", { prompt, strength: byId("remix-strength").valueAsNumber }), send);
});
