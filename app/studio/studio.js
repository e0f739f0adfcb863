// The page: puts its parts together. A prompt goes to the server, a card into the gallery.

import { getJson, key, pictureBlob } from "./server/api.js";
import { childOf } from "./gallery/children.js";
import { asked, fill, hasSyntax, keep, offer, restore } from "./form/form.js";
import { add, fillGallery, whenChosen } from "./gallery/gallery.js";
import { installGuides } from "./form/guides.js";
import { reference, submit, submitGroup, upload } from "./server/inputs.js";
import { byId, element, open, say } from "./page.js";
import { openFrame } from "./frame/frame.js";
import { openRegion } from "./painter/painter.js";
import { install, recipeOf, view } from "./viewer/viewer.js";

const EXAMPLES = ["a red apple", "a fox on a dark blue background", "a slice of pizza", "a sailboat"];
let start = null;

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
    say(error.message, true);
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

const START = "easel-start";

/** Draw over a picture from now on, or over none: `source` is what a request calls it, `shown` how it looks, small. */
function startFrom(source, shown = "") {
  start = source;
  byId("start-row").hidden = !source;
  if (!source) return sessionStorage.removeItem(START);
  byId("start-picture").src = shown;
  byId("start-text").textContent = "Drawn over this picture.";
  sessionStorage.setItem(START, JSON.stringify({ source, shown }));
}

async function startFromFile(file) {
  say("Sending your picture…");
  const [source, shown] = [await upload(file), await thumbnail(file)];
  startFrom(source, shown);
  say("");
}

/** A small picture of `blob`, as text that outlives a reload. */
async function thumbnail(blob) {
  const picture = await createImageBitmap(blob);
  const scale = 128 / Math.max(picture.width, picture.height);
  const made = element("canvas", { width: Math.ceil(picture.width * scale), height: Math.ceil(picture.height * scale) });
  made.getContext("2d").drawImage(picture, 0, 0, made.width, made.height);
  return made.toDataURL("image/jpeg");
}

/** What was there before a reload. */
function goOn() {
  restore();
  const { source, shown } = JSON.parse(sessionStorage.getItem(START) ?? "{}");
  if (source) startFrom(source, shown);
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
    const body = asked();
    if (start) Object.assign(body, { inputs: { ...body.inputs, image: start }, strength: byId("strength").valueAsNumber });
    draw(() => (hasSyntax() ? submitGroup(body) : submit(body)));
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
    if (target.files[0]) orSay(startFromFile)(target.files[0]);
    target.value = ""; // so that the same one can be chosen again
    byId("prompt").focus();
  });
  byId("examples").append(...EXAMPLES.map((prompt) => {
    const button = element("button", { type: "button", className: "quiet", textContent: prompt });
    button.addEventListener("click", () => {
      byId("prompt").value = prompt;
      byId("prompt").dispatchEvent(new Event("input", { bubbles: true }));
      byId("prompt").focus();
      form.requestSubmit();
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
  reframe: (job, output) => openFrame(job, output, (asked) => draw(() => asked)),
  edit: (job, output) => openRegion(job, output, (asked) => draw(() => asked)),
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
  goOn();
  byId("ask").addEventListener("input", keep);
  installGuides((error) => say(error.message, true));
  install({ child: act.child, recipe: act.recipe, start: orSay(act.start), edit: orSay(act.edit), reframe: orSay(act.reframe) });
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
