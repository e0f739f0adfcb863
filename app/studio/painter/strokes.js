// What was painted, as strokes that can be taken back, and the mask that they are. Knows a canvas, no page.

import { element } from "../page.js";

const CELL = 8;

/** Seen on a picture of any colour, and still where a soft edge blurs it. */
function chequers() {
  const made = element("canvas", { width: 2 * CELL, height: 2 * CELL });
  const context = made.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, 2 * CELL, 2 * CELL);
  context.fillStyle = "#e0218a";
  context.fillRect(0, 0, CELL, CELL);
  context.fillRect(CELL, CELL, CELL, CELL);
  return made;
}

/** Strokes on `canvas`; each is `{ tool, width, points: [[x, y], …] }` in its pixels, or `{ tool }` for all of it. */
export function strokesOn(canvas) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pattern = context.createPattern(chequers(), "repeat");
  let [done, undone] = [[], []];

  const DRAWN = {
    clear: () => context.clearRect(0, 0, canvas.width, canvas.height),
    invert() {
      context.globalCompositeOperation = "source-out";
      context.fillRect(0, 0, canvas.width, canvas.height);
    },
    rectangle({ points: [[left, top], [right, bottom] = [left, top]] }) {
      context.fillRect(left, top, right - left, bottom - top);
    },
    lasso({ points }) {
      context.beginPath();
      for (const point of points) context.lineTo(...point);
      context.fill();
    },
    brush: line,
    eraser(stroke) {
      context.globalCompositeOperation = "destination-out";
      line(stroke);
    },
  };

  function line({ width, points }) {
    Object.assign(context, { lineWidth: width, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    for (const point of points) context.lineTo(...point);
    context.lineTo(points.at(-1)[0] + 0.01, points.at(-1)[1]); // a line of no length at all would not be drawn
    context.stroke();
  }

  function draw(stroke) {
    Object.assign(context, { globalCompositeOperation: "source-over", fillStyle: pattern, strokeStyle: pattern });
    DRAWN[stroke.tool](stroke);
  }

  function all() {
    DRAWN.clear();
    done.forEach(draw);
  }

  return {
    /** Begin a stroke, or do all of one that has no points. */
    add(stroke) {
      done.push(stroke);
      undone = [];
      draw(stroke);
      return stroke;
    },
    /** Go on with the one that was added last. */
    extend(stroke, point) {
      if (stroke.tool === "rectangle") stroke.points[1] = point;
      else stroke.points.push(point);
      if (stroke.tool === "brush" || stroke.tool === "eraser") draw({ ...stroke, points: stroke.points.slice(-2) });
      else all();
    },
    undo() {
      if (done.length) undone.push(done.pop());
      all();
    },
    redo() {
      if (undone.length) done.push(undone.pop());
      all();
    },
    /** Take the last one back for good. */
    drop() {
      done.pop();
      all();
    },
    reset() {
      [done, undone] = [[], []];
      all();
    },
    canUndo: () => done.length > 0,
    canRedo: () => undone.length > 0,
    /** White where it was painted, black elsewhere, grey at edges that are soft by `feather` pixels; null for nothing. */
    mask: (feather) => maskOf(canvas, context, feather),
  };
}

async function maskOf(canvas, context, feather) {
  const { width, height } = canvas;
  const pixels = context.getImageData(0, 0, width, height);
  const painted = new Uint8ClampedArray(width * height);
  for (let at = 0; at < painted.length; at += 1) painted[at] = pixels.data[4 * at + 3];
  if (!painted.some((value) => value > 127)) return null;
  const soft = blurred(painted, width, height, Math.round(feather / 3));
  for (let at = 0; at < painted.length; at += 1) pixels.data.fill(soft[at], 4 * at, 4 * at + 3);
  for (let at = 3; at < pixels.data.length; at += 4) pixels.data[at] = 255;
  const made = element("canvas", { width, height });
  made.getContext("2d").putImageData(pixels, 0, 0);
  return new Promise((resolve) => made.toBlob(resolve, "image/png"));
}

/** Three box blurs of `radius` are nearly a Gaussian one. By hand: not every browser blurs on a canvas. */
function blurred(values, width, height, radius) {
  let from = values;
  for (let pass = 0; radius > 0 && pass < 3; pass += 1) {
    from = boxed(boxed(from, width, height, 1, width, radius), height, width, width, 1, radius);
  }
  return from;
}

/** The mean of `radius` neighbours on both sides, along lines of `length` whose values lie `step` apart. */
function boxed(from, length, lines, step, next, radius) {
  const to = new Uint8ClampedArray(from.length);
  for (let line = 0; line < lines; line += 1) {
    const start = line * next;
    const at = (place) => from[start + step * Math.min(length - 1, Math.max(0, place))];
    let sum = 0;
    for (let place = -radius; place <= radius; place += 1) sum += at(place);
    for (let place = 0; place < length; place += 1) {
      to[start + step * place] = sum / (2 * radius + 1);
      sum += at(place + radius + 1) - at(place - radius);
    }
  }
  return to;
}
