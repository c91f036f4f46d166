// The list of photos, which one is selected, and what keys and clicks do with it.
//
// At most one photo is selected, and it is the one that the person sees as current. Keys act on it and on nothing else:
// after a decision no photo is selected until the next one is found, and none after the last one. The focus is in the
// list only within the selected photo, so a browser that gives it back (after a dialog, or from another window) selects
// no other photo. Beside it, other photos may be marked: then keys act on all of them, and the selected one is one of
// them. To select another photo unmarks them.

import { about, pictures, refill, status, wordOf } from "./card.js";
import * as decisions from "./decisions.js";
import { $, make, named, shown } from "./dom.js";
import { filters, passes, readHash, showCounts, showProgress, similarTo } from "./filters.js";
import { request } from "./http.js";
import { keyOf } from "./keys.js";
import { pickClass } from "./picker.js";
import { changeSize, pictureSize } from "./size.js";

const POLL_MS = 30_000;
const UNSEEN_MS = 400; // nobody has seen and judged the next photo within this time
const MOST_MARKED = 2000; // photos that are marked at once
const REACTION_MS = 250; // a key this soon after a change isn't an answer to it
const cards = new Map(); // row number -> {row, node}, sorted by number
const hints = new Map([...$("hints").content.children].map((item) => [item.title, item.textContent])); // reason -> what it means
const wideScreen = matchMedia("(min-width: 52rem)");
let current = null; // number of the selected row, or null
let place = null; // number of the row that was selected last: j and k go on from there
let moves = 0; // increased by each change of the selection
let touches = 0; // increased by each key and click
let last = -1; // number of the last row of the list that was loaded
let highest = -1; // number of the last row in `cards`
let more = false;
let loading = null;
let hasFailed = false; // whether the last request for rows failed
const marked = new Set(); // numbers of the rows that are decided together
const surprises = new Map(); // row number -> when something else than a key or a click changed or selected it, in ms
let generation = 0; // increased by each reload: responses of an older generation are ignored

const urlOf = (what, given = {}) => `${what}?${new URLSearchParams({ ...filters, ...given, list: document.body.dataset.list })}`;

// ---- the list

async function reload() {
  const mine = ++generation;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  unselect();
  marked.clear();
  cards.clear();
  place = null;
  last = highest = -1;
  $("list").replaceChildren();
  loading = null;
  more = true;
  await load();
  const touched = current !== null || place !== null;
  // A photo with a decision is selected only by the person.
  const first = [...cards].find(([, { row }]) => !decisions.decisionOf(row));
  if (mine === generation && first && !touched) select(first[0], false);
}

function load() {
  if (!more || loading) return loading ?? Promise.resolve();
  const mine = generation;
  loading = (async () => {
    try {
      await decisions.settled(); // otherwise a photo decided a moment ago might be returned as open
      const since = decisions.changes();
      const page = await request(urlOf("rows", { after: last }));
      if (mine !== generation) return;
      for (const row of page.rows) {
        decisions.learn(row, row.decision, since);
        insert(row);
      }
      last = page.rows.at(-1)?.number ?? last;
      more = page.more;
      hasFailed = false;
      showCounts(page.counts);
    } catch (error) {
      if (mine !== generation) return;
      hasFailed = true;
      showMessage(error.message, true);
    } finally {
      if (mine === generation) loading = null;
    }
    if (mine !== generation) return;
    $("end").textContent = hasFailed ? "These photos could not be loaded; j tries again." : more ? "" : cards.size ? "End of the list." : "Nothing to review here.";
    if (more && !hasFailed && $("end").getBoundingClientRect().top < 2 * innerHeight) load(); // the observer reports only changes
  })();
  return loading;
}

// Put a row at its place in the list.
function insert(row) {
  if (cards.has(row.number)) return;
  const next = row.number > highest ? undefined : [...cards.keys()].find((number) => number > row.number);
  highest = Math.max(highest, row.number);
  const before = next === undefined ? null : cards.get(next).node;
  const sections = [...$("list").children];
  let section = before ? before.closest("section") : sections.at(-1);
  if (section?.reason !== row.section) section = before && section === sections[0] ? null : before ? sections[sections.indexOf(section) - 1] : null;
  if (section?.reason !== row.section) {
    const id = `reason-${row.number}`;
    section = make("section", { reason: row.section }, make("h2", { id }, named(row.section || titleOf(row))), ...hint(row.section), make("ul", {}));
    section.setAttribute("aria-labelledby", id);
    section.lastChild.setAttribute("role", "list"); // some screen readers ignore lists without bullets
    $("list").insertBefore(section, before ? before.closest("section") : null);
  }
  const node = make("li", { className: "card", tabIndex: -1 });
  node.dataset.number = row.number;
  section.lastChild.insertBefore(node, before?.parentNode === section.lastChild ? before : null);
  const later = next === undefined ? [] : [...cards].filter(([number]) => number > row.number);
  for (const [number] of later) cards.delete(number);
  for (const [number, card] of [[row.number, { row, node }], ...later]) cards.set(number, card);
  fill(row.number);
}

// The heading of photos in another order than by reason or class.
function titleOf(row) {
  if (filters.order !== "similar") return filters.order === "sure" ? "The model is most sure of these" : "The model is least sure of these";
  return row.photo === filters.like ? `Similar to ${row.name}` : "Similar photos";
}

function hint(reason) {
  return hints.has(reason) ? [make("p", { className: "muted", textContent: hints.get(reason) })] : [];
}

function fill(number) {
  const { row, node } = cards.get(number);
  const kinds = [decisions.decisionOf(row)?.action ?? "undecided", row.duplicate_of && "pair", marked.has(number) && "marked"];
  node.className = ["card", ...kinds.filter(Boolean)].join(" ");
  node.setAttribute("aria-label", `${shown(row.label)}, ${[row.reason, row.score, row.answer].filter(Boolean).map(shown).join(", ")}, ${status(row)}, ${shown(row.name)}`);
  if (!node.firstChild) node.append(make("div", { className: "pictures" }, ...pictures(row, pictureSize())));
  refill(node, node.firstChild, ...about(row)); // the images are kept, otherwise they would flicker
  for (const button of node.querySelectorAll("button")) button.tabIndex = number === current ? 0 : -1;
  if ($("view").open && number === current) view();
}

function refillAll(key) {
  for (const [number, { row }] of cards) if (isSame(row, key)) fill(number);
}

const isSame = (one, other) => one.photo === other.photo && one.label === other.label;

// ---- selection

const hasFocus = (node) => node.contains(document.activeElement);

function unselect() {
  const card = cards.get(current);
  current = null;
  moves += 1;
  if (!card) return;
  card.node.tabIndex = -1;
  card.node.removeAttribute("aria-current");
  for (const button of card.node.querySelectorAll("button")) button.tabIndex = -1;
}

// Select a row. With `focus` it gets the focus and is scrolled into view; `button` focuses one of its buttons instead.
function select(number, focus = true, button = undefined) {
  const { node } = cards.get(number);
  if (!marked.has(number)) unmark();
  if (!hasFocus(node)) aside();
  unselect();
  current = place = number;
  moves += 1;
  node.tabIndex = 0;
  node.setAttribute("aria-current", "true");
  for (const each of node.querySelectorAll("button")) each.tabIndex = 0;
  if (focus) showFocus(button);
  if ($("view").open) view();
}

function showFocus(button) {
  const node = cards.get(current)?.node;
  if (!node) return;
  const at = (button && node.querySelector(`[data-act=${button}]`)) || node;
  if (!document.querySelector("dialog[open]")) at.focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest" });
}

async function step(by) {
  unmark();
  const mine = moves;
  for (;;) {
    const numbers = [...cards.keys()];
    const here = numbers.indexOf(place);
    const next = numbers[current === null && by < 0 && here >= 0 ? here : here + by]; // k goes back to the last photo
    if (next !== undefined) return select(next);
    if (by < 0 || !more) return undefined;
    await load();
    if (mine !== moves || hasFailed) return undefined;
  }
}

async function stepRow(by) {
  unmark();
  const here = cards.get(current)?.node.getBoundingClientRect();
  if (!here) return step(by);
  const all = [...cards].map(([number, { node }]) => ({ number, box: node.getBoundingClientRect() }));
  const beyond = all.filter(({ box }) => by * (box.top - here.top) > 2);
  if (!beyond.length) {
    if (by < 0 || !more) return undefined;
    const mine = moves;
    await load();
    return mine === moves && !hasFailed ? stepRow(by) : undefined;
  }
  const top = by > 0 ? Math.min(...beyond.map(({ box }) => box.top)) : Math.max(...beyond.map(({ box }) => box.top));
  const line = beyond.filter(({ box }) => Math.abs(box.top - top) <= 2);
  line.sort((one, other) => Math.abs(one.box.left - here.left) - Math.abs(other.box.left - here.left));
  return select(line[0].number);
}

// Select the next photo after a decision: the next without one, or among the reviewed ones just the next.
async function advance(words, button) {
  aside();
  unselect();
  const mine = moves;
  const isWanted = filters.state === "reviewed" ? () => true : ({ row }) => !decisions.decisionOf(row);
  for (;;) {
    const next = [...cards].find(([number, card]) => number > place && isWanted(card));
    if (next) return select(next[0], true, button);
    if (!more) break;
    if ($("view").open) view();
    await load();
    if (mine !== moves || hasFailed) return undefined;
  }
  $("view").close();
  return showMessage(`${words}; that was the end of the list, k: go back`, false);
}

// ---- several photos at once

function mark(numbers) {
  for (const number of numbers) marked.add(number);
  for (const number of numbers) fill(number);
  if (marked.size) showMessage(`${marked.size} photos are marked: y, x, s or m decides about all of them, Esc unmarks them`, false);
}

function unmark() {
  const were = [...marked].filter((number) => cards.has(number));
  marked.clear();
  were.forEach(fill);
}

// Mark all photos between the selected one and another one, and select that.
function markTo(number) {
  const numbers = [...cards.keys()];
  const [first, last] = [numbers.indexOf(current ?? number), numbers.indexOf(number)].sort((one, other) => one - other);
  mark(numbers.slice(first, last + 1));
  select(number, false);
}

async function markNext(by) {
  if (current === null) return;
  const from = current;
  const numbers = [...cards.keys()];
  const next = numbers[numbers.indexOf(from) + by];
  mark(next === undefined ? [from] : [from, next]);
  if (next !== undefined) select(next);
  else if (by > 0 && more) {
    await load();
    if (current === from && [...cards.keys()].at(-1) !== from) markNext(by);
  }
}

// Mark all photos of the list without a decision, also those that have not been loaded yet.
async function markAll() {
  const mine = generation;
  while (more && cards.size < MOST_MARKED && !hasFailed && mine === generation) {
    showMessage("loading the photos of this list …", false);
    await load();
  }
  if (mine !== generation || hasFailed) return;
  if (more) return showMessage(`more than ${MOST_MARKED.toLocaleString("en")} photos; choose a class or another filter first`, false);
  const open = [...cards].filter(([, { row }]) => !decisions.decisionOf(row)).map(([number]) => number);
  if (!open.length) return showMessage("no photo of this list is without a decision", false);
  mark(open);
  if (!marked.has(current)) select(open[0]);
}

function actOnMarked(what, key) {
  const numbers = [...cards.keys()].filter((number) => marked.has(number));
  if (what !== "move") return decideMarked(numbers, (row) => (what === "suggestion" ? row.suggestion && ["move", row.suggestion] : [what, ""]));
  aside();
  return pickClass({ label: "", suggestion: "" }, key, (to) => decideMarked(numbers, ({ label }) => (label === to ? ["keep", ""] : ["move", to])));
}

// Decide about some photos; `choose` returns the action and the class of a row, or nothing for one that stays as it is.
function decideMarked(numbers, choose) {
  const batch = `${Date.now()}`;
  let count = 0;
  for (const number of numbers) {
    const choice = choose(cards.get(number).row);
    if (!choice) continue;
    submit(number, ...choice, batch);
    count += 1;
  }
  if (!count) return showMessage("there is no suggestion for these photos", false);
  unmark();
  place = numbers.at(-1);
  const words = `${count} photos decided; u: undo`;
  showMessage(words, false);
  return advance(words);
}

// ---- deciding

function decide(number, action, to = "", button = undefined) {
  const wasCurrent = number === current;
  submit(number, action, to);
  const words = `${status(cards.get(number).row)}; u: undo`;
  showMessage(words, false);
  if (wasCurrent) advance(words, button);
}

function submit(number, action, to, batch = "") {
  const { row } = cards.get(number);
  const touched = touches;
  const at = performance.now();
  decisions.decide(row, action, to, batch).then(({ error, conflict, counts }) => {
    if (counts) (decisions.pending() ? showProgress : showCounts)(counts); // several decisions in a row update the filters once
    if (error === undefined) return;
    // Nothing was written. Go back to the photo, unless the person may be looking at the next one already.
    const isBack = touched === touches && performance.now() - at < UNSEEN_MS && cards.get(number)?.row === row;
    if (isBack) select(number);
    if (isBack && conflict) surprises.set(number, performance.now());
    const name = isBack ? "" : `${shown(row.name)}: `;
    if (conflict) showMessage(`${name}${elsewhere(conflict)}${isBack ? "; press again to change it" : "; go back to it to change it"}`, true);
    else if (error) showMessage(`${name}not saved: ${error}`, true);
  });
}

function elsewhere({ decision }) {
  const by = decision?.by && decision.by !== document.body.dataset.reviewer ? `by ${shown(decision.by)}` : "elsewhere";
  return `decided ${by} meanwhile: ${decision ? wordOf(decision) : "undone"}`;
}

// Undo what was decided last: one photo, or all that were decided together.
async function undo() {
  const entry = decisions.lastMade();
  await undoOne();
  const next = decisions.lastMade();
  if (entry?.batch && next !== entry && next?.batch === entry.batch) await undo();
}

async function undoOne() {
  const entry = decisions.lastMade();
  if (!entry) return showMessage("this page has nothing to undo; press the coloured button of a photo to withdraw its decision", false);
  const was = current;
  const same = [...cards].filter(([, { row }]) => isSame(row, entry));
  const found = same.find(([number]) => number === entry.number) ?? same[0]; // a photo may be listed for several reasons
  const answer = decisions.undo();
  const mine = generation;
  if (found) select(found[0]);
  else aside(), unselect(); // no key decides until it is clear which photo is selected
  const moved = moves;
  showMessage(`undone: ${shown(entry.name)}${found ? ` is ${status(found[1].row)} again` : ""}`, false);
  const { changed, conflict, error, counts } = await answer;
  if (mine !== generation) return undefined;
  if (counts) showCounts(counts);
  const row = changed ?? conflict;
  if (row) decisions.learn(row, row.decision, decisions.changes());
  if (!found && moved === moves) {
    if (row && passes(row, row.decision)) insert(row);
    const back = row && cards.has(row.number) ? row.number : was;
    if (cards.has(back)) select(back);
  }
  if (conflict) return showMessage(`nothing is undone, ${shown(entry.name)} was ${elsewhere(conflict)}`, true);
  if (error !== undefined) return error && showMessage(`not undone: ${error}`, true);
  return showMessage(`undone: ${shown(changed.name)} is ${status(changed)} again`, false);
}

async function withdraw(number) {
  const { row } = cards.get(number);
  const { conflict, error, counts } = await decisions.withdraw(row);
  if (counts) showCounts(counts);
  if (conflict) showMessage(`nothing is undone, ${shown(row.name)} was ${elsewhere(conflict)}`, true);
  else if (error) showMessage(`not undone: ${error}`, true);
  else showMessage(`undone: ${shown(row.name)} is ${status(row)} again`, false);
}

// Whether a row changed so recently that the person can't have seen it; says so.
function isSurprise(number) {
  if (performance.now() - (surprises.get(number) ?? -Infinity) > REACTION_MS) return false;
  showMessage(`${elsewhere({ decision: decisions.decisionOf(cards.get(number).row) })}; press again to change it`, true);
  return true;
}

function act(number, what, button = undefined, key = "") {
  const row = cards.get(number)?.row;
  if (what === "similar") return findSimilar(row);
  if (marked.has(number)) return actOnMarked(what, key);
  if (!row) return showMessage(loading ? "loading the next photos …" : "no photo is selected: j, k or a click selects one", false);
  if (isSurprise(number)) return undefined;
  if (what === "move") {
    aside();
    return pickClass(row, key, (label) => decide(number, "move", label, button));
  }
  if (what !== "suggestion") return decide(number, what, "", button);
  if (row.suggestion) return decide(number, "move", row.suggestion, button);
  return showMessage("there is no suggestion for this photo", false);
}

function findSimilar(row) {
  if (!row?.has_features) return showMessage("the features of this photo are not stored: only those of the model's run are", false);
  location.hash = similarTo(row.photo);
}

function press(number, button, event) {
  if (!cards.has(number) || isSurprise(number)) return;
  const isPressed = button.getAttribute("aria-pressed") === "true" && button.dataset.act !== "move";
  // A button that was pressed by a key keeps the focus, on the next photo.
  const stays = event.detail === 0 ? button.dataset.act : undefined;
  if (isPressed) withdraw(number);
  else act(number, button.dataset.act, stays, "Enter");
}

let messageTimer = 0;
function showMessage(text, isError) {
  clearTimeout(messageTimer);
  $("said").textContent = text;
  $("said").className = isError ? "error" : "";
  placeMessage();
  if (!isError) messageTimer = setTimeout(() => ($("said").textContent = ""), 5000);
}

function placeMessage() {
  const host = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body; // elements behind a dialog are inert
  if ($("said").parentNode !== host) host.append($("said"));
}

// ---- dialogs and the larger view

// Take the focus out of the list before a dialog opens: when it closes, the browser gives the focus back.
function aside() {
  if (hasFocus($("list"))) document.activeElement.blur();
}

function view() {
  const card = cards.get(current);
  const [stage, words] = $("view").children;
  const key = `${current} ${generation}`;
  if (stage.dataset.key !== key) {
    stage.dataset.key = key;
    stage.replaceChildren(...(card ? pictures(card.row, "large") : [make("p", { className: "muted", textContent: "loading …" })]));
  }
  const close = make("button", { type: "button", className: "close", textContent: "Close" });
  close.dataset.act = "close";
  refill(words, ...(card ? about(card.row) : []), close);
  words.className = `about ${(card && decisions.decisionOf(card.row)?.action) ?? "undecided"}`;
  for (const button of words.querySelectorAll("button")) button.tabIndex = 0;
}

function openView(number) {
  select(number, false);
  aside();
  $("view").showModal();
  $("view").focus(); // not its first button, which Enter would press
  view();
}

function openHelp() {
  aside();
  $("help").showModal();
}

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
  const made = new Map(news.decisions.map(({ photo, label, decision }) => [`${photo} ${label}`, decision]));
  const changed = [...cards].filter(([, { row }]) => decisions.learn(row, made.get(`${row.photo} ${row.label}`) ?? null, since));
  for (const [number, { row }] of changed) {
    surprises.set(number, performance.now());
    refillAll(row);
  }
  showCounts(news.counts);
  if (changed.length === 1) showMessage(`${shown(changed[0][1].row.name)} was ${elsewhere({ decision: decisions.decisionOf(changed[0][1].row) })}`, false);
  if (changed.length > 1) showMessage(`${changed.length} photos were decided elsewhere meanwhile`, false);
}

addEventListener("focus", catchUp);
document.addEventListener("visibilitychange", catchUp);
setInterval(catchUp, POLL_MS);
$("reload").addEventListener("click", () => location.reload());

// ---- mouse and keys

for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => (touches += 1), true);

$("list").addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (!card) return;
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
  if (cards.has(number) && number !== current) select(number, false);
});
$("view").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.act === "close" || event.target === $("view")) $("view").close();
  else if (button && event.detail < 2) {
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
$("undo").addEventListener("click", () => undo());
$("ask").addEventListener("click", openHelp);

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
  if (!Object.hasOwn(keys, key) || (key === "Escape" && (!marked.size || $("view").open))) return; // Esc closes the view
  event.preventDefault();
  const by = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[key];
  if (event.shiftKey && by) return markNext(by);
  if (!isHeld) keys[key]();
});

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
