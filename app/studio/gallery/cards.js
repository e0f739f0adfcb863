// A job that is not a picture yet, or will not be one: its card, what it says, its buttons. Knows no other job.

import { ENDED, local, postJson, previewSource } from "../server/api.js";
import { removeJob } from "../server/marks.js";
import { byId, element, say } from "../page.js";
import { wordsOf } from "./words.js";

const STAGES = { load: "Loading the model", encode: "Reading the prompt", decode: "Finishing", store: "Finishing" };
const PREVIEW_MS = 1000;

/** Where most of the work is done, a step after the other: drawing, and what small networks do. */
const STEPPED = new Set(["denoise", "transform"]);

/**
 * The card of `job`: `{ card, tell, focus, isStill, gone }`; `act` has `retry(job)`, `use(words)` and `forget(id)`.
 */
export function cardOf(job, act) {
  if (!ENDED.has(job.status)) return waiting(job);
  return job.status === "succeeded" ? worded(job, act) : ended(job, act);
}

function framed(job, ...parts) {
  const card = element("li", { className: "card" }, ...parts);
  [card.dataset.job, card.dataset.key] = [job.id, job.id];
  const focus = () => card.querySelector("button").focus();
  return { card, focus, tell() {}, gone() {}, isStill: (now) => now.status === job.status };
}

const titleOf = (job) => element("p", { className: "prompt", dir: "auto", textContent: wordsOf(job), title: wordsOf(job) });

/** A card for a job that waits or is drawn. */
function waiting(job) {
  const cancel = element("button", { type: "button", className: "quiet cancel", textContent: "Cancel" });
  cancel.setAttribute("aria-label", `Cancel: ${wordsOf(job)}`);
  const state = element("p", { className: "state", textContent: "Waiting…" });
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", `Progress: ${wordsOf(job)}`);
  const picture = element("img", { alt: "", hidden: true });
  const below = element("div", { className: "below" }, titleOf(job), bar, element("div", {}, state, cancel));
  const one = framed(job, element("div", { className: "preview" }, picture), below);
  one.card.classList.add("unfinished");
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

  const [began, parts] = [Date.now(), { bar, state, cancel }];
  let [now, drawing, glimpsed] = [job, null, 0];
  const tick = () => describe(now, parts, began, drawing);
  const timer = setInterval(tick, 1000);
  one.isStill = ({ status }) => !ENDED.has(status);
  one.tell = ({ job: told }) => {
    if (told === now && drawing) return;
    now = told;
    if (now.status === "running") drawing ??= Date.now();
    tick();
    if (!STEPPED.has(now.progress?.stage) || Date.now() - glimpsed < PREVIEW_MS) return;
    glimpsed = Date.now();
    glimpse(now, picture).then((shown) => { if (!shown) glimpsed = 0; }, () => {}); // the next one will do
  };
  one.gone = () => {
    clearInterval(timer);
    if (picture.src) URL.revokeObjectURL(picture.src);
  };
  return one;
}

/** Say how far the job is; `began` and `drawing` are when it was first seen, and first seen running. */
function describe(job, { bar, state, cancel }, began, drawing) {
  if (cancel.disabled) return;
  const elapsed = `${Math.round((Date.now() - began) / 1000)} s`;
  const told = (text) => { state.textContent = text; };
  if (job.status === "queued") {
    bar.value = 0;
    const place = job.queue_position === 1 ? "Next in line" : `Number ${job.queue_position} in line`;
    told(`${job.queue_position ? place : "Waiting"} · ${elapsed}`);
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

/** Show the newest preview; false if there is none yet. */
async function glimpse(job, picture) {
  const source = await previewSource(job);
  if (!source) return false;
  if (!picture.isConnected) return URL.revokeObjectURL(source), true; // it came too late
  if (picture.src) URL.revokeObjectURL(picture.src);
  Object.assign(picture, { src: source, hidden: false });
  return true;
}

/** A card for a job that came to nothing. */
function ended(job, act) {
  const again = element("button", { type: "button", className: "quiet", textContent: "Try again" });
  again.addEventListener("click", async () => {
    again.disabled = true;
    const accepted = await act.retry(job); // before it is forgotten: what it started from goes with it
    if (accepted) await forget(job, act);
    again.disabled = false;
  });
  const drop = element("button", { type: "button", className: "quiet", textContent: "Dismiss" });
  drop.addEventListener("click", async () => {
    await forget(job, act);
    byId("prompt").focus();
  });
  const state = element("p", { className: "state", textContent: job.error?.message ?? "Canceled." });
  const one = framed(job, element("div", { className: "below" }, titleOf(job), state, element("div", {}, again, drop)));
  one.card.classList.add(job.status);
  return one;
}

/** A card for a job whose outputs are words: each may become the prompt. */
function worded(job, act) {
  const prompts = job.outputs.map(({ facts }) => {
    const button = element("button", { type: "button", className: "quiet", dir: "auto", textContent: facts.text });
    button.addEventListener("click", () => act.use(facts.text));
    return element("li", {}, button);
  });
  const title = element("p", { className: "state", textContent: "What it shows, in words to draw by:" });
  const drop = element("button", { type: "button", className: "quiet", textContent: "Dismiss" });
  drop.addEventListener("click", () => forget(job, act));
  const one = framed(job, element("div", { className: "below" }, title, element("ul", {}, ...prompts), element("div", {}, drop)));
  one.card.classList.add("worded");
  return one;
}

async function forget(job, act) {
  try {
    await removeJob(job);
  } catch (error) {
    return say(error.message, true);
  }
  act.forget(job.id);
}
