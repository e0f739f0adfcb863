// Two pictures compared: one over the other with a line between them to drag, or side by side, enlarged alike.

import { pictureSource } from "../server/api.js";
import { wordsOf } from "../gallery/words.js";
import { byId, element, open } from "../page.js";
import { zoomable } from "../painter/zoom.js";

const [dialog, stage, slider, first, second] = ["compare", "compare-stage", "compare-slider", "compare-a", "compare-b"].map(byId);
const images = [first, second].map((pane) => pane.querySelector("img"));
const STEP = 2; // of an arrow key, in hundredths

let [pictures, share, dragged] = [[], 50, null];

const beside = () => dialog.querySelector("[name=compare-way]:checked").value === "beside";
const paneAt = (clientX) => (beside() && clientX > first.getBoundingClientRect().right ? second : first);
const zoom = zoomable(stage, images, {
  pane: paneAt,
  pinching: () => { dragged = null; },
  changed(scale) {
    byId("compare-fit").textContent = `${Math.round(scale * 100)} %`;
    cut();
  },
});

/** Compare two of `{ job, output }`. */
export async function openCompare(a, b) {
  pictures = [a, b];
  await show();
  byId("compare-title").textContent = "Compare two pictures";
  open(dialog);
  arrange();
  slider.focus();
}

async function show() {
  const sources = await Promise.all(pictures.map(({ output }) => pictureSource(output)));
  images.forEach((image, place) => Object.assign(image, { src: sources[place], alt: wordsOf(pictures[place].job) }));
  byId("compare-said").replaceChildren(...pictures.flatMap(({ job, output: { facts, seed } }, place) => [
    element("dt", { textContent: place ? "Right" : "Left" }),
    element("dd", { dir: "auto", textContent: `${wordsOf(job)} · ${facts.width} × ${facts.height} · seed ${seed}` }),
  ]));
}

function arrange() {
  stage.classList.toggle("beside", beside());
  slider.hidden = beside();
  zoom.fit();
}

/** The line, and no more of the first picture than is left of it. */
function cut() {
  slider.style.left = `${share}%`;
  slider.ariaValueNow = Math.round(share);
  slider.ariaValueText = `${Math.round(share)} % of the first picture`;
  first.style.clipPath = beside() ? "none" : `inset(0 ${100 - share}% 0 0)`;
}

function slideTo(next) {
  share = Math.min(100, Math.max(0, next));
  cut();
}

function slideBy({ clientX }) {
  const { left, width } = stage.getBoundingClientRect();
  slideTo(((clientX - left) / width) * 100);
}

stage.addEventListener("pointerdown", (event) => {
  if (zoom.fingers() > 1) return;
  stage.setPointerCapture(event.pointerId);
  const onLine = event.target === slider || (!beside() && zoom.scale() === 1);
  dragged = { line: onLine, x: event.clientX, y: event.clientY };
  if (onLine) slideBy(event);
});
stage.addEventListener("pointermove", (event) => {
  if (!dragged || zoom.fingers() > 1) return;
  if (dragged.line) return slideBy(event);
  zoom.move(event.clientX - dragged.x, event.clientY - dragged.y);
  dragged = { x: event.clientX, y: event.clientY };
});
for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => { dragged = null; });

slider.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP }[event.key];
  const end = { Home: 0, End: 100 }[event.key];
  if (by === undefined && end === undefined) return;
  event.preventDefault();
  slideTo(end ?? share + by * (event.shiftKey ? 5 : 1));
});
dialog.addEventListener("keydown", ({ key }) => {
  if (key === "+") zoom.by(1.25);
  if (key === "-") zoom.by(0.8);
  if (key === "0") zoom.fit();
});
dialog.addEventListener("change", arrange);
const on = (id, action) => byId(id).addEventListener("click", action);
on("compare-in", () => zoom.by(1.5));
on("compare-out", () => zoom.by(1 / 1.5));
on("compare-fit", zoom.fit);
on("compare-swap", () => {
  pictures.reverse();
  show();
});
on("compare-close", () => dialog.close());
addEventListener("resize", () => dialog.open && zoom.fit());
