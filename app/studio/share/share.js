// Sharing: an address that shows a picture to whoever has it, and taking it back.

import { byId, copy, element, open } from "../page.js";
import { getJson, postJson, remove } from "../server/api.js";

const dialog = byId("share");
const HINT = "Whoever has the address sees the picture, its prompt and its recipe, until you withdraw it or the picture goes.";
let [picture, shares, wired] = [null, [], false];

const dateOf = (time) => new Date(time).toLocaleDateString();
const ofPicture = () => shares.find(({ generation, index }) => generation === picture.job.id && index === picture.output.index);

/** Ask what to do about sharing this picture; without one, show all that is shared. Throws what the server answers. */
export async function openShare(job = null, output = null) {
  wire();
  const [{ public_gallery: hasGallery }, { data }] = await Promise.all([getJson("/v1/server"), getJson("/v1/shares")]);
  picture = job && { job, output };
  shares = data;
  byId("share-title").textContent = job ? "Share this picture" : "What you share";
  byId("share-one").hidden = !job;
  byId("share-listed-row").hidden = !hasGallery;
  byId("share-gallery").href = "/gallery"; // there is none to be linked to where this is hidden
  byId("share-listed").checked = Boolean(job && ofPicture()?.listed);
  byId("share-all").open = !job;
  said("");
  tell();
  open(dialog);
  byId("share-title").focus();
}

/** Wired when it is first opened: most visits share nothing. */
function wire() {
  if (wired) return;
  wired = true;
  byId("share-close").addEventListener("click", () => dialog.close());
  byId("share-make").addEventListener("click", () => make("Here is its address."));
  byId("share-listed").addEventListener("change", () => ofPicture() && make(byId("share-listed").checked ? "It is in the gallery." : "It is in the gallery no more."));
  byId("share-withdraw").addEventListener("click", () => withdraw(ofPicture()));
  byId("share-copy").addEventListener("click", orSay(async () => {
    await copy(byId("share-link").value);
    said("Copied.");
  }));
}

const orSay = (action) => async (...given) => {
  try {
    await action(...given);
  } catch (error) {
    said(error.message, true);
  }
};

const make = orSay(async (words) => {
  const { job, output } = picture;
  const made = await postJson("/v1/shares", { generation: job.id, index: output.index, listed: byId("share-listed").checked });
  shares = [made, ...shares.filter(({ id }) => id !== made.id)];
  tell();
  said(words);
  byId("share-copy").focus();
});

const withdraw = orSay(async ({ id }) => {
  await remove(`/v1/shares/${id}`);
  shares = shares.filter((share) => share.id !== id);
  tell();
  said("Withdrawn: nobody sees it at that address any more.");
  (picture ? byId("share-make") : byId("share-title")).focus();
});

function said(words, wrong = false) {
  byId("share-said").textContent = words;
  byId("share-said").classList.toggle("wrong", wrong);
}

function tell() {
  const share = picture && ofPicture();
  byId("share-link-row").hidden = !share;
  byId("share-link").value = share ? share.url : "";
  for (const [name, isShown] of [["make", !share], ["copy", share], ["withdraw", share]]) byId(`share-${name}`).hidden = !isShown;
  if (picture) byId("share-hint").textContent = HINT + untilWhen(picture.job);
  byId("share-count").textContent = shares.length ? `(${shares.length})` : "(nothing)";
  byId("share-list").replaceChildren(...shares.map(row));
}

const untilWhen = ({ expires_at: time }) =>
  time ? ` This one is removed on ${dateOf(time)}, unless it is a favourite or in a folder.` : "";

function row(share) {
  const small = element("img", { src: `/s/${share.id}/small`, alt: "", loading: "lazy", width: 48, height: 48 });
  const link = element("a", { href: share.url, target: "_blank", rel: "noopener" }, small, `Shared on ${dateOf(share.created_at)}`);
  const button = element("button", { type: "button", className: "quiet danger", textContent: "Withdraw" });
  button.setAttribute("aria-label", `Withdraw what was shared on ${dateOf(share.created_at)}`);
  button.addEventListener("click", () => withdraw(share));
  return element("li", {}, link, element("span", { className: "hint", textContent: share.listed ? "in the gallery" : "" }), button);
}
