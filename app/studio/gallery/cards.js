// A job that is not a picture yet, or will not be one: its card, what it says, its buttons. Knows no other job.

import { call, local, postJson } from "../server/api.js";
import { byId, element, say } from "../page.js";
import { wordsOf } from "./words.js";

const STAGES = { load: "Loading the model", encode: "Reading the prompt", decode: "Finishing", store: "Finishing" };

/** Where most of the work is done, a step after the other: drawing, and what small networks do. */
export const STEPPED = new Set(["denoise", "transform"]);

function cardOf(job, ...parts) {
  const card = element("li", { className: "card" }, ...parts);
  card.dataset.job = job.id;
  return card;
}

const titleOf = (job) => element("p", { className: "prompt", dir: "auto", textContent: wordsOf(job), title: wordsOf(job) });

/** A card for a job that waits or is drawn. */
export function waiting(job) {
  const cancel = element("button", { type: "button", className: "quiet cancel", textContent: "Cancel" });
  cancel.setAttribute("aria-label", `Cancel: ${wordsOf(job)}`);
  const state = element("p", { className: "state", textContent: "Waiting…" });
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", `Progress: ${wordsOf(job)}`);
  const card = cardOf(
    job,
    element("div", { className: "preview" }, element("img", { alt: "", hidden: true })),
    element("div", { className: "below" }, titleOf(job), bar, element("div", {}, state, cancel)),
  );
  card.classList.add("unfinished");
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    state.textContent = "Stopping…";
    try {
      await postJson(local(job.urls.cancel));
    } catch (error) {
      cancel.disabled = false;
      say(error.message, true);
    }
  });
  return card;
}

/** Say on the card how far the job is; `began` and `drawing` are when it was first seen, and first seen running. */
export function describe(job, card, began, drawing) {
  if (card.querySelector(".cancel").disabled) return;
  const elapsed = `${Math.round((Date.now() - began) / 1000)} s`;
  const bar = card.querySelector("progress");
  const told = (text) => { card.querySelector(".state").textContent = text; };
  if (job.status === "queued") {
    bar.value = 0;
    told(job.queue_position === 1 ? `Next in line · ${elapsed}` : `Number ${job.queue_position} in line · ${elapsed}`);
  } else if (STEPPED.has(job.progress?.stage)) {
    const { step, steps } = job.progress;
    bar.value = step / steps;
    const left = Math.ceil(((Date.now() - drawing) / 1000 / step) * (steps - step));
    told(`Step ${step} of ${steps} · ${elapsed}` + (step > 2 && left > 1 ? ` · ~${left} s left` : ""));
  } else {
    if (job.progress?.stage === "decode" || job.progress?.stage === "store") bar.value = 1;
    told(`${STAGES[job.progress?.stage] ?? "Starting"} · ${elapsed}`);
  }
}

export function describeLost(card) {
  card.querySelector(".state").textContent = "The server does not answer. Trying again…";
}

/** A card for a job that came to nothing. `retry(job)` asks for the same anew; `gone(job)` takes its cards away. */
export function ended(job, retry, gone) {
  const again = element("button", { type: "button", className: "quiet", textContent: "Try again" });
  again.addEventListener("click", async () => {
    again.disabled = true;
    const accepted = await retry(job); // before it is forgotten: what it started from goes with it
    if (accepted) await forget(job, gone);
    again.disabled = false;
  });
  const drop = element("button", { type: "button", className: "quiet", textContent: "Dismiss" });
  drop.addEventListener("click", async () => {
    await forget(job, gone);
    byId("prompt").focus();
  });
  const state = element("p", { className: "state", textContent: job.status === "canceled" ? "Canceled." : job.error.message });
  const card = cardOf(job, element("div", { className: "below" }, titleOf(job), state, element("div", {}, again, drop)));
  card.classList.add(job.status);
  return card;
}

/** A card for a job whose outputs are words: each may become the prompt, which `use(words)` sees to. */
export function worded(job, use) {
  const prompts = job.outputs.map(({ facts }) => {
    const button = element("button", { type: "button", className: "quiet", dir: "auto", textContent: facts.text });
    button.addEventListener("click", () => use(facts.text));
    return element("li", {}, button);
  });
  const title = element("p", { className: "state", textContent: "What it shows, in words to draw by:" });
  const card = cardOf(job, element("div", { className: "below" }, title, element("ul", {}, ...prompts)));
  card.classList.add("worded");
  return card;
}

async function forget(job, gone) {
  await call(local(job.urls.get), { method: "DELETE" }).catch((error) => error.status !== 404 && say(error.message, true));
  gone(job);
}
