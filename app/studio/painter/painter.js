// A part of a picture drawn anew: painted on with a pointer, a finger, a pen or the keyboard, and sent with words.

import { pictureBlob } from "../server/api.js";
import { goOn, inpaintingModel, sendFrom } from "../server/going-on.js";
import { dataUri } from "../server/inputs.js";
import { byId, open } from "../page.js";
import { strokesOn } from "./strokes.js";
import { zoomable } from "./zoom.js";

const [dialog, stage, sheet, canvas, cursor] = ["painter", "paint-stage", "paint-sheet", "paint", "paint-cursor"].map(byId);
const MOST_PIXELS = 2048; // of a side: a mask is no better for being larger
const SHORT = 8; // of an arrow key, in hundredths of the picture

const strokes = strokesOn(canvas);
const zoom = zoomable(stage, [sheet], { changed: tellZoom, pinching: takeBack });
let [stroke, moving, hand, spot, byKeys, shown] = [null, null, false, [0, 0], false, null];

/** Let a part of the picture be painted over; `send` is given the promise of the job. Throws where it cannot be drawn. */
export async function openRegion(job, output, send) {
  await inpaintingModel(job);
  const picture = await createImageBitmap(await pictureBlob(output));
  const scale = Math.min(1, MOST_PIXELS / Math.max(picture.width, picture.height));
  const size = { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) };
  for (const each of [canvas, byId("paint-picture")]) Object.assign(each, size);
  byId("paint-picture").getContext("2d").drawImage(picture, 0, 0, size.width, size.height);
  shown = { job, output, send };
  byId("edit-prompt").value = job.parameters.prompt ?? "";
  byId("edit-strength").value = 1;
  byId("painter-said").textContent = "";
  strokes.reset();
  tell();
  open(dialog);
  fitSheet();
  spot = [canvas.width / 2, canvas.height / 2];
  stage.focus({ preventScroll: true });
}

/** The picture as large as the stage takes it. */
function fitSheet() {
  const scale = Math.min(stage.clientWidth / canvas.width, stage.clientHeight / canvas.height);
  sheet.style.width = `${canvas.width * scale}px`;
  sheet.style.height = `${canvas.height * scale}px`;
  sheet.style.left = `${(stage.clientWidth - canvas.width * scale) / 2}px`;
  sheet.style.top = `${(stage.clientHeight - canvas.height * scale) / 2}px`;
  sheet.style.transformOrigin = `${-parseFloat(sheet.style.left)}px ${-parseFloat(sheet.style.top)}px`;
  zoom.fit();
  tellFeather();
}

const tool = () => dialog.querySelector("[name=paint-tool]:checked").value;
const width = () => (byId("brush").value / 100) * Math.min(canvas.width, canvas.height);
const feather = () => (byId("feather").value / 100) * Math.max(canvas.width, canvas.height);
const shownScale = () => canvas.getBoundingClientRect().width / canvas.width;

function tellZoom(scale) {
  byId("paint-fit").textContent = `${Math.round(scale * 100)} %`;
  showCursor();
}

/** The soft edge as it will be, while it is painted. */
function tellFeather() {
  canvas.style.filter = `blur(${(feather() / 2) * (canvas.clientWidth / canvas.width)}px)`;
}

function tell() {
  byId("paint-undo").disabled = !strokes.canUndo();
  byId("paint-redo").disabled = !strokes.canRedo();
  byId("painter-said").textContent = "";
}

/** A ring as wide as the brush, where it is. */
function showCursor() {
  cursor.hidden = !["brush", "eraser"].includes(tool());
  const [box, around] = [canvas.getBoundingClientRect(), stage.getBoundingClientRect()];
  const across = Math.max(4, width() * shownScale());
  cursor.style.width = `${across}px`;
  cursor.style.height = `${across}px`;
  cursor.style.left = `${box.left - around.left + spot[0] * shownScale()}px`;
  cursor.style.top = `${box.top - around.top + spot[1] * shownScale()}px`;
}

function goTo(point) {
  spot = point;
  if (stroke) strokes.extend(stroke, point);
  showCursor();
}

function begin(kind = tool()) {
  stroke = strokes.add({ tool: kind, width: width(), points: [spot] });
  tell();
}

const end = () => { [stroke, moving] = [null, null]; };

/** A second finger means to zoom: what the first one drew was none of it. */
function takeBack() {
  if (stroke) strokes.drop();
  end();
  tell();
}

function change(action) {
  end();
  action();
  tell();
}

/** For those who want no more than that: one fat stroke over the middle half. */
function paintMiddle() {
  const [x, y] = [canvas.width / 2, canvas.height / 2];
  strokes.add({ tool: "brush", width: Math.min(canvas.width, canvas.height) / 2, points: [[x, y]] });
}

function pointOf({ clientX, clientY }) {
  const { left, top } = canvas.getBoundingClientRect();
  return [(clientX - left) / shownScale(), (clientY - top) / shownScale()];
}

function wireStage() {
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    byKeys = false;
    if (zoom.fingers() > 1) return;
    if (hand || event.button === 1) {
      moving = event;
      return;
    }
    spot = pointOf(event);
    begin(event.buttons & 32 ? "eraser" : tool()); // the other end of a pen
    showCursor();
  });
  stage.addEventListener("pointermove", (event) => {
    byKeys = false;
    if (moving) {
      zoom.move(event.clientX - moving.clientX, event.clientY - moving.clientY);
      moving = event;
    } else if (zoom.fingers() < 2) {
      const passed = stroke ? event.getCoalescedEvents?.() ?? [] : [];
      for (const each of passed.length ? passed : [event]) goTo(pointOf(each));
    }
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, end);
  stage.addEventListener("wheel", (event) => {
    if (!event.shiftKey) return;
    event.preventDefault();
    resize(event.deltaY + event.deltaX < 0 ? 1 : -1);
  }, { passive: false });
  stage.addEventListener("focus", () => {
    byKeys = stage.matches(":focus-visible");
    showCursor();
  });
  stage.addEventListener("blur", () => {
    end();
    hand = false;
  });
}

function resize(by) {
  byId("brush").value = byId("brush").valueAsNumber + by;
  showCursor();
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function choose(name) {
  dialog.querySelector(`[name=paint-tool][value=${name}]`).checked = true;
  showCursor();
}

/** On the picture: arrows move the brush, Space paints with it, or moves the picture where a pointer is about. */
function onStage(event) {
  const step = STEPS[event.key];
  if (step) {
    const by = (Math.min(canvas.width, canvas.height) / 100) * (event.shiftKey ? SHORT : 1.5);
    const inside = (value, most) => Math.min(most, Math.max(0, value));
    byKeys = true;
    goTo([inside(spot[0] + step[0] * by, canvas.width), inside(spot[1] + step[1] * by, canvas.height)]);
  } else if (event.key === " ") {
    if (!byKeys) hand = true;
    else if (!stroke) begin();
  } else return false;
  return true;
}

const KEYS = {
  "[": () => resize(-1),
  "]": () => resize(1),
  "+": () => zoom.by(1.25),
  "-": () => zoom.by(0.8),
  0: () => zoom.fit(),
  b: () => choose("brush"),
  e: () => choose("eraser"),
  r: () => choose("rectangle"),
  l: () => choose("lasso"),
  i: () => change(() => strokes.add({ tool: "invert" })),
};

function onKey(event) {
  if (event.target.matches("textarea")) return;
  const name = event.key.toLowerCase();
  const back = (event.ctrlKey || event.metaKey) && { z: event.shiftKey ? strokes.redo : strokes.undo, y: strokes.redo }[name];
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (back) change(back);
  else if (plain && Object.hasOwn(KEYS, name)) KEYS[name]();
  else if (!plain || event.target !== stage || !onStage(event)) return;
  event.preventDefault();
}

async function drawIt(event) {
  event.preventDefault();
  const mask = await strokes.mask(feather());
  if (!mask) {
    byId("painter-said").textContent = "Paint over a part of the picture first.";
    return stage.focus();
  }
  const { job, output, send } = shown;
  const prompt = byId("edit-prompt").value.trim();
  sendFrom(dialog, async () => goOn(job, output, "vary", {
    mask: await dataUri(mask), strength: byId("edit-strength").valueAsNumber, ...(prompt ? { prompt } : {}),
  }), send);
}

const on = (id, name, action) => byId(id).addEventListener(name, action);
wireStage();
dialog.addEventListener("keydown", onKey);
stage.addEventListener("keyup", ({ key }) => {
  if (key !== " ") return;
  hand = false;
  if (byKeys) end();
});
dialog.addEventListener("change", showCursor);
on("brush", "input", showCursor);
on("feather", "input", tellFeather);
on("paint-undo", "click", () => change(strokes.undo));
on("paint-redo", "click", () => change(strokes.redo));
on("paint-invert", "click", () => change(() => strokes.add({ tool: "invert" })));
on("paint-none", "click", () => change(() => strokes.add({ tool: "clear" })));
on("paint-all", "click", () => change(paintMiddle));
on("paint-in", "click", () => zoom.by(1.5));
on("paint-out", "click", () => zoom.by(1 / 1.5));
on("paint-fit", "click", zoom.fit);
on("painter-close", "click", () => dialog.close());
on("painter-form", "submit", drawIt);
addEventListener("resize", () => dialog.open && fitSheet());
