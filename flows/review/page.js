// The page: keys, clicks, and what others decide meanwhile.

import { act, elsewhere, isBusy, press, surprise, touch, undo } from "./actions.js";
import { current, hasFocus, select, showFocus, step, stepRow } from "./current.js";
import * as decisions from "./decisions.js";
import { $, shown } from "./dom.js";
import { readHash, showCounts } from "./filters.js";
import { request } from "./http.js";
import { keyOf } from "./keys.js";
import { cards, generation, load, refillAll, reload, urlOf } from "./list.js";
import { markAll, markedNumbers, markNext, markTo, unmark } from "./marks.js";
import { photos, placeMessage, showMessage } from "./message.js";
import { changeSize } from "./size.js";
import { openHelp, openView } from "./view.js";

const POLL_MS = 30_000;
const wideScreen = matchMedia("(min-width: 52rem)");

// ---- other pages and reviewers, and a filter that ran again

async function catchUp() {
  if (document.hidden) return;
  const mine = generation;
  let news;
  const since = decisions.changes();
  try {
    await decisions.settled();
    news = await request(urlOf("news"));
  } catch {
    return; // the next decision says what is wrong
  }
  $("newer").hidden = !news.outdated;
  if (mine !== generation || decisions.pending()) return;
  const made = new Map(news.decisions.map((each) => [decisions.textOf(each), each.decision]));
  const changed = [...cards].filter(([, { row }]) => decisions.learn(row, made.get(decisions.textOf(row)) ?? null, since));
  for (const [number] of changed) surprise(number);
  refillAll(changed.map(([, { row }]) => row));
  showCounts(news.counts);
  if (changed.length === 1) showMessage(`${shown(changed[0][1].row.name)} was ${elsewhere({ decision: decisions.decisionOf(changed[0][1].row) })}`);
  if (changed.length > 1) showMessage(`${photos(changed.length)} were decided elsewhere meanwhile`);
}

addEventListener("focus", catchUp);
document.addEventListener("visibilitychange", catchUp);
setInterval(catchUp, POLL_MS);
$("reload").addEventListener("click", () => location.reload());

// ---- mouse

for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, touch, true);

$("list").addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (!card || isBusy()) return;
  const number = Number(card.dataset.number);
  const button = event.target.closest("button");
  if (event.shiftKey && !button) return markTo(number);
  if (button) {
    if (event.detail > 1) return;
    select(number, false);
    press(number, button, event);
  } else if (event.target.closest("figure")) openView(number);
  else {
    unmark();
    select(number);
  }
});
// The second click of a double click isn't meant: it would go back to the photo that the first one has decided.
$("list").addEventListener("mousedown", (event) => (event.detail > 1 || event.shiftKey) && event.preventDefault());
$("list").addEventListener("focusin", (event) => {
  const number = Number(event.target.closest(".card")?.dataset.number);
  if (cards.has(number) && number !== current && !isBusy()) select(number, false);
});
$("view").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.act === "close" || event.target === $("view")) $("view").close();
  else if (button && event.detail < 2 && !isBusy()) {
    if (event.detail) $("view").focus(); // after a click, keys act as everywhere
    press(current, button, event);
  }
});
for (const id of ["view", "move", "help"]) {
  $(id).addEventListener("close", () => {
    placeMessage();
    if (!hasFocus($("list")) && [document.body, null].includes(document.activeElement)) showFocus();
  });
}
$("undo").addEventListener("click", () => isBusy() || undo());
$("ask").addEventListener("click", openHelp);

// ---- keys

const keys = {
  j: () => step(1),
  k: () => step(-1),
  ArrowRight: () => step(1),
  ArrowLeft: () => step(-1),
  ArrowDown: () => ($("view").open ? step(1) : stepRow(1)),
  ArrowUp: () => ($("view").open ? step(-1) : stepRow(-1)),
  y: () => act(current, "keep"),
  Enter: () => act(current, "keep"),
  x: () => act(current, "reject"),
  m: () => act(current, "move", undefined, "m"),
  s: () => act(current, "suggestion"),
  u: () => undo(),
  a: markAll,
  f: () => act(current, "similar"),
  "+": () => changeSize(1),
  "=": () => changeSize(1),
  "-": () => changeSize(-1),
  Escape: unmark,
  v: () => {
    if ($("view").open) $("view").close();
    else if (cards.has(current)) openView(current);
    else act(current);
  },
  "?": openHelp,
};
keys[" "] = keys.v;

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("move").open || $("help").open) return;
  const at = event.target.closest("dialog:not([open])") ? document.body : event.target; // it keeps the focus for a moment
  if (at.closest("input")) return;
  const key = keyOf(event);
  const isHeld = event.repeat && !["j", "k"].includes(key) && !key.startsWith("Arrow"); // a held key decides only once
  if (at.closest("button, a, summary") && [" ", "Enter"].includes(event.key)) {
    if (isHeld) event.preventDefault();
    return; // the browser clicks the control
  }
  if (at.closest("nav") && event.key.startsWith("Arrow")) return; // the browser scrolls the list
  if (!Object.hasOwn(keys, key) || (key === "Escape" && (!markedNumbers().length || $("view").open))) return; // Esc closes the view
  event.preventDefault();
  if (isBusy()) return;
  const by = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[key];
  if (event.shiftKey && by) return markNext(by);
  if (!isHeld) keys[key]();
});

// ---- start

addEventListener("hashchange", () => {
  readHash();
  if (!wideScreen.matches) $("filters").open = false;
  scrollTo(0, 0);
  reload();
});
new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && load(), { rootMargin: "1500px" }).observe($("end"));
$("filters").open = wideScreen.matches;
wideScreen.addEventListener("change", () => ($("filters").open = wideScreen.matches));
decisions.connect(urlOf, refillAll);
readHash();
reload().then(catchUp);
