// The page: puts its parts together. A prompt goes to the server, a card into the gallery.

import { getJson, key, postJson } from "./api.js";
import { blobOf, drawOver } from "./edits.js";
import { asked, fill, offer } from "./form.js";
import { add, fillGallery, whenChosen } from "./gallery.js";
import { byId, element, open, say } from "./page.js";
import { paintOn } from "./painter.js";
import { install, view } from "./viewer.js";

const EXAMPLES = ["a red apple", "a fox on a dark blue background", "a slice of pizza", "a sailboat"];
let start = null;

/** Send a request and follow it; `submit` answers its job. */
async function draw(submit) {
  say("Sending…");
  byId("draw").disabled = true; // until the server has it, so that Enter held down asks once
  let following;
  try {
    following = add(await submit());
    say("Accepted.");
  } catch (error) {
    return say(error.message, true);
  } finally {
    byId("draw").disabled = false;
  }
  const began = Date.now();
  try {
    const job = await following;
    if (job?.status === "succeeded") say(`Done in ${((Date.now() - began) / 1000).toFixed(1)} s.`);
    if (job?.status === "canceled") say("Canceled.");
    if (job?.status === "failed") say(job.error.message, true);
  } catch (error) {
    say(error.message, true);
  }
}

function startFrom(picture) {
  if (start) URL.revokeObjectURL(byId("start-picture").src);
  start = picture;
  byId("start-row").hidden = !picture;
  if (!picture) return;
  byId("start-picture").src = URL.createObjectURL(picture);
  byId("start-text").textContent = "Drawn over this picture.";
}

function wireForm() {
  const form = byId("ask");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await ready; // who types faster than the models come has not asked in vain
    } catch (error) {
      return say(error.message, true);
    }
    if (!form.reportValidity()) return;
    const [body, picture] = [asked(), start];
    draw(() => (picture ? drawOver(body, picture, null, byId("strength").value) : postJson("/v1/generations", body)));
  });
  form.addEventListener("invalid", ({ target }) => {
    if (byId("more").contains(target)) byId("more").open = true; // a hidden field cannot say what is wrong with it
  }, true);
  byId("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!byId("draw").disabled) form.requestSubmit();
  });
  byId("start-drop").addEventListener("click", () => {
    startFrom(null);
    byId("prompt").focus();
  });
  byId("start-file").addEventListener("change", ({ target }) => {
    if (target.files[0]) startFrom(target.files[0]);
    target.value = ""; // so that the same one can be chosen again
    byId("prompt").focus();
  });
  byId("examples").append(...EXAMPLES.map((prompt) => {
    const button = element("button", { type: "button", className: "quiet", textContent: prompt });
    button.addEventListener("click", () => {
      byId("prompt").value = prompt;
      byId("prompt").focus();
      form.requestSubmit();
    });
    return element("li", {}, button);
  }));
}

const act = {
  draw(recipe) {
    startFrom(null);
    fill(recipe);
    scrollTo({ top: 0 }); // to where the new one is drawn
    draw(() => postJson("/v1/generations", recipe));
  },
  async start(job, image) {
    fill({ ...job.input, n: 1 });
    startFrom(await blobOf(image));
    scrollTo({ top: 0 });
    byId("prompt").select();
  },
  retry({ input: { task, seeds, strength, output, ...fields } }) {
    if (!fields.negative_prompt) delete fields.negative_prompt;
    draw(() => postJson("/v1/generations", { ...fields, n: seeds.length, seed: seeds[0] }));
  },
  async edit(job, image) {
    const { model, num_inference_steps, guidance_scale, scheduler } = job.input;
    const body = { model, num_inference_steps, guidance_scale, scheduler, width: image.width, height: image.height, n: 1 };
    await paintOn(await blobOf(image), job.input.prompt, (prompt, picture, mask) =>
      draw(() => drawOver({ ...body, prompt }, picture, mask)));
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
    location.reload();
  });
  const { data } = await getJson("/v1/models");
  offer(data);
  byId("sign-out").hidden = !key.get();
  const offers = (task) => data.some((model) => model.tasks.includes(task));
  install({ draw: act.draw, start: orSay(act.start), edit: orSay(act.edit) }, offers);
  whenChosen(view, act.retry);
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
