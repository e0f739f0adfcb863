// The tree of all that a picture came from and all that came of it. What is chosen in it is told.

import { getJson, local } from "../server/api.js";
import { byId, element, open } from "../page.js";
import { madeBy, treeOf } from "./family.js";

const dialog = byId("lineage");
const SMALL = 320; // pixels of a thumbnail's longer side
const MOST_SHOWN = 4;

/** Show the family of `job` in a dialog; `choose(id, index)` is told which picture is wanted. */
export async function openLineage(job, choose) {
  const { nodes, truncated } = await getJson(local(job.urls.lineage));
  const tree = lineageTree(nodes, job.id, (...picture) => {
    dialog.close();
    choose(...picture);
  });
  byId("lineage-tree").replaceChildren(tree);
  const jobs = nodes.length === 1 ? "It stands alone: nothing was made of it yet." : `${nodes.length} jobs.`;
  byId("lineage-said").textContent = truncated ? `${jobs} There are more; these are the nearest.` : jobs;
  open(dialog);
  goTo(tree.querySelector("[aria-current]"), "center");
}

/** The same as an element, from the nodes of GET …/lineage. */
export function lineageTree(nodes, currentId, choose) {
  const tree = element("ul", { className: "family", role: "tree", ariaLabel: "Family of the picture" });
  tree.append(...treeOf(nodes).map((branch) => item(branch, 1, currentId, choose)));
  const items = [...tree.querySelectorAll("[role=treeitem]")];
  for (const each of items) each.tabIndex = -1;
  (tree.querySelector("[aria-current]") ?? items[0]).tabIndex = 0;
  tree.addEventListener("keydown", (event) => walk(event, items));
  return tree;
}

function item({ node, children, also }, level, currentId, choose) {
  const { id, status, prompt, outputs } = node;
  const gone = status === null;
  const from = also.map((branch) => branch.node.prompt ?? branch.node.id.slice(0, 12));
  const said = element("span", {}, element("b", { dir: "auto", textContent: prompt ?? (gone ? "Deleted" : "") }),
    element("small", { textContent: [madeBy(node), ...(from.length ? [`also from ${from.join(" and ")}`] : [])].join(", ") }));
  const row = element("div", { className: "member" }, ...shownOf(node), said);
  const made = element("li", { role: "treeitem", ariaLevel: level }, row);
  made.setAttribute("aria-label", [prompt, madeBy(node), ...(from.length ? [`also from ${from.join(" and ")}`] : [])].filter(Boolean).join(", "));
  if (id === currentId) made.setAttribute("aria-current", "true");
  if (gone) made.setAttribute("aria-disabled", "true");
  const index = (target) => Number(target.closest("[data-index]")?.dataset.index ?? outputs[0]?.index ?? 0);
  const go = ({ target }) => !gone && choose(id, index(target));
  row.addEventListener("click", go);
  made.addEventListener("keydown", (event) => {
    if (event.target !== made || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    go(event);
  });
  if (children.length) {
    const below = element("ul", { role: "group", className: children.length > 1 ? "branches" : "line" });
    below.append(...children.map((child) => item(child, level + 1, currentId, choose)));
    made.append(below);
  }
  return made;
}

/** Its pictures, small; where there are none, an empty place. */
function shownOf({ outputs }) {
  const pictures = outputs.filter(({ medium }) => medium.startsWith("image/")).slice(0, MOST_SHOWN);
  if (!pictures.length) return [element("i", { className: "none" })];
  return pictures.map((output) => {
    const small = output.thumbnails?.find(({ width, height }) => Math.max(width, height) >= SMALL) ?? output;
    const image = element("img", { src: local(small.url), alt: "", loading: "lazy" });
    image.dataset.index = output.index;
    return image;
  });
}

/** Up and down as they stand, left to what it came from, right to what came of it. */
function walk(event, items) {
  const at = items.indexOf(document.activeElement);
  if (at < 0) return;
  const to = {
    ArrowUp: () => items[at - 1],
    ArrowDown: () => items[at + 1],
    ArrowLeft: () => items[at].parentElement.closest("[role=treeitem]"),
    ArrowRight: () => items[at].querySelector("[role=treeitem]"),
    Home: () => items[0],
    End: () => items.at(-1),
  }[event.key];
  if (!to) return;
  event.preventDefault();
  const next = to();
  if (!next) return;
  items[at].tabIndex = -1;
  next.tabIndex = 0;
  goTo(next, "nearest");
}

/** Its own row comes into sight: an item holds all that is below it, too. */
function goTo(target, block) {
  target.focus({ preventScroll: true });
  target.querySelector(".member").scrollIntoView({ block });
}

byId("lineage-close").addEventListener("click", () => dialog.close());
