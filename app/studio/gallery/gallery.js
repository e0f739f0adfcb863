// The gallery: every job of this key, newest first, page after page, each followed to its end. Knows the list's order.

import { follow, getJson, pictureSource, previewSource } from "../server/api.js";
import { describe, describeLost, ended, STEPPED, waiting, worded } from "./cards.js";
import { toolbar } from "./children.js";
import { byId, element, say } from "../page.js";
import { madeOf, wordsInFull, wordsOf } from "./words.js";

const PREVIEW_MS = 1000;
const list = byId("gallery");
const end = byId("gallery-end");
let filled = false;
let act = {};

/**
 * `open(job, image, tile)` is called for a picture that was chosen, `retry(job)` for one to be tried again,
 * `child(job, output, action)` for what is to be made of one, `use(words)` for a prompt.
 */
export function whenChosen(actions) {
  act = actions;
}

/** A card for a job that was just accepted, on top, followed to its end. */
export function add(job) {
  const card = waiting(job);
  remove(job); // the list may have come with it before the answer to its request did
  list.prepend(card);
  tellEmpty();
  return watch(job, card);
}

/** Take the cards of a deleted job away. */
export function remove(job) {
  for (const card of list.querySelectorAll(`[data-job="${job.id}"]`)) discard(card);
  tellEmpty();
}

function discard(card) {
  for (const picture of card.querySelectorAll("img[src^='blob:']")) URL.revokeObjectURL(picture.src);
  card.remove();
}

const tellEmpty = () => { byId("empty").hidden = !filled || list.children.length > 0; };

async function watch(job, card) {
  const began = Date.now();
  let [drawing, glimpsed] = [null, 0];
  const seen = (now) => {
    if (now.status === "running") drawing ??= Date.now();
    describe(now, card, began, drawing);
    if (STEPPED.has(now.progress?.stage) && Date.now() - glimpsed > PREVIEW_MS) {
      glimpsed = Date.now();
      glimpse(now, card).then((shown) => { if (!shown) glimpsed = 0; }, () => {}); // the next one will do
    }
  };
  seen(job);
  const done = await follow(job, seen, () => describeLost(card));
  if (done) settle(done, card);
  else remove(job);
  return done;
}

/** Show the newest preview; false if there is none yet. */
async function glimpse(job, card) {
  const source = await previewSource(job);
  if (!source) return false;
  if (!card.isConnected) return URL.revokeObjectURL(source), true; // it came too late
  const picture = card.querySelector(".preview img");
  if (picture.src) URL.revokeObjectURL(picture.src);
  Object.assign(picture, { src: source, hidden: false });
  return true;
}

/** Put in the card's place what became of the job. */
function settle(job, card) {
  const focused = card.contains(document.activeElement);
  const cards = finished(job);
  card.before(...cards);
  discard(card);
  if (focused) (cards[0]?.querySelector("button") ?? byId("prompt")).focus();
}

function finished(job) {
  if (job.status !== "succeeded") return [ended(job, act.retry, remove)];
  if (job.outputs.some(({ facts }) => "text" in facts)) return [worded(job, act.use)];
  return job.outputs.map((output) => tile(job, output));
}

function tile(job, output) {
  const { width, height } = output.facts;
  const words = wordsOf(job);
  const picture = element("img", { alt: words, width, height, loading: "lazy" });
  pictureSource(output).then((source) => { picture.src = source; }, () => {}); // its words stand for it
  const button = element("button", { type: "button", className: "tile" }, picture);
  if (madeOf(job)) button.dataset.made = madeOf(job);
  button.classList.toggle("clear", job.task === "remove-background");
  button.addEventListener("click", () => act.open(job, output, button));
  const bar = toolbar(job, words, (action) => act.child(job, output, action));
  const call = (said) => {
    [picture.alt, button.dataset.words, bar.ariaLabel] = [said, said, said];
  };
  call(words);
  if (!job.parameters.prompt) wordsInFull(job).then(call);
  const card = element("li", { className: "picture" }, button, bar);
  card.dataset.job = job.id;
  return card;
}

/** Fill the gallery from the newest job on, and go on whenever its end comes into sight. */
export function fillGallery() {
  let [cursor, busy, done] = ["", false, false];
  const shown = new Set();

  async function more() {
    if (busy || done) return;
    busy = true;
    byId("gallery-again").hidden = true;
    end.textContent = list.children.length ? "Fetching more…" : "";
    try {
      const page = await getJson(`/v1/generations?limit=20${cursor && `&cursor=${cursor}`}`);
      for (const job of page.data) if (!shown.has(job.id) && !list.querySelector(`[data-job="${job.id}"]`)) place(job);
      [cursor, done] = [page.next_cursor, page.next_cursor === null];
      end.textContent = "";
      busy = false;
    } catch (error) {
      end.textContent = error.message;
      byId("gallery-again").hidden = false; // until it is pressed, scrolling asks for nothing
      return;
    } finally {
      byId("loading").hidden = true;
      list.ariaBusy = "false";
    }
    filled = done;
    tellEmpty();
    if (!done) { // seen again only if it goes out of sight in between: look anew
      sight.unobserve(end);
      sight.observe(end);
    }
  }

  function place(job) {
    shown.add(job.id);
    if (job.status === "canceled") return;
    if (job.status === "succeeded" || job.status === "failed") return list.append(...finished(job));
    const card = waiting(job);
    list.append(card);
    watch(job, card).catch((error) => say(error.message, true));
  }

  byId("gallery-again").addEventListener("click", () => {
    busy = false;
    more();
  });
  const sight = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), {
    rootMargin: "600px",
  });
  sight.observe(end);
}
