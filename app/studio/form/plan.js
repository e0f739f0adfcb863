// How many jobs and pictures the words make, told while they are typed, and asked about before many are sent.

import { getJson, postJson } from "../server/api.js";
import { byId, element, open } from "../page.js";

const PAUSE_MS = 500;
const MANY = 8;
const SEVERAL = /[{}]|--(r|repeat)\b|__\w/;
let [names, timer, rounds] = [new Set(), 0, 0];

/** Learn which wildcards there are; `asked()` answers the form's body, `isGroup()` whether it may be several jobs. */
export async function installPlan(asked, isGroup) {
  byId("ask").addEventListener("input", () => {
    clearTimeout(timer);
    rounds += 1;
    byId("plan-said").textContent = "";
    if (isGroup() && SEVERAL.test(byId("prompt").value)) timer = setTimeout(() => tell(asked(), rounds), PAUSE_MS);
  });
  const { data } = await getJson("/v1/wildcards");
  names = new Set(data.map(({ name }) => name));
}

/** Whether `text` names a wildcard of the server. */
export const hasWildcard = (text) => [...text.matchAll(/__([a-z0-9_/-]+?)__/g)].some(([, name]) => names.has(name));

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

async function tell(body, round) {
  const plan = await postJson("/v1/group-plans", body).catch(() => null); // what is wrong is said when it is sent
  if (plan && round === rounds) byId("plan-said").textContent = ` Makes ${count(plan.jobs, "job")}, ${count(plan.pictures, "picture")}.`;
}

/** Whether `body` is to be sent: asked of the person where it makes many jobs; throws what the server refuses. */
export async function isMeant(body) {
  const plan = await postJson("/v1/group-plans", body);
  if (plan.jobs <= MANY) return true;
  byId("plan-title").textContent = `Draw ${count(plan.pictures, "picture")}?`;
  byId("plan-prompts").replaceChildren(...plan.prompts.map((prompt) => element("li", { dir: "auto", textContent: prompt })));
  byId("plan-more").textContent = plan.jobs > plan.prompts.length ? `and ${plan.jobs - plan.prompts.length} more` : "";
  if (hasWildcard(body.prompt) && body.seed === undefined) byId("plan-more").append(" Wildcards will be chosen anew.");
  byId("plan-draw").textContent = `Draw ${plan.pictures}`;
  return new Promise((resolve) => {
    const dialog = byId("plan");
    let answer = false;
    byId("plan-draw").onclick = () => {
      answer = true;
      dialog.close();
    };
    byId("plan-close").onclick = () => dialog.close();
    dialog.addEventListener("close", () => resolve(answer), { once: true });
    open(dialog, () => byId("prompt"));
  });
}
