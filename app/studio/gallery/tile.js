// One finished picture in the gallery: itself, its mark, its box to tick, the buttons below it. Knows no other.

import { PICTURE } from "../form/drop.js";
import { getJson, local } from "../server/api.js";
import { element } from "../page.js";
import { toolbar } from "./children.js";
import { madeOf, wordsInFull, wordsOf } from "./words.js";

const ENLARGED = 1.25; // what nobody sees: the next larger file has four times the bytes

/** What an <img> needs to show `output` at `width` px: the smallest file that is large enough. */
export function sourceOf(output, width) {
  const needed = (width * devicePixelRatio) / ENLARGED;
  const file = output.thumbnails.find((thumbnail) => thumbnail.width >= needed) ?? output;
  return local(file.url);
}

const HEART = "M12 20.5S3.5 15.6 3.5 9.4A4.7 4.7 0 0 1 12 6.8a4.7 4.7 0 0 1 8.5 2.6c0 6.2-8.5 11.1-8.5 11.1z";

function heart() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", HEART);
  svg.append(path);
  return svg;
}

/**
 * Answers `{ card, fit, tell, focus }`: `fit(width, height)` gives it room, `tell(item, ticked)` what is new of it. `act` has
 * `open(item)`, `child(item, action)`, `favourite(item)`, `tick(item, on, range)` and `drop(item, onto)`.
 */
export function tileOf(item, act) {
  const words = wordsOf(item.job);
  const { width, height } = item.output.facts;
  const picture = element("img", { alt: words, width, height, decoding: "async", draggable: false });
  const button = element("button", { type: "button", className: "tile" }, picture);
  const like = element("button", { type: "button", className: "like" }, heart());
  const box = element("input", { type: "checkbox", className: "tick" });
  const bar = toolbar(item.job, words, (action) => act.child(item, action));
  const card = element("li", { className: "picture" }, button, bar, element("label", { className: "ticking" }, box), like);
  [card.dataset.job, card.dataset.key] = [item.job.id, item.key];
  if (madeOf(item.job)) button.dataset.made = madeOf(item.job);
  button.classList.toggle("clear", item.job.task === "remove-background");

  const call = (said) => {
    [picture.alt, button.dataset.words, bar.ariaLabel] = [said, said, said];
    box.ariaLabel = `Select: ${said}`;
    like.ariaLabel = `Favourite: ${said}`;
  };
  call(words);
  if (!item.job.parameters.prompt) wordsInFull(item.job).then(call);

  button.addEventListener("click", (event) => (event.ctrlKey || event.metaKey || act.isSelecting() ? tick(event) : act.open(item)));
  like.addEventListener("click", () => act.favourite(item));
  box.addEventListener("click", (event) => act.tick(item, box.checked, event.shiftKey));
  const tick = (event) => act.tick(item, !box.checked, event.shiftKey);
  dragging(card, item, act);
  let [shown, anew] = ["", false];
  picture.addEventListener("error", async () => { // its address is good for an hour
    if (anew) return; // its words stand for it
    anew = true;
    const job = await getJson(local(item.job.urls.get)).catch(() => null);
    const output = job?.outputs.find(({ index }) => index === item.output.index);
    if (output) picture.src = sourceOf(output, picture.clientWidth);
  });

  return {
    card,
    focus: () => button.focus(),
    fit(wide, high) {
      button.style.height = `${high}px`;
      const wanted = sourceOf(item.output, Math.min(wide, (high * width) / height));
      if (wanted.replace(/\?.*/, "") === shown.replace(/\?.*/, "")) return; // signed anew is not another picture
      shown = wanted;
      picture.src = wanted;
    },
    tell(now, ticked) {
      item = now;
      like.ariaPressed = String(now.output.favourite);
      box.checked = ticked;
      card.classList.toggle("ticked", ticked);
    },
  };
}

/** It can be dragged to a field, to another picture, or out of the window. */
function dragging(card, item, act) {
  card.draggable = true;
  card.addEventListener("dragstart", ({ dataTransfer }) => {
    const { job, output } = item;
    const url = new URL(local(output.url), location.href).href;
    dataTransfer.setData(PICTURE, JSON.stringify({ generation: job.id, index: output.index }));
    dataTransfer.setData("DownloadURL", `${output.medium}:${job.id}-${output.index}.${job.output.format}:${url}`);
    dataTransfer.effectAllowed = "copy";
  });
  const takes = ({ dataTransfer }) => dataTransfer.types.includes(PICTURE);
  card.addEventListener("dragover", (event) => {
    if (!takes(event)) return;
    event.preventDefault();
    card.classList.add("over");
  });
  card.addEventListener("dragleave", () => card.classList.remove("over"));
  card.addEventListener("drop", (event) => {
    card.classList.remove("over");
    if (!takes(event)) return;
    event.preventDefault();
    event.stopPropagation();
    act.drop(JSON.parse(event.dataTransfer.getData(PICTURE)), item);
  });
}
