// One photo at a time: its proposed class, the classes by key, and what keys and clicks do with it.
//
// An answer is sent, and the next photo is shown at once, because the server has sent some in advance. Answers are sent in
// order. If one can't be saved, the page shows its photo again.

import { $, make, named, shown } from "./dom.js";
import { request } from "./http.js";
import { keyOf } from "./keys.js";
import { pickClass } from "./picker.js";

const POLL_MS = 2000;
const PLACES = [
  ...[..."1234567890"].map((digit) => [`Digit${digit}`, digit]),
  ...[..."qwertyuiopasdfghjkl"].map((letter) => [`Key${letter.toUpperCase()}`, letter]),
]; // the place of a key, and what is printed on it on a Latin keyboard
const placeOf = new Map(PLACES.map(([place], i) => [place, i]));
let state = null; // what the server said last
let upcoming = []; // the photos that it has sent, the current one first
let writing = Promise.resolve();
let unsent = 0;
let drawn = ""; // the classes and proposals that are shown

function take(next) {
  state = next;
  if (!unsent) upcoming = next.next;
  show();
}

function show() {
  const { counts } = state;
  const answered = counts.label + counts.none + counts.skipped;
  const left = counts.total - answered - counts.unreadable;
  const more = [`${counts.label} of ${counts.total} labelled`];
  if (counts.none) more.push(`${counts.none} of no class`);
  if (counts.skipped) more.push(`${counts.skipped} skipped`);
  if (counts.unreadable) more.push(`${counts.unreadable} can't be read`);
  if (counts.known + counts.unreadable < counts.total) more.push(`${counts.known} looked at`);
  $("progress").textContent = more.join(" · ");
  $("bar").value = counts.total ? answered / counts.total : 1;
  $("undo").disabled = !state.undoable;
  const row = upcoming[0];
  $("actions").hidden = !row;
  $("end").textContent = row ? "" : unsent ? "saving …" : left > 0 ? "no photo that can be shown is left" : "All photos have an answer. Ctrl-C in the terminal stops the page.";
  if ($("photo").dataset.photo !== (row?.photo ?? "")) {
    $("photo").dataset.photo = row?.photo ?? "";
    $("photo").replaceChildren(...(row ? [picture(row.photo), make("p", { className: "name", title: shown(row.name) }, named(row.name))] : []));
    for (const { photo } of upcoming.slice(1)) new Image().src = addressOf(photo);
  }
  showProposals(row);
}

function showProposals(row) {
  const proposals = row?.proposals ?? [];
  const content = JSON.stringify([state.classes, proposals]);
  if (content === drawn) return; // a button that has the focus keeps it
  drawn = content;
  const [first] = proposals;
  $("accept").disabled = !first;
  $("accept").replaceChildren(...(first ? [named(first.label), ` ${percent(first)} `, make("kbd", { textContent: "Enter" })] : ["no proposal yet"]));
  const probability = new Map(proposals.map((one) => [one.label, one]));
  $("keys").replaceChildren(
    ...state.classes.map((label, i) => {
      const found = probability.get(label);
      const node = make("button", { type: "button", className: found ? "proposed" : "" });
      if (PLACES[i]) node.append(make("kbd", { textContent: PLACES[i][1] }));
      node.append(named(label));
      if (found) node.append(make("span", { className: "count", textContent: percent(found) }));
      node.label = label;
      return make("li", {}, node);
    }),
  );
}

const percent = ({ probability }) => `${Math.round(100 * probability)} %`;
const addressOf = (photo) => `picture/${encodeURIComponent(photo)}/large`;

function picture(photo) {
  const image = make("img", { alt: "the photo" });
  image.addEventListener("error", () => image.replaceWith(make("span", { className: "gone", textContent: "can't be shown: it is damaged, or was deleted" })));
  image.src = addressOf(photo);
  return image;
}

function say(text, isError) {
  $("said").className = isError ? "error" : "";
  $("said").textContent = text;
}

function post(what, body) {
  unsent += 1;
  writing = writing.then(async () => {
    let next;
    try {
      next = await request(what, { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
      if (next.said) say(next.said, false);
    } catch (error) {
      say(error.message, true);
      next = error.body?.state;
    }
    unsent -= 1;
    if (next) take(next);
    else if (!unsent) await refresh(); // the photo without an answer comes back
  });
}

async function refresh() {
  try {
    take(await request("state"));
  } catch (error) {
    say(error.message, true);
  }
}

function answer(kind, label = "") {
  const row = upcoming.shift();
  if (!row) return;
  say({ label: `${shown(label)}`, none: "no class of ours", skipped: "skipped" }[kind], false);
  show();
  post("answer", { photo: row.photo, kind, label, shown: row.answer });
}

function type(key) {
  const photo = upcoming[0]?.photo;
  if (!photo) return;
  const chosen = (label) => {
    if (upcoming[0]?.photo === photo) answer("label", label);
    else say("another photo is shown now: nothing was labelled", true);
  };
  pickClass({ label: "", suggestion: "" }, key, chosen, state.classes);
}

const acts = {
  accept: () => upcoming[0]?.proposals[0] && answer("label", upcoming[0].proposals[0].label),
  type,
  none: () => answer("none"),
  skip: () => answer("skipped"),
  undo: () => post("undo", {}),
  help: () => $("help").showModal(),
};
const byKey = { Enter: "accept", n: "type", x: "none", " ": "skip", Backspace: "undo", z: "undo", "?": "help" };

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || event.detail > 1 || button.closest("dialog")) return;
  if (button.label !== undefined) answer("label", button.label);
  else if (button.dataset.act) acts[button.dataset.act]();
  if (event.detail) $("photo").focus({ preventScroll: true }); // after a click, Enter accepts and Space skips
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !state) return;
  if ($("move").open || $("help").open) return;
  if (event.target.closest("button") && ["Enter", " "].includes(event.key)) return; // the browser clicks it
  // Classes go by the place of the key. On the numeric pad, and where a program sends no place, by the digit.
  const place = placeOf.get(event.code.replace("Numpad", "Digit")) ?? (event.code ? undefined : placeOf.get(`Digit${event.key}`));
  const isClass = place !== undefined && !event.shiftKey;
  const key = /^Key[NXZ]$/.test(event.code) ? event.code.at(3).toLowerCase() : keyOf(event);
  if (!isClass && (!Object.hasOwn(byKey, key) || (event.shiftKey && key !== "?"))) return;
  event.preventDefault();
  if (event.repeat) return; // a held key answers only once
  if (!isClass) acts[byKey[key]](key);
  else if (state.classes[place] !== undefined) answer("label", state.classes[place]);
  else say("no class has this key", false);
});

async function poll() {
  const { counts } = state ?? {};
  if (!unsent && (!counts || counts.known + counts.unreadable < counts.total || document.hasFocus())) {
    const first = upcoming[0]?.photo;
    try {
      const next = await request("state");
      if (!unsent && upcoming[0]?.photo === first) take(next);
    } catch (error) {
      say(error.message, true);
    }
  }
  setTimeout(poll, POLL_MS);
}

addEventListener("beforeunload", (event) => unsent && event.preventDefault());
poll();
