// The family of a picture as a tree: each job below the first of its parents that is shown. Knows no page.

/** Roots of `{ node, children, also }` from the nodes of GET …/lineage; `also` are the ids of its further parents. */
export function treeOf(nodes) {
  const branches = new Map(nodes.map((node) => [node.id, { node, children: [], also: [], above: null }]));
  const roots = [];
  for (const branch of branches.values()) {
    const parents = [...new Set(branch.node.parents.map(({ generation }) => generation))].filter((id) => branches.has(id));
    [branch.above, ...branch.also] = parents.map((id) => branches.get(id));
    (branch.above?.children ?? roots).push(branch);
  }
  return roots;
}

const MADE = {
  "text-to-image": "drawn", "image-to-image": "varied", inpaint: "partly drawn anew", upscale: "enlarged",
  "creative-upscale": "enlarged with new details", "remove-background": "cut out", "image-to-text": "described",
};

/** What was done to get it, in words. */
export const madeBy = ({ status, task }) => (status === null ? "its recipe went with it" : MADE[task] ?? task);
