// Zoom and pan of something in a stage: by wheel, by two fingers, by what its owner calls. Knows no picture.

const MOST = 12;

/**
 * Let `sheets` be seen larger in `stage`, all of them alike. `changed(scale)` is told; `pinching()` where a second finger
 * came, so that what the first began can be taken back. `pane(clientX)` is the part of the stage there, where it has several.
 */
export function zoomable(stage, sheets, { changed = () => {}, pinching = () => {}, pane = () => stage } = {}) {
  const fingers = new Map();
  let [scale, x, y] = [1, 0, 0];

  function show() {
    const { clientWidth: width, clientHeight: height } = pane();
    x = Math.min(0, Math.max(width - width * scale, x)); // no further than to its edges
    y = Math.min(0, Math.max(height - height * scale, y));
    for (const sheet of sheets) sheet.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    changed(scale);
  }

  /** `factor` times as large; what is at `clientX`, `clientY` stays there, or else the middle. */
  function by(factor, clientX, clientY) {
    const box = pane(clientX).getBoundingClientRect();
    const [atX, atY] = [(clientX ?? box.left + box.width / 2) - box.left, (clientY ?? box.top + box.height / 2) - box.top];
    const next = Math.min(MOST, Math.max(1, scale * factor));
    [x, y] = [atX - ((atX - x) * next) / scale, atY - ((atY - y) * next) / scale];
    scale = next;
    show();
  }

  function move(dx, dy) {
    [x, y] = [x + dx, y + dy];
    show();
  }

  function fit() {
    [scale, x, y] = [1, 0, 0];
    show();
  }

  const spread = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  const middle = ([a, b]) => [(a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2];

  stage.addEventListener("wheel", (event) => {
    if (event.shiftKey) return;
    event.preventDefault();
    by(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) pinching();
  }, { capture: true });
  stage.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = [...fingers.values()];
    fingers.set(event.pointerId, event);
    if (fingers.size !== 2) return;
    event.stopPropagation();
    const after = [...fingers.values()];
    const [[fromX, fromY], [toX, toY]] = [middle(before), middle(after)];
    move(toX - fromX, toY - fromY);
    by(spread(after) / Math.max(1, spread(before)), toX, toY);
  }, { capture: true });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, ({ pointerId }) => fingers.delete(pointerId), { capture: true });
  }
  return { by, move, fit, scale: () => scale, fingers: () => fingers.size };
}
