// The page: puts its parts together. A prompt goes to the server, a card into the gallery.

import { go, installAddress, read } from "./address.js";
import { installComposer } from "./form/composer.js";
import { installDrop } from "./form/drop.js";
import { showError } from "./form/errors.js";
import { fill, offer, putPrompt, restore, startFrom } from "./form/form.js";
import { forgetAll } from "./form/history.js";
import { isMeant } from "./form/plan.js";
import { startFromOutput } from "./form/start.js";
import { childOf } from "./gallery/children.js";
import { installFolders, openFolders } from "./gallery/folders.js";
import { arrange, changed, installGallery } from "./gallery/gallery.js";
import * as library from "./gallery/library.js";
import { installSearch, tellFolders, tellSearch } from "./gallery/search.js";
import * as selection from "./gallery/selection.js";
import { openServer } from "./operator/server.js";
import { byId, element, open, say } from "./page.js";
import { openCompare } from "./compare/compare.js";
import { openFrame } from "./frame/frame.js";
import { openLineage } from "./lineage/lineage.js";
import { openRegion } from "./painter/painter.js";
import { openBlend } from "./remix/blend.js";
import { openRemix } from "./remix/remix.js";
import { getJson, key, pictureBlob } from "./server/api.js";
import { reference, submit, submitGroup } from "./server/inputs.js";
import { listen } from "./server/live.js";
import { mark } from "./server/marks.js";
import { openShare } from "./share/share.js";
import { installViewer, openPicture, showAddress, viewerChanged } from "./viewer/viewer.js";
import { recipeOf } from "./viewer/recipe.js";

const EXAMPLES = ["a red apple", "a fox on a dark blue background", "a slice of pizza", "a sailboat"];

/** Send a request and follow it; `send` answers its job, or several. Resolves once it is known whether the server has it. */
async function draw(send) {
  say("Sending…");
  byId("draw").disabled = true; // until the server has it, so that Enter held down asks once
  let jobs;
  try {
    jobs = [await send()].flat();
  } catch (error) {
    say(showError(error) ? "" : error.message, true);
    return false;
  } finally {
    byId("draw").disabled = false;
  }
  if (!jobs.length) return say(""), false;
  say(jobs.length > 1 ? `Accepted: ${jobs.length} jobs.` : "Accepted.");
  for (const job of jobs) library.take(job);
  if (library.isFiltered() && !jobs.some(({ id }) => library.jobOf(id))) go({ open: null, wanted: {} }); // to where it is drawn
  tellEnd(Promise.all(jobs.map(library.whenEnded)), Date.now());
  return true;
}

async function tellEnd(following, began) {
  const job = (await following).at(-1);
  if (job?.status === "succeeded") say(`Done in ${((Date.now() - began) / 1000).toFixed(1)} s.`);
  if (job?.status === "canceled") say("Canceled.");
  if (job?.status === "failed") say(job.error.message, true);
}

function wireForm() {
  installComposer({ ready: () => ready, draw: (body, many) => draw(() => (many ? submitMeant(body) : submit(body))) });
  byId("examples").append(...EXAMPLES.map((prompt) => {
    const button = element("button", { type: "button", className: "quiet", textContent: prompt });
    button.addEventListener("click", () => {
      putPrompt(prompt);
      byId("ask").requestSubmit();
    });
    return element("li", {}, button);
  }));
}

/** All jobs of a group, if they are meant when they are many; none if not. */
const submitMeant = async (body) => ((await isMeant(body)) ? submitGroup(body) : []);

const drawPromised = (asked) => draw(() => asked);

const orSay = (action) => (...given) => Promise.resolve(action(...given)).catch((error) => say(error.message, true));

/** To the prompt, which is about to say something else. */
function toPrompt() {
  scrollTo({ top: 0 });
  byId("prompt").select();
}

const act = {
  share: orSay(({ job, output }) => openShare(job, output)),
  open: ({ job, output }) => openPicture(job, output),
  child({ job, output }, action) {
    scrollTo({ top: 0 }); // to where the new one is drawn
    draw(() => childOf(job, output, action));
  },
  recipe({ job, output }) {
    startFrom(null);
    fill(recipeOf(job, output));
    toPrompt();
  },
  use(words) {
    putPrompt(words);
    toPrompt();
  },
  start: orSay(async ({ job, output }) => {
    if (job.parameters.prompt) fill({ ...recipeOf(job, output), seed: undefined });
    await startFromOutput(reference(job, output), output);
    toPrompt();
  }),
  retry(job) {
    const { seed, n, ...recipe } = recipeOf(job, { seed: job.seeds[0] });
    return draw(() => submit({ ...recipe, n: job.seeds.length, seed }, job));
  },
  edit: orSay(({ job, output }) => openRegion(job, output, drawPromised)),
  reframe: orSay(({ job, output }) => openFrame(job, output, drawPromised)),
  remix: orSay(({ job, output }) => openRemix(job, output, drawPromised)),
  blend: orSay((items) => openBlend(items, drawPromised)),
  compare: orSay(openCompare),
  family: orSay(({ job }) => openLineage(job, (id, index) => go({ open: { id, index } }))),
  favourite: orSay(async ({ job, output }) => library.take(await mark(job, output, { favourite: !output.favourite }))),
  file: orSay(openFolders),
  tick: selection.tick,
  isSelecting: selection.isSelecting,
  drop: orSay(async ({ generation, index }, onto) => {
    const job = await library.lookAt(generation);
    const output = job.outputs.find((each) => each.index === index);
    if (output && (job.id !== onto.job.id || index !== onto.output.index)) await openBlend([onto, { job, output }], drawPromised);
  }),
  forget: library.forget,
  more() {
    if (byId("gallery-again").hidden) fetchMore(); // until it is pressed, scrolling asks for nothing
  },
};

/** Fetch what the gallery has not got; what goes wrong is told at its end. */
async function fetchMore(begin = library.more) {
  byId("gallery-again").hidden = true;
  byId("gallery-end").textContent = library.items().length ? "Fetching more…" : "";
  try {
    await begin();
    byId("gallery-end").textContent = "";
  } catch (error) {
    byId("gallery-end").textContent = error.message;
    byId("gallery-again").hidden = false;
  } finally {
    byId("loading").hidden = true;
    byId("gallery").ariaBusy = "false";
  }
}

/** The library has changed: `job` is the one that it is about, if it is one. */
function renew(job) {
  changed(job);
  viewerChanged(job);
  const items = library.items();
  selection.renew(items);
  const nothing = library.isComplete() && items.length === 0;
  byId("empty").hidden = !nothing;
  byId("examples").hidden = library.isFiltered();
  byId("empty-said").textContent = library.isFiltered()
    ? "Nothing found. Search looks at prompts, models and folders."
    : "Nothing here yet. Say what you would like to see, or try one of these:";
  const ends = items.map(({ job: { expires_at } }) => expires_at && Date.parse(expires_at)).filter(Boolean);
  byId("kept-for").hidden = ends.length === 0;
  byId("kept-for").textContent = ends.length
    ? `From ${new Date(Math.min(...ends)).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })} on, old pictures are removed. Favourites, and what is in a folder, stay.`
    : "";
}

let looked = null;

/** Show what the address says: a picture, and the pictures that are looked for. */
async function showAll(address) {
  const said = JSON.stringify(address.wanted);
  if (said !== looked) {
    looked = said;
    orSay(tellSearch)();
    await fetchMore(() => library.show(address.wanted));
  }
  await showAddress(address.open);
}

/** What the stream of events tells. */
function heard(type, data) {
  if (type === "generation") library.take(data);
  if (type === "deleted") library.forget(data.id);
  if (type === "reset") orSay(library.refresh)();
  if (type !== "away") return;
  byId("away").hidden = !data;
  byId("away").textContent = data ?? "";
}

function askForKey(refused) {
  const dialog = byId("sign-in");
  byId("sign-in-said").textContent = refused ? "The server does not know this key, or does not any more." : "";
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

function installKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    byId("prompt").focus();
  });
}

const QUEUE_MS = 5000;
const LISTEN_MS = 500;

async function main() {
  key.askWith(askForKey);
  key.watch(() => location.reload());
  byId("sign-in-close").addEventListener("click", () => byId("sign-in").close());
  byId("sign-out").addEventListener("click", () => {
    key.forget();
    sessionStorage.clear();
    forgetAll();
    location.assign("/");
  });
  const { data } = await getJson("/v1/models");
  offer(data);
  byId("sign-out").hidden = !key.get();
  restore();
  installViewer(act);
  installFolders(() => orSay(tellFolders)());
  selection.installSelection({ changed: arrange, file: act.file, compare: act.compare, blend: act.blend });
  installGallery(act, selection);
  library.watchLibrary(renew);
  installSearch();
  installDrop({
    look: async ({ generation, index }) => {
      const { outputs } = await library.lookAt(generation);
      return pictureBlob(outputs.find((output) => output.index === index));
    },
    recipe(fields, notes) {
      startFrom(null);
      fill(fields);
      toPrompt();
      say(notes.join(" "));
    },
    ask: (body) => draw(() => submit(body)),
  });
  installAddress(orSay(showAll));
  byId("gallery-again").addEventListener("click", () => fetchMore());
  installKeys();
  for (const [id, show] of [["open-shares", () => openShare()], ["open-server", openServer]]) {
    byId(id).hidden = false;
    byId(id).addEventListener("click", orSay(show));
  }
  await Promise.race([listen(heard), new Promise((late) => setTimeout(late, LISTEN_MS))]); // so that no change is missed
  setInterval(() => document.hidden || library.askForPlaces().catch(() => {}), QUEUE_MS); // the next one will do
  orSay(showAll)(read());
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
