// The page: puts its parts together. A prompt goes to the server, a card into the gallery.

import { getJson, key, pictureBlob } from "./server/api.js";
import { childOf } from "./gallery/children.js";
import { installComposer } from "./form/composer.js";
import { showError } from "./form/errors.js";
import { fill, offer, restore, startFrom } from "./form/form.js";
import { thumbnail } from "./form/start.js";
import { add, fillGallery, whenChosen } from "./gallery/gallery.js";
import { dataUri, reference, submit, submitGroup } from "./server/inputs.js";
import { byId, element, open, say } from "./page.js";
import { paintOn } from "./painter/painter.js";
import { install, recipeOf, view } from "./viewer/viewer.js";

const EXAMPLES = ["a red apple", "a fox on a dark blue background", "a slice of pizza", "a sailboat"];

/** Send a request and follow it; `send` answers its job, or several. Resolves once it is known whether the server has it. */
async function draw(send) {
  say("Sending…");
  byId("draw").disabled = true; // until the server has it, so that Enter held down asks once
  let following;
  try {
    const jobs = [await send()].flat();
    following = Promise.all(jobs.map(add)).then((ended) => ended.at(-1));
    say(jobs.length > 1 ? `Accepted: ${jobs.length} jobs.` : "Accepted.");
  } catch (error) {
    say(showError(error) ? "" : error.message, true);
    return false;
  } finally {
    byId("draw").disabled = false;
  }
  tellEnd(following, Date.now());
  return true;
}

async function tellEnd(following, began) {
  try {
    const job = await following;
    if (job?.status === "succeeded") say(`Done in ${((Date.now() - began) / 1000).toFixed(1)} s.`);
    if (job?.status === "canceled") say("Canceled.");
    if (job?.status === "failed") say(job.error.message, true);
  } catch (error) {
    say(error.message, true);
  }
}

function wireForm() {
  installComposer({ ready: () => ready, draw: (body, many) => draw(() => (many ? submitGroup(body) : submit(body))) });
  byId("examples").append(...EXAMPLES.map((prompt) => {
    const button = element("button", { type: "button", className: "quiet", textContent: prompt });
    button.addEventListener("click", () => {
      byId("prompt").value = prompt;
      byId("prompt").dispatchEvent(new Event("input", { bubbles: true }));
      byId("prompt").focus();
      byId("ask").requestSubmit();
    });
    return element("li", {}, button);
  }));
}

const act = {
  child(job, output, action) {
    scrollTo({ top: 0 }); // to where the new one is drawn
    draw(() => childOf(job, output, action));
  },
  recipe(recipe) {
    startFrom(null);
    fill(recipe);
    scrollTo({ top: 0 });
    byId("prompt").select();
  },
  use(words) {
    byId("prompt").value = words;
    byId("prompt").dispatchEvent(new Event("input", { bubbles: true }));
    scrollTo({ top: 0 });
    byId("prompt").select();
  },
  async start(job, output) {
    if (job.parameters.prompt) fill({ ...recipeOf(job, output), seed: undefined });
    startFrom(reference(job, output), await thumbnail(await pictureBlob(output)));
    scrollTo({ top: 0 });
    byId("prompt").select();
  },
  retry(job) {
    const { seed, n, ...recipe } = recipeOf(job, { seed: job.seeds[0] });
    return draw(() => submit({ ...recipe, n: job.seeds.length, seed }, job));
  },
  async edit(job, output) {
    const { task, strength, seed, ...recipe } = recipeOf(job, output);
    const { width, height } = output.facts;
    await paintOn(await pictureBlob(output), job.parameters.prompt, (prompt, mask) => draw(async () => {
      const inputs = { image: reference(job, output), mask: await dataUri(mask) };
      return submit({ ...recipe, width, height, prompt, inputs });
    }));
  },
};

const orSay = (action) => (...given) => action(...given).catch((error) => say(error.message, true));

function askForKey(refused) {
  const dialog = byId("sign-in");
  byId("sign-in-said").textContent = refused ? "The server does not know this key." : "";
  byId("key").value = "";
  return new Promise((resolve) => {
    let answer = null;
    byId("sign-in-form").onsubmit = (event) => {
      event.preventDefault();
      answer = byId("key").value.trim();
      dialog.close();
    };
    dialog.addEventListener("close", () => resolve(answer), { once: true });
    open(dialog, () => byId("prompt"));
  });
}

async function main() {
  key.askWith(askForKey);
  byId("sign-in-close").addEventListener("click", () => byId("sign-in").close());
  byId("sign-out").addEventListener("click", () => {
    key.forget();
    sessionStorage.clear();
    location.reload();
  });
  const { data } = await getJson("/v1/models");
  offer(data);
  byId("sign-out").hidden = !key.get();
  restore();
  install({ child: act.child, recipe: act.recipe, start: orSay(act.start), edit: orSay(act.edit) });
  whenChosen({ open: view, retry: act.retry, child: act.child, use: act.use });
  fillGallery();
}

async function warn() {
  await getJson("/health/ready").catch((error) => byId("status").textContent || say(`Not ready: ${error.message}`, true));
}

wireForm();
const ready = main();
ready.then(warn, (error) => {
  say(error.message, true);
  byId("loading").hidden = true;
  if (error.status === 401) Object.assign(byId("sign-out"), { hidden: false, textContent: "Sign in" });
});
