// Where each picture of the gallery stands: rows of one height each, filled from edge to edge, nothing cropped. Pure.

const NARROW = 168; // px: a picture is not to be narrower, for the buttons below it,
const NARROWEST = 140; // and never is
const HIGHEST = 1.6; // of the height that rows aim for
const WIDEST = 2.6; // of a row's height; beyond it the picture has room above and below

/**
 * `aspects` are width / height of each; `room` has `width`, `height` (that rows aim for), `gap` and `below` (what stands
 * under each picture), in px. Answers `{ rows, height }`; a row has `top`, `height` (of its pictures) and `cells`, each
 * with `at` (the number of the picture), `left` and `width`.
 */
export function rowsOf(aspects, { width, height, gap, below }) {
  const rows = [];
  let [top, at] = [0, 0];
  while (at < aspects.length) {
    const shapes = [];
    let sum = 0;
    while (at + shapes.length < aspects.length) {
      const shape = Math.min(WIDEST, Math.max(NARROW / height, aspects[at + shapes.length]));
      shapes.push(shape);
      sum += shape;
      if (sum * height + gap * (shapes.length - 1) >= width) break;
    }
    let free = width - gap * (shapes.length - 1);
    const full = sum * height >= free;
    if (full && shapes.length > 1 && isBetterWithout(shapes, sum, free, height)) {
      sum -= shapes.pop();
      free += gap;
    }
    const high = full ? Math.floor(Math.min(free / sum, HIGHEST * height)) : height;
    let left = 0;
    const cells = shapes.map((shape, place) => {
      const wide = full && place === shapes.length - 1 ? width - left : Math.floor(full ? (shape / sum) * free : shape * high);
      const cell = { at: at + place, left, width: Math.min(wide, width) };
      left += wide + gap;
      return cell;
    });
    rows.push({ top, height: high, cells });
    top += high + below + gap;
    at += shapes.length;
  }
  return { rows, height: Math.max(0, top - gap) };
}

/** Whether a row comes closer to the height that it aims for if its last picture goes to the next. */
function isBetterWithout(shapes, sum, free, height) {
  const [having, lacking] = [free / sum, free / (sum - shapes.at(-1))];
  if (Math.min(...shapes) * having < NARROWEST) return true;
  return Math.abs(Math.log(lacking / height)) < Math.abs(Math.log(having / height));
}

/** The first and the last row that are in sight between `from` and `to`, or null where none is. */
export function inSight(rows, from, to, below) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height + below < from) low = middle + 1;
    else high = middle;
  }
  let last = low;
  while (last + 1 < rows.length && rows[last + 1].top <= to) last += 1;
  return low < rows.length && rows[low].top <= to ? [low, last] : null;
}
