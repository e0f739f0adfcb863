// A frame around a picture, on the grid of the sizes that its model draws. Knows numbers; the server does the same sums.

const up = (pixels, step) => Math.ceil(pixels / step) * step;
const most = ({ maximum, multiple }) => Math.floor(maximum / multiple) * multiple;

/** A half goes to the even number, as it does on the server. */
function rounded(value) {
  const whole = Math.round(value);
  return Math.abs(value % 1) === 0.5 && whole % 2 ? whole - 1 : whole;
}

const nearest = (pixels, grid) =>
  Math.max(up(grid.minimum, grid.multiple), Math.min(most(grid), rounded(pixels / grid.multiple) * grid.multiple));

export const NONE = { left: 0, top: 0, right: 0, bottom: 0 };

/** The size that a picture is drawn on in: its own, or, where its model does not draw that, the model's number of pixels. */
export function drawnSize({ width, height }, grid) {
  const fits = nearest(width, grid) === width && nearest(height, grid) === height;
  const outside = Math.min(width, height) < up(grid.minimum, grid.multiple) || Math.max(width, height) > most(grid);
  const scale = !fits && outside ? Math.sqrt((grid.width * grid.height) / (width * height)) : 1;
  return { width: nearest(rounded(width * scale), grid), height: nearest(rounded(height * scale), grid) };
}

export const sizeOf = ({ width, height }, { left, top, right, bottom }) =>
  ({ width: width + left + right, height: height + top + bottom });

const OPPOSITE = { left: "right", right: "left", top: "bottom", bottom: "top" };

/** The most that `side` may have beside what the other one has. */
export function roomFor(side, picture, margins, grid) {
  const length = side === "left" || side === "right" ? picture.width : picture.height;
  return Math.max(0, most(grid) - length - Math.max(0, margins[OPPOSITE[side]]));
}

/** `margins` with `pixels` on `side`, as near as the grid and the model's largest size let it come. */
export function withSide(side, pixels, picture, margins, grid) {
  const room = roomFor(side, picture, margins, grid);
  const kept = Object.fromEntries(Object.entries(margins).map(([name, value]) => [name, Math.max(0, value)]));
  return { ...kept, [side]: Math.min(room, Math.max(0, Math.round(pixels / grid.multiple) * grid.multiple)) };
}

/** What is asked of the server for `margins` around a picture of `shown`, which is drawn on as `picture`. */
export function extension(margins, picture, shown) {
  const pixels = (side, length) => Math.floor((margins[side] * shown[length]) / picture[length]);
  const body = { left: pixels("left", "width"), top: pixels("top", "height"), right: pixels("right", "width"), bottom: pixels("bottom", "height") };
  return { route: "extend", body, margins, size: sizeOf(picture, margins) };
}

/** The picture `factor` times as small on a canvas of its own size. */
export function zoomedOut(factor, { width, height }) {
  const [across, down] = [(width * (factor - 1)) / 2, (height * (factor - 1)) / 2];
  return { route: "zoom", body: { factor }, margins: { left: across, right: across, top: down, bottom: down }, size: { width, height } };
}

/** More of it on one side by half; as far as the model draws the canvas grows, then it moves on. */
export function panned(direction, picture, grid) {
  const [length, side] = { left: ["width", "left"], right: ["width", "right"], up: ["height", "top"], down: ["height", "bottom"] }[direction];
  const added = Math.max(grid.multiple, up(picture[length] / 2, grid.multiple));
  const grown = Math.min(nearest(picture[length] + added, grid), picture[length] + added);
  const margins = { ...NONE, [side]: added, [OPPOSITE[side]]: grown - picture[length] - added };
  return { route: "pan", body: { direction, by: 0.5 }, margins, size: sizeOf(picture, margins) };
}

/** All of it in the shape `across`:`down`; smaller where the model does not draw so large a canvas. */
export function reshaped(across, down, { width, height }, grid) {
  const ratio = across / down;
  const wanted = ratio * height > width ? [height * ratio, height] : [width, width / ratio];
  const scale = Math.min(1, most(grid) / Math.max(...wanted));
  const [wide, high] = wanted.map((side) => nearest(rounded(side * scale), grid));
  const inner = Math.min(scale, wide / width, high / height);
  const [x, y] = [Math.max(0, (wide / inner - width) / 2), Math.max(0, (high / inner - height) / 2)];
  const margins = { left: x, right: x, top: y, bottom: y };
  return { route: "reframe", body: { ratio: `${across}:${down}` }, margins, size: { width: wide, height: high } };
}
