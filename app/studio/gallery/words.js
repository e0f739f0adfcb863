// How a job is called: by its prompt; what has none, by the picture that it was made from. Knows no page.

import { parentOf } from "../server/inputs.js";

const MOST_STEPS_BACK = 8;

const MADE = {
  upscale: ({ scale }) => `${scale}× larger`,
  "creative-upscale": ({ scale }) => `${scale}× larger`,
  "remove-background": () => "cut out",
  "image-to-text": () => "described",
};

/** What became of the picture that it started from, in a word or two; "" where it is a picture of its own. */
export const madeOf = (job) => MADE[job.task]?.(job.parameters) ?? "";

const joined = (prompt, made) => [prompt, made].filter(Boolean).join(", ");

/** What to call it at once. */
export const wordsOf = (job) => joined(job.parameters.prompt, madeOf(job)) || job.task;

/** The same with the prompt that its first parent was drawn by, where that is to be had. */
export async function wordsInFull(job) {
  let at = job;
  for (let steps = 0; at && !at.parameters.prompt && steps < MOST_STEPS_BACK; steps += 1) at = (await parentOf(at))?.job;
  return at ? joined(at.parameters.prompt, madeOf(job)) : wordsOf(job);
}
