// Putting pictures into folders, and taking them out again.

import { byId, element, open } from "../page.js";
import { folders, mark } from "../server/marks.js";
import * as library from "./library.js";

const dialog = byId("folders");
let [items, changed] = [[], () => {}];

/** `told()` is called when pictures went into other folders. */
export function installFolders(told) {
  changed = told;
  byId("folders-close").addEventListener("click", () => dialog.close());
  byId("folders-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await save();
      dialog.close();
      changed();
    } catch (error) {
      byId("folders-said").textContent = error.message;
    }
  });
}

/** Ask which folders these pictures are to be in; throws what the server answers. */
export async function openFolders(pictures) {
  items = pictures;
  const known = (await folders()).map(({ name }) => name);
  byId("folders-list").replaceChildren(byId("folders-list").querySelector("legend"), ...known.map(choice));
  byId("folder-new").value = "";
  byId("folders-said").textContent = "";
  open(dialog);
}

/** One of the folders: on where all of the pictures are in it, neither on nor off where some are. */
function choice(name) {
  const within = items.filter(({ output }) => output.folders.includes(name)).length;
  const box = element("input", {
    type: "checkbox", value: name, checked: within === items.length, indeterminate: within > 0 && within < items.length,
  });
  return element("label", {}, box, ` ${name}`);
}

async function save() {
  const boxes = [...byId("folders-list").querySelectorAll("input")];
  const added = byId("folder-new").value.trim();
  const into = [...boxes.filter(({ checked }) => checked).map(({ value }) => value), ...(added ? [added] : [])];
  const left = boxes.filter(({ indeterminate }) => indeterminate).map(({ value }) => value); // as they are
  for (const { job, output } of items) {
    const kept = output.folders.filter((name) => left.includes(name));
    library.take(await mark(job, output, { folders: [...new Set([...into, ...kept])] }));
  }
}
