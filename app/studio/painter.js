// Painting a mask over a picture, by pointer or by keyboard. Knows the canvas; sends nothing.

import { byId, element, open } from "./page.js";

const [dialog, canvas] = [byId("painter"), byId("paint")];
const TINT = "rgb(255 90 31)";
let [picture, strokes, last, painted, draw] = [null, null, null, false, null];

/** Show `blob` to be painted on. `send(prompt, picture, mask)` is called at the end. */
export async function paintOn(blob, prompt, send) {
  picture = await createImageBitmap(blob);
  [canvas.width, canvas.height] = [picture.width, picture.height];
  strokes = element("canvas", { width: picture.width, height: picture.height });
  draw = async (text) => send(text, blob, await mask());
  byId("edit-prompt").value = prompt;
  byId("painter-said").textContent = "";
  clear();
  open(dialog);
  canvas.scrollIntoView({ block: "nearest" });
}

function show() {
  const context = canvas.getContext("2d");
  context.globalAlpha = 1;
  context.drawImage(picture, 0, 0);
  context.globalAlpha = 0.55;
  context.drawImage(strokes, 0, 0);
}

function clear() {
  strokes.getContext("2d").clearRect(0, 0, strokes.width, strokes.height);
  painted = false;
  show();
}

function spot(event) {
  const { left, top, width } = canvas.getBoundingClientRect();
  const scale = canvas.width / width;
  return [(event.clientX - left) * scale, (event.clientY - top) * scale];
}

function stroke(event) {
  const to = spot(event);
  const context = strokes.getContext("2d");
  Object.assign(context, { strokeStyle: TINT, lineCap: "round", lineWidth: (byId("brush").value / 100) * canvas.width });
  context.beginPath();
  context.moveTo(...(last ?? to));
  context.lineTo(...to);
  context.stroke();
  [last, painted] = [to, true];
  show();
}

/** The picture, transparent where it was painted on. */
function mask() {
  const made = element("canvas", { width: canvas.width, height: canvas.height });
  const context = made.getContext("2d");
  context.drawImage(picture, 0, 0);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(strokes, 0, 0);
  return new Promise((resolve) => made.toBlob(resolve, "image/png"));
}

function paintMiddle() {
  const context = strokes.getContext("2d");
  context.fillStyle = TINT;
  context.fillRect(canvas.width / 4, canvas.height / 4, canvas.width / 2, canvas.height / 2);
  painted = true;
  show();
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  stroke(event);
});
canvas.addEventListener("pointermove", (event) => event.buttons && stroke(event));
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
byId("paint-all").addEventListener("click", paintMiddle);
byId("paint-none").addEventListener("click", clear);
byId("painter-close").addEventListener("click", () => dialog.close());
byId("painter-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!painted) {
    byId("painter-said").textContent = "Paint over a part of the picture first.";
    return;
  }
  dialog.close();
  await draw(byId("edit-prompt").value.trim());
});
