// The size: shapes of about the model's own area, drawn, and two fields for any other. Knows their fields.

import { byId, element } from "../page.js";

const RATIOS = [[9, 16], [2, 3], [3, 4], [1, 1], [4, 3], [3, 2], [16, 9]];
const NEAR = 1.04;
const BOX_PX = 28;
let sizes = [];

const nameOf = (width, height) => `${width} × ${height}`;

const apart = (one, other) => Math.max(one / other, other / one);

const gcd = (one, other) => (other ? gcd(other, one % other) : one);

/** What people call the shape of `width` by `height`: a ratio that they know, or the one that it is. */
function ratioOf(width, height) {
  const known = sizes.find((size) => size.width === width && size.height === height);
  if (known) return known.ratio;
  const near = RATIOS.find(([across, down]) => apart(width / height, across / down) < NEAR);
  if (near) return near.join(":");
  const unit = gcd(width, height);
  return width / unit < 100 && height / unit < 100 ? `${width / unit}:${height / unit}` : `${(width / height).toFixed(2)}:1`;
}

/** `{ratio, width, height}` for each shape that fits the model, the narrowest first; its own size is among them. */
function sizesOf({ minimum, maximum, multiple, width, height }) {
  const onGrid = (length) => Math.round(length / multiple) * multiple;
  const fits = (length) => length >= minimum && length <= maximum;
  const found = new Map();
  const own = RATIOS.find(([across, down]) => apart(width / height, across / down) < NEAR);
  for (const shape of RATIOS) {
    const unit = Math.sqrt((width * height) / (shape[0] * shape[1]));
    const [wide, high] = shape === own ? [width, height] : [onGrid(unit * shape[0]), onGrid(unit * shape[1])];
    const name = nameOf(wide, high);
    if (fits(wide) && fits(high) && !found.has(name)) found.set(name, { ratio: shape.join(":"), width: wide, height: high });
  }
  if (!own) found.set(nameOf(width, height), { ratio: ratioOf(width, height), width, height });
  return [...found.values()].sort((one, other) => one.width / one.height - other.width / other.height);
}

const side = (name) => byId(name).valueAsNumber;

function drawn(shape, width, height) {
  const scale = BOX_PX / Math.max(width, height) || 0;
  shape.style.width = `${Math.max(6, Math.round(width * scale))}px`;
  shape.style.height = `${Math.max(6, Math.round(height * scale))}px`;
  return shape;
}

function choice({ ratio, width, height }) {
  const radio = element("input", { type: "radio", name: "aspect", value: nameOf(width, height), className: "only-heard" });
  radio.addEventListener("input", () => take(width, height));
  const shape = drawn(element("i", { className: "shape", ariaHidden: "true" }), width, height);
  return element("label", { className: "aspect" }, radio, element("span", { className: "box" }, shape),
    element("b", { textContent: ratio }), element("small", { textContent: radio.value }));
}

/** Put a size into the fields; the form hears of it. */
export function take(width, height) {
  Object.assign(byId("width"), { value: width });
  Object.assign(byId("height"), { value: height });
  byId("width").dispatchEvent(new Event("input", { bubbles: true }));
}

/** Offer the sizes of a model; its own is in the fields. */
export function offerSizes(size) {
  const { minimum, maximum, multiple } = size;
  for (const name of ["width", "height"]) {
    const lowest = Math.ceil(minimum / multiple) * multiple;
    Object.assign(byId(name), { min: lowest, max: maximum, step: multiple, value: size[name] });
  }
  sizes = [];
  sizes = sizesOf(size);
  const [legend] = byId("aspects").children;
  byId("aspects").replaceChildren(legend, ...sizes.map(choice));
  tellSize();
}

/** Show on the button, and among the shapes, what is in the fields. */
export function tellSize() {
  const [width, height] = [side("width"), side("height")];
  for (const radio of byId("aspects").querySelectorAll("input")) radio.checked = radio.value === nameOf(width, height);
  byId("aspect-said").replaceChildren(
    element("b", { textContent: width && height ? ratioOf(width, height) : "?" }),
    element("small", { textContent: ` ${nameOf(width || "?", height || "?")}` }),
  );
  drawn(byId("aspect-shape"), width || 1, height || 1);
}

export function installAspects() {
  for (const name of ["width", "height"]) byId(name).addEventListener("input", tellSize);
  byId("swap").addEventListener("click", () => take(byId("height").value, byId("width").value));
}
