// The gallery: of all that the library has, only what is in sight stands on the page. Knows where, not what is asked.

import { byId } from "../page.js";
import { cardOf } from "./cards.js";
import * as library from "./library.js";
import { inSight, rowsOf } from "./rows.js";
import { tileOf } from "./tile.js";

const BESIDE_PX = 900; // above and below what is in sight, so that scrolling finds it there
const list = byId("gallery");
const standing = new Map(); // by key: what is on the page now
let [act, selection] = [{}, null];
let [items, plan, room] = [[], { rows: [], height: 0 }, null];
let waiting = false;

/** `actions` are those of tiles and cards; `chosen` has `has(key)`. Begins to show what the library has. */
export function installGallery(actions, chosen) {
  [act, selection] = [actions, chosen];
  addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(() => arrange()).observe(list);
  new ResizeObserver(soon).observe(document.body); // what stands above it became larger or smaller
  list.addEventListener("keydown", walk);
}

/** The room that rows have, as the style sheet says it. */
function measure() {
  const said = getComputedStyle(list);
  const [height, gap, below] = ["--row", "--gap", "--below"].map((name) => Number.parseFloat(said.getPropertyValue(name)));
  return { width: list.clientWidth, height, gap, below };
}

function aspectOf({ job, output }) {
  const { width, height } = output?.facts ?? job.parameters;
  return width && height ? width / height : 1;
}

/** Find room for everything anew; what is in sight stays where it is when something comes before it. */
export function arrange() {
  const anchor = anchored();
  items = library.items();
  room = measure();
  plan = rowsOf(items.map(aspectOf), room);
  list.style.height = `${plan.height}px`;
  const now = anchor && rowOf(items.findIndex(({ key }) => key === anchor.key));
  if (now && now.top !== anchor.top) scrollBy({ top: now.top - anchor.top, behavior: "instant" });
  render();
}

/** The first picture in sight, where the page was scrolled past the first row. */
function anchored() {
  const from = scrollY - topOf();
  if (from <= 0) return null;
  const row = plan.rows.find(({ top }) => top >= from) ?? plan.rows.at(-1);
  return row && { key: items[row.cells[0].at].key, top: row.top };
}

const topOf = () => list.getBoundingClientRect().top + scrollY;
const rowOf = (at) => plan.rows.find(({ cells }) => at >= 0 && cells[0].at <= at && cells.at(-1).at >= at);

function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    render();
  });
}

function render() {
  const from = scrollY - topOf();
  const seen = inSight(plan.rows, from - BESIDE_PX, from + innerHeight + BESIDE_PX, room?.below ?? 0);
  const rows = seen ? plan.rows.slice(seen[0], seen[1] + 1) : [];
  const kept = rowOf(items.findIndex(({ key }) => key === document.activeElement?.closest("[data-key]")?.dataset.key));
  if (kept && !rows.includes(kept)) rows.push(kept); // what has the focus stays, wherever it is
  rows.sort((one, other) => one.top - other.top);
  const wanted = rows.flatMap((row) => row.cells.map((cell) => ({ row, cell, item: items[cell.at] })));
  const keys = new Set(wanted.map(({ item }) => item.key));
  for (const [key, one] of standing) if (!keys.has(key)) discard(key, one);
  let at = list.firstChild;
  for (const { row, cell, item } of wanted) {
    const one = standing.get(item.key) ?? made(item);
    if (one.card === at) at = at.nextSibling;
    else list.insertBefore(one.card, at);
    place(one, row, cell);
    one.tell(item, selection.has(item.key));
    one.card.ariaSetSize = library.isComplete() ? items.length : -1;
    one.card.ariaPosInSet = cell.at + 1;
  }
  if (library.isBegun() && !library.isComplete() && from + innerHeight + BESIDE_PX > plan.height) act.more();
}

function made(item) {
  const one = item.output ? tileOf(item, act) : cardOf(item.job, act);
  standing.set(item.key, { ...one, job: item.job });
  return standing.get(item.key);
}

function place(one, row, cell) {
  const { style } = one.card;
  [style.left, style.top, style.width] = [`${cell.left}px`, `${row.top}px`, `${cell.width}px`];
  style.height = `${row.height + room.below}px`;
  one.fit?.(cell.width, row.height);
}

function discard(key, one) {
  standing.delete(key);
  one.gone?.();
  one.card.remove();
}

/** The library has changed: `job` is the one that it is about, if it is one. */
export function changed(job) {
  if (!job) return arrange();
  const one = standing.get(job.id);
  const had = one?.card.contains(document.activeElement);
  if (one && !one.isStill(job)) discard(job.id, one); // a card becomes pictures, or another card
  arrange();
  if (had && !list.contains(document.activeElement)) focusOn(items.find((item) => item.job.id === job.id)?.key);
}

/** The focus goes to a picture, wherever it is; to the prompt if it is not there. */
export function focusOn(key) {
  const row = rowOf(items.findIndex((item) => item.key === key));
  if (!row) return byId("prompt").focus();
  const [top, bottom] = [topOf() + row.top, topOf() + row.top + row.height + room.below];
  if (top < scrollY) scrollTo({ top: top - room.gap, behavior: "instant" });
  else if (bottom > scrollY + innerHeight) scrollTo({ top: bottom + room.gap - innerHeight, behavior: "instant" });
  render();
  standing.get(key).focus();
}

/** From picture to picture by the arrow keys; up and down go to the one that stands nearest. */
function walk(event) {
  if (!event.target.matches(".tile")) return;
  const at = items.findIndex(({ key }) => key === event.target.closest("[data-key]").dataset.key);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const edge = { Home: 0, End: items.length - 1 }[event.key];
  let to = edge ?? (step ? at + step : down ? nearest(at, down) : -1);
  while (items[to] && !items[to].output) to += step ?? down ?? (edge === 0 ? 1 : -1);
  if (!items[to]) return;
  event.preventDefault();
  focusOn(items[to].key);
}

function nearest(at, down) {
  const place = plan.rows.indexOf(rowOf(at));
  const middle = ({ left, width }) => left + width / 2;
  const here = middle(plan.rows[place].cells.find((cell) => cell.at === at));
  const cells = plan.rows[place + down]?.cells ?? [];
  const away = (cell) => Math.abs(middle(cell) - here);
  return cells.reduce((best, cell) => (best && away(best) <= away(cell) ? best : cell), null)?.at ?? -1;
}
