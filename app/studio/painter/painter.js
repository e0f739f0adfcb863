// Painting a mask over a picture, by pointer or by keyboard. Knows the canvas; sends nothing.

import { byId, element, open } from "../page.js";

const [dialog, canvas] = [byId("painter"), byId("paint")];
const CELL = 8;
let [picture, strokes, pattern, marks, mark, draw] = [null, null, null, [], null, null];

/** Show `blob` to be painted on. `send(prompt, mask)` is called at the end. */
export async function paintOn(blob, prompt, send) {
  picture = await createImageBitmap(blob);
  [canvas.width, canvas.height] = [picture.width, picture.height];
  strokes = element("canvas", { width: picture.width, height: picture.height }).getContext("2d");
  pattern = strokes.createPattern(chequers(), "repeat");
  draw = async (text) => send(text, await mask());
  byId("edit-prompt").value = prompt;
  byId("painter-said").textContent = "";
  clear();
  open(dialog);
  canvas.scrollIntoView({ block: "nearest" });
}

/** What editors show for nothing: it is seen on a picture of any colour. */
function chequers() {
  const made = element("canvas", { width: 2 * CELL, height: 2 * CELL });
  const context = made.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, 2 * CELL, 2 * CELL);
  context.fillStyle = "#9a9aa4";
  context.fillRect(0, 0, CELL, CELL);
  context.fillRect(CELL, CELL, CELL, CELL);
  return made;
}

/** What was painted, over the picture. */
function show() {
  strokes.clearRect(0, 0, canvas.width, canvas.height);
  for (const { width, path } of marks) {
    Object.assign(strokes, { strokeStyle: pattern, lineCap: "round", lineJoin: "round", lineWidth: width });
    strokes.stroke(path);
  }
  const context = canvas.getContext("2d");
  context.globalAlpha = 1;
  context.drawImage(picture, 0, 0);
  context.globalAlpha = 0.85;
  context.drawImage(strokes.canvas, 0, 0);
}

function clear() {
  marks = [];
  show();
}

function add(width, path) {
  mark = { width, path };
  marks.push(mark);
  byId("painter-said").textContent = "";
}

/** The beginning of a stroke; a line of no length at all would not be drawn. */
function dot(x, y) {
  const path = new Path2D();
  path.moveTo(x, y);
  path.lineTo(x + 0.01, y);
  return path;
}

function spot(event) {
  const { left, top, width } = canvas.getBoundingClientRect();
  const scale = canvas.width / width;
  return [(event.clientX - left) * scale, (event.clientY - top) * scale];
}

/** White where it was painted on, black elsewhere. */
function mask() {
  const made = element("canvas", { width: canvas.width, height: canvas.height });
  const context = made.getContext("2d");
  context.drawImage(strokes.canvas, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, made.width, made.height);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#000000";
  context.fillRect(0, 0, made.width, made.height);
  return new Promise((resolve) => made.toBlob(resolve, "image/png"));
}

/** For those who paint with no pointer: one fat stroke over the middle half. */
function paintMiddle() {
  add(Math.min(canvas.width, canvas.height) / 2, dot(canvas.width / 2, canvas.height / 2));
  show();
}

function undo() {
  marks.pop();
  show();
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  add((byId("brush").value / 100) * canvas.width, dot(...spot(event)));
  show();
});
canvas.addEventListener("pointermove", (event) => {
  if (!event.buttons || !mark) return;
  mark.path.lineTo(...spot(event));
  show();
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { mark = null; });
byId("paint-all").addEventListener("click", paintMiddle);
byId("paint-undo").addEventListener("click", undo);
byId("paint-none").addEventListener("click", clear);
byId("painter-close").addEventListener("click", () => dialog.close());
byId("painter-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!marks.length) {
    byId("painter-said").textContent = "Paint over a part of the picture first.";
    return;
  }
  dialog.close();
  await draw(byId("edit-prompt").value.trim());
});
