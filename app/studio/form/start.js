// The picture that is drawn over. Knows its row of the form.

import { pictureBlob } from "../server/api.js";
import { byId, element } from "../page.js";

const SHOWN_PX = 160;
let start = null;

/** What a request calls it and how it looks, small; null where nothing is drawn over. */
export const chosenStart = () => start;

/** Draw over a picture from now on, or over none: `source` is what a request calls it, `shown` how it looks, small. */
export function startFrom(source, shown = "") {
  start = source ? { source, shown } : null;
  byId("start-row").hidden = !source;
  if (source) byId("start-picture").src = shown;
  else byId("start-picture").removeAttribute("src");
  byId("start-text").textContent = source ? "Drawn over this picture." : "";
  byId("start-row").dispatchEvent(new Event("input", { bubbles: true })); // the form is another one
}

/** A small picture of `blob`, as text that outlives a reload. */
export async function thumbnail(blob) {
  const picture = await createImageBitmap(blob);
  const scale = Math.min(1, SHOWN_PX / Math.max(picture.width, picture.height));
  const made = element("canvas", { width: Math.ceil(picture.width * scale), height: Math.ceil(picture.height * scale) });
  const pen = made.getContext("2d");
  pen.fillStyle = "#fff"; // below what is transparent: JPEG has no such thing
  pen.fillRect(0, 0, made.width, made.height);
  pen.drawImage(picture, 0, 0, made.width, made.height);
  picture.close();
  return made.toDataURL("image/jpeg", 0.8);
}

/** Draw over a picture of the gallery. */
export async function startFromOutput(source, output) {
  startFrom(source, await thumbnail(await pictureBlob(output)));
}

export function installStart() {
  byId("start-drop").addEventListener("click", () => {
    startFrom(null);
    byId("prompt").focus();
  });
}
