// The gallery: every job of this key as a card, newest first, page after page. Knows how a job looks at each moment.

import { call, follow, getJson, local, pictureSource, postJson, previewSource } from "./api.js";
import { byId, element, say } from "./page.js";

const PREVIEW_MS = 1000;
const list = byId("gallery");
let openPicture = () => {};

/** `open(job, image, tile)` is called for a picture that was chosen. */
export function whenChosen(open) {
  openPicture = open;
}

/** A card for a job that was just accepted, on top, followed to its end. */
export function add(job) {
  const card = waiting(job);
  remove(job); // the list may have come with it before the answer to its request did
  list.prepend(card);
  byId("gallery-end").textContent = "";
  return watch(job, card);
}

/** Take the cards of a deleted job away. */
export function remove(job) {
  for (const card of list.querySelectorAll(`[data-job="${job.id}"]`)) discard(card);
}

function discard(card) {
  for (const picture of card.querySelectorAll("img[src^='blob:']")) URL.revokeObjectURL(picture.src);
  card.remove();
}

function waiting(job) {
  const card = element("li", { className: "card unfinished" });
  card.dataset.job = job.id;
  const cancel = element("button", { type: "button", className: "quiet cancel", textContent: "Cancel" });
  cancel.setAttribute("aria-label", `Cancel: ${job.input.prompt}`);
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    card.querySelector(".state").textContent = "Stopping…";
    await postJson(local(job.urls.cancel)).catch((error) => say(error.message, true));
  });
  const bar = element("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", `Progress: ${job.input.prompt}`);
  card.append(
    element("div", { className: "preview" }, element("img", { alt: "", hidden: true })),
    element("p", { className: "prompt", textContent: job.input.prompt }),
    bar,
    element("p", { className: "state", textContent: "Waiting…" }),
    cancel,
  );
  return card;
}

async function watch(job, card) {
  const began = Date.now();
  let [drawing, glimpsed] = [null, 0];
  const seen = (now) => {
    if (now.status === "running") drawing ??= Date.now();
    describe(now, card, began, drawing);
    if (now.progress?.stage === "denoise" && Date.now() - glimpsed > PREVIEW_MS) {
      glimpsed = Date.now();
      glimpse(now, card).catch(() => {}); // the next one will do
    }
  };
  seen(job);
  const ended = await follow(job, seen);
  if (ended) settle(ended, card);
  else discard(card);
  return ended;
}

function describe(job, card, began, drawing) {
  const state = card.querySelector(".state");
  if (card.querySelector(".cancel").disabled) return;
  const elapsed = `${Math.round((Date.now() - began) / 1000)} s`;
  const bar = card.querySelector("progress");
  if (job.status === "queued") {
    state.textContent = job.queue_position === 1 ? `Next in line · ${elapsed}` : `Number ${job.queue_position} in line · ${elapsed}`;
  } else if (job.progress?.stage === "denoise") {
    const { step, steps } = job.progress;
    bar.value = step / steps;
    const left = Math.ceil(((Date.now() - drawing) / 1000 / step) * (steps - step));
    state.textContent = `Step ${step} of ${steps} · ${elapsed}` + (step > 2 && left > 1 ? ` · ~${left} s left` : "");
  } else {
    if (job.progress?.stage === "decode" || job.progress?.stage === "store") bar.value = 1;
    state.textContent = `${{ load: "Loading the model", encode: "Reading the prompt", decode: "Finishing", store: "Finishing" }[job.progress?.stage] ?? "Starting"} · ${elapsed}`;
  }
}

async function glimpse(job, card) {
  const source = await previewSource(job);
  const picture = card.querySelector(".preview img");
  if (!source || !picture) return source && URL.revokeObjectURL(source);
  if (picture.src) URL.revokeObjectURL(picture.src);
  Object.assign(picture, { src: source, hidden: false });
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
  if (job.status === "succeeded") return job.images.map((image) => tile(job, image));
  const card = element("li", { className: `card ${job.status}` });
  card.dataset.job = job.id;
  const drop = element("button", { type: "button", className: "quiet", textContent: "Dismiss" });
  drop.addEventListener("click", async () => {
    await call(local(job.urls.get), { method: "DELETE" }).catch((error) => error.status !== 404 && say(error.message, true));
    remove(job);
    byId("prompt").focus();
  });
  card.append(
    element("p", { className: "prompt", textContent: job.input.prompt }),
    element("p", { className: "state", textContent: job.status === "canceled" ? "Canceled." : job.error.message }),
    drop,
  );
  return [card];
}

function tile(job, image) {
  const picture = element("img", { alt: job.input.prompt, width: image.width, height: image.height, loading: "lazy" });
  pictureSource(image).then((source) => { picture.src = source; }, () => {}); // its words stand for it
  const button = element("button", { type: "button", className: "tile" }, picture);
  button.addEventListener("click", () => openPicture(job, image, button));
  const card = element("li", { className: "picture" }, button);
  card.dataset.job = job.id;
  return card;
}

/** Fill the gallery from the newest job on, and go on whenever its end comes into sight. */
export function fillGallery() {
  let [cursor, busy, done] = ["", false, false];
  const shown = new Set();
  const end = byId("gallery-end");

  async function more() {
    if (busy || done) return;
    busy = true;
    try {
      const page = await getJson(`/v1/generations?limit=20${cursor && `&cursor=${cursor}`}`);
      for (const job of page.data) if (!shown.has(job.id) && !list.querySelector(`[data-job="${job.id}"]`)) place(job);
      [cursor, done] = [page.next_cursor, page.next_cursor === null];
      if (done && !list.children.length) end.textContent = "Nothing yet. Ask for something above.";
      busy = false;
    } catch (error) {
      say(error.message, true);
      done = true;
    }
    if (!done) { // seen again only if it goes out of sight in between: look anew
      sight.unobserve(end);
      sight.observe(end);
    }
  }

  function place(job) {
    shown.add(job.id);
    if (job.status === "canceled") return;
    if (job.status === "succeeded" || job.status === "failed") return list.append(...(finished(job)));
    const card = waiting(job);
    list.append(card);
    watch(job, card).catch((error) => say(error.message, true));
  }

  const sight = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), {
    rootMargin: "400px",
  });
  sight.observe(end);
}
