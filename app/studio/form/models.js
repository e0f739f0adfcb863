// The models that the server has, and the one that is chosen. Knows one field.

import { byId } from "../page.js";

const DRAWING = ["text-to-image", "image-to-image", "inpaint"];
let [models, every] = [[], []];

/** Whether a model draws: others enlarge pictures, cut them out or describe them. */
export const draws = (model) => model.tasks.some((task) => DRAWING.includes(task));

/** Take the server's list; answers those that draw. */
export function know(list) {
  [every, models] = [list, list.filter(draws)];
  return models;
}

/** Those that draw. */
export const drawingModels = () => models;

export const chosen = () => models.find((model) => model.id === byId("model").value);

/** The model of that id, or the chosen one if it is not offered any more. */
export const modelOf = (id) => models.find((model) => model.id === id) ?? chosen();

/** The model of that id, whatever it does; undefined where it is gone. */
export const knownModel = (id) => every.find((model) => model.id === id);

/** A model of the server that does it, or undefined. */
export const modelDoing = (task) => every.find((model) => model.tasks.includes(task));

/** Whether some model of the server does it. */
export const isDone = (task) => Boolean(modelDoing(task));

export const isOffered = (id) => models.some((model) => model.id === id);
