// More of what is around a picture: its frame is dragged outwards, or brought to a shape, and what is missing is drawn.

import { pictureSource } from "../server/api.js";
import { goOn, inpaintingModel, sendFrom } from "../server/going-on.js";
import { byId, element, open } from "../page.js";
import { drawnSize, extension, NONE, panned, reshaped, roomFor, withSide, zoomedOut } from "./margins.js";

const [dialog, stage, handles] = ["frame", "frame-stage", "frame-handles"].map(byId);
const SHAPES = [[1, 1], [4, 3], [3, 4], [3, 2], [2, 3], [16, 9], [9, 16], [21, 9]];
const AIR = 1.25; // how much larger than the frame the stage is, so that there is somewhere to drag it
const FAR = 8; // steps of an arrow key with Shift

let [shown, picture, grid, wanted, view, dragged] = [null, null, null, null, null, null];

/** Let the frame be dragged; `send` is given the promise of the job. Throws where the model cannot draw around it. */
export async function openFrame(job, output, send) {
  grid = (await inpaintingModel(job)).size;
  picture = drawnSize(output.facts, grid);
  shown = { job, output, send };
  const image = byId("frame-picture");
  image.src = await pictureSource(output);
  image.alt = job.parameters.prompt ?? "The picture";
  byId("frame-prompt").value = job.parameters.prompt ?? "";
  const smaller = picture.width !== output.facts.width || picture.height !== output.facts.height;
  byId("frame-note").hidden = !smaller;
  byId("frame-note").textContent =
    `The model draws less than the ${output.facts.width} × ${output.facts.height} of this picture: it is made smaller first, to about ${picture.width} × ${picture.height}.`;
  dialog.querySelector(".said").textContent = "";
  open(dialog);
  want(extension(NONE, picture, output.facts));
  handles.querySelector(".right.edge").focus();
}

/** Show what is wanted, as large as the stage takes it. */
function want(next) {
  wanted = next;
  look();
  show();
}

/** Where the picture stands in the stage, and how large: as much of it as the frame needs. */
function look() {
  const { left, top, right, bottom } = wanted.margins;
  const [width, height] = [picture.width + left + right, picture.height + top + bottom];
  const over = [Math.max(width, picture.width), Math.max(height, picture.height)];
  const scale = Math.min(stage.clientWidth / over[0], stage.clientHeight / over[1]) / AIR;
  const middle = [picture.width / 2 + (right - left) / 2, picture.height / 2 + (bottom - top) / 2];
  view = { scale, x: stage.clientWidth / 2 - middle[0] * scale, y: stage.clientHeight / 2 - middle[1] * scale };
}

function put(target, x, y, width, height) {
  const { scale } = view;
  Object.assign(target.style, {
    left: `${view.x + x * scale}px`, top: `${view.y + y * scale}px`, width: `${width * scale}px`, height: `${height * scale}px`,
  });
}

function show() {
  const { margins, size } = wanted;
  const { left, top, right, bottom } = margins;
  put(byId("frame-picture"), 0, 0, picture.width, picture.height);
  for (const each of [byId("frame-box"), handles]) {
    put(each, -left, -top, picture.width + left + right, picture.height + top + bottom);
  }
  for (const edge of handles.querySelectorAll(".edge")) {
    const side = edge.dataset.sides;
    const now = Math.round(Math.max(0, margins[side]));
    Object.assign(edge, {
      ariaValueMin: 0, ariaValueMax: Math.max(now, roomFor(side, picture, margins, grid)), ariaValueNow: now, ariaValueText: `${now} pixels`,
    });
  }
  byId("frame-size").textContent = `${size.width} × ${size.height}, ${anew()}.`;
}

/** Which part of the canvas the picture does not cover, in words. */
function anew() {
  const { left, top, right, bottom } = wanted.margins;
  const covered = (length, before, after) => length + Math.min(0, before) + Math.min(0, after);
  const kept = covered(picture.width, left, right) * covered(picture.height, top, bottom);
  const whole = (picture.width + left + right) * (picture.height + top + bottom);
  const share = Math.round((1 - kept / whole) * 100);
  const less = Math.min(left, top, right, bottom) < 0 ? "; the far side is left behind" : "";
  return share ? `of which ${share} % is drawn anew${less}` : "as it is: there is nothing to draw yet";
}

/** The frame with other margins on some sides. */
function withMargins(changes) {
  let { margins } = wanted;
  for (const [side, pixels] of Object.entries(changes)) margins = withSide(side, pixels, picture, margins, grid);
  return extension(margins, picture, shown.output.facts);
}

const OUTWARDS = { left: [-1, 0], right: [1, 0], top: [0, -1], bottom: [0, 1] };

function drag(event) {
  if (!dragged) return;
  const moved = [(event.clientX - dragged.x) / view.scale, (event.clientY - dragged.y) / view.scale];
  wanted = withMargins(Object.fromEntries(dragged.sides.map((side) => {
    const [across, down] = OUTWARDS[side];
    return [side, Math.max(0, dragged.margins[side]) + across * moved[0] + down * moved[1]];
  })));
  show();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function nudge(event) {
  const side = event.target.dataset.sides;
  const [arrow, outwards] = [ARROWS[event.key], OUTWARDS[side]];
  const by = arrow && outwards ? arrow[0] * outwards[0] + arrow[1] * outwards[1] : 0;
  const ends = { Home: 0, End: Infinity }[event.key];
  if (!by && ends === undefined) return;
  event.preventDefault();
  const step = grid.multiple * (event.shiftKey ? FAR : 1);
  want(withMargins({ [side]: ends ?? Math.max(0, wanted.margins[side]) + by * step }));
}

function drawIt(event) {
  event.preventDefault();
  const { job, output, send } = shown;
  const { route, body, margins } = wanted;
  if (Object.values(margins).every((margin) => margin <= 0)) {
    dialog.querySelector(".said").textContent = "Drag an edge of the frame outwards first.";
    return;
  }
  const prompt = byId("frame-prompt").value.trim();
  sendFrom(dialog, () => goOn(job, output, route, { ...body, ...(prompt ? { prompt } : {}) }), send);
}

byId("frame-shapes").append(...SHAPES.map(([across, down]) => {
  const button = element("button", { type: "button", className: "quiet", textContent: `${across}:${down}` });
  button.addEventListener("click", () => want(reshaped(across, down, picture, grid)));
  return button;
}));
dialog.addEventListener("click", ({ target: { dataset } }) => {
  if (dataset.zoom) want(zoomedOut(Number(dataset.zoom), picture));
  if (dataset.pan) want(panned(dataset.pan, picture, grid));
});
byId("frame-reset").addEventListener("click", () => want(extension(NONE, picture, shown.output.facts)));
handles.addEventListener("pointerdown", (event) => {
  if (!event.target.dataset.sides) return;
  event.target.setPointerCapture(event.pointerId);
  dragged = { x: event.clientX, y: event.clientY, margins: wanted.margins, sides: event.target.dataset.sides.split(" ") };
});
handles.addEventListener("pointermove", drag);
for (const name of ["pointerup", "pointercancel"]) {
  handles.addEventListener(name, () => {
    if (dragged) want(wanted);
    dragged = null;
  });
}
handles.addEventListener("keydown", nudge);
byId("frame-close").addEventListener("click", () => dialog.close());
byId("frame-form").addEventListener("submit", drawIt);
addEventListener("resize", () => dialog.open && want(wanted));
