// What keys and buttons do with the selected photo, or with all that are marked: decide, undo, find similar ones.

import { status, wordOf } from "./card.js";
import { advance, aside, current, moves, select, unselect } from "./current.js";
import * as decisions from "./decisions.js";
import { shown } from "./dom.js";
import { filters, showCounts, showProgress, similarTo } from "./filters.js";
import { cards, generation, insert, loading, numbersOf, reload, remove } from "./list.js";
import { isMarked, mark, markedNumbers, unmark } from "./marks.js";
import { photos, showMessage } from "./message.js";
import { pickClass } from "./picker.js";

const UNSEEN_MS = 400; // nobody has seen and judged the next photo within this time
const REACTION_MS = 250; // a key this soon after a change isn't an answer to it
const surprises = new Map(); // row number -> when something else than a key or a click changed or selected it, in ms
let touches = 0; // increased by each key and click
let isSaving = false; // whether decisions about marked photos are being saved

export const touch = () => (touches += 1);
export const surprise = (number) => surprises.set(number, performance.now());

// Whether the page waits for decisions about many photos: until then keys and clicks do nothing.
export const isBusy = () => isSaving;

export function act(number, what, button = undefined, key = "") {
  const row = cards.get(number)?.row;
  if (what === "similar") return findSimilar(row);
  if (!row) return showMessage(loading ? "loading the next photos …" : "no photo is selected: j, k or a click selects one");
  if (isSurprise(number)) return undefined;
  if (isMarked(number)) return actOnMarked(what, key);
  if (what === "move") {
    aside();
    return pickClass(row, key, (label) => decide(number, "move", label, button));
  }
  if (what !== "suggestion") return decide(number, what, "", button);
  if (row.suggestion) return decide(number, "move", row.suggestion, button);
  return showMessage("there is no suggestion for this photo");
}

export function press(number, button, event) {
  if (!cards.has(number) || isSurprise(number)) return;
  const isPressed = button.getAttribute("aria-pressed") === "true" && button.dataset.act !== "move";
  // A button that was pressed by a key keeps the focus, on the next photo.
  const stays = event.detail === 0 ? button.dataset.act : undefined;
  if (isPressed) withdraw(number);
  else act(number, button.dataset.act, stays, "Enter");
}

// Whether a row changed so recently that the person can't have seen it; says so.
function isSurprise(number) {
  if (performance.now() - (surprises.get(number) ?? -Infinity) > REACTION_MS) return false;
  showMessage(`${elsewhere({ decision: decisions.decisionOf(cards.get(number).row) })}; press again to change it`, "error");
  return true;
}

export function elsewhere({ decision }) {
  const by = decision?.by && decision.by !== document.body.dataset.reviewer ? `by ${shown(decision.by)}` : "elsewhere";
  return `decided ${by} meanwhile: ${decision ? wordOf(decision) : "undone"}`;
}

function findSimilar(row) {
  if (!row?.has_features) return showMessage("the features of this photo are not stored: only those of the model's run are");
  location.hash = similarTo(row.photo);
}

// ---- one photo

async function decide(number, action, to = "", button = undefined) {
  const { row } = cards.get(number);
  const wasCurrent = number === current;
  const touched = touches;
  const at = performance.now();
  const answer = decisions.decide([{ row, action, to }]);
  const words = `${status(row)}; u: undo`;
  showMessage(words);
  if (wasCurrent) advance(number, words, button);
  const { error, counts, results } = await answer;
  if (counts) (decisions.pending() ? showProgress : showCounts)(counts); // several decisions in a row update the filters once
  const [{ outcome, row: now }] = results;
  if (decisions.isDone(outcome)) return;
  // Nothing was written. Go back to the photo, unless the person may be looking at the next one already.
  const isBack = touched === touches && performance.now() - at < UNSEEN_MS && cards.get(number)?.row === row;
  if (isBack) select(number);
  if (isBack && now) surprise(number);
  const name = isBack ? "" : `${shown(row.name)}: `;
  if (now) showMessage(`${name}${elsewhere(now)}${isBack ? "; press again to change it" : "; go back to it to change it"}`, "error");
  else if (error) showMessage(`${name}not saved: ${error}`, "error");
}

async function withdraw(number) {
  const { row } = cards.get(number);
  const { error, counts, results } = await decisions.withdraw(row);
  if (counts) showCounts(counts);
  const [{ outcome, row: now }] = results;
  if (outcome === "conflict") showMessage(`nothing is undone, ${shown(row.name)} was ${elsewhere(now)}`, "error");
  else if (error) showMessage(`not undone: ${error}`, "error");
  else showMessage(`undone: ${shown(row.name)} is ${status(row)} again`);
}

async function undoOne(entry) {
  const was = current;
  const listed = numbersOf([entry]); // a photo may be listed for several reasons
  const found = listed.includes(entry.number) ? entry.number : listed[0];
  const answer = decisions.undo();
  const mine = generation;
  if (found !== undefined) select(found);
  else aside(), unselect(); // no key decides until it is clear which photo is selected
  const moved = moves;
  showMessage(`undone: ${shown(entry.name)}${found === undefined ? "" : ` is ${status(cards.get(found).row)} again`}`);
  const { error, counts, results } = await answer;
  if (mine !== generation) return undefined;
  if (counts) showCounts(counts);
  const [{ outcome, row }] = results;
  if (row) decisions.learn(row, row.decision, decisions.changes());
  if (row && found !== undefined && !stays(row)) {
    unselectAny(listed);
    listed.forEach(remove);
  }
  if (found === undefined && moved === moves) {
    if (row?.is_listed) insert(row);
    const back = row && cards.has(row.number) ? row.number : was;
    if (cards.has(back)) select(back);
  }
  if (outcome === "conflict") return showMessage(`nothing is undone, ${shown(entry.name)} was ${elsewhere(row)}`, "error");
  if (error) return showMessage(`not undone: ${error}`, "error");
  return row && showMessage(`undone: ${shown(row.name)} is ${status(row)} again`);
}

// Whether a photo stays in the list after an undo: if the server lists it, or as any decided photo among the open ones.
const stays = (row) => row.is_listed || (filters.state === "open" && row.decision !== null);

function unselectAny(numbers) {
  if (!numbers.includes(current)) return;
  aside();
  unselect();
}

// ---- all marked photos

function actOnMarked(what, key) {
  const numbers = markedNumbers();
  if (what !== "move") return decideMarked(numbers, (row) => (what === "suggestion" ? row.suggestion && ["move", row.suggestion] : [what, ""]));
  aside();
  return pickClass({ label: "", suggestion: "" }, key, (to) => decideMarked(numbers, ({ label }) => (label === to ? ["keep", ""] : ["move", to])));
}

// Decide about some photos in one request; `choose` returns the action and the class of a row, or nothing for one that
// stays as it is. What can't be saved stays marked.
async function decideMarked(numbers, choose) {
  const choices = new Map(); // a photo may be listed for several reasons
  for (const number of numbers) {
    const { row } = cards.get(number);
    const [action, to] = choose(row) || [];
    if (action) choices.set(decisions.textOf(row), { row, action, to });
  }
  if (!choices.size) return showMessage("there is no suggestion for these photos");
  const mine = generation;
  const { error, counts, results } = await wait(`saving the decisions about ${photos(choices.size)} …`, decisions.decide([...choices.values()]));
  if (counts) showCounts(counts);
  if (mine !== generation) return error && showMessage(`not saved: ${error}`, "error");
  unmark();
  const failed = [...choices.values()].filter((_, i) => !decisions.isDone(results[i].outcome)).map(({ row }) => row.number);
  const saved = choices.size - failed.length;
  if (failed.length) {
    mark(failed);
    select(failed[0]);
    if (!error) failed.forEach(surprise);
    const others = `${saved.toLocaleString("en")} decided; ${photos(failed.length)} decided elsewhere meanwhile: still marked, press again to change them`;
    return showMessage(error ? `not saved: ${error}; all ${photos(failed.length)} are still marked` : others, "error");
  }
  const words = `${photos(saved)} decided; u: undo`;
  showMessage(words);
  return advance(numbers.at(-1), words);
}

// Undo decisions that were made together; the photos are marked again.
async function undoMany(entries) {
  const mine = generation;
  const { error, counts, results } = await wait(`undoing the decisions about ${photos(entries.length)} …`, decisions.undo());
  if (counts) showCounts(counts);
  if (error) return showMessage(`not undone: ${error}`, "error");
  const rows = results.filter(({ outcome }) => outcome === "written").map(({ row }) => row);
  for (const { row } of results) if (row) decisions.learn(row, row.decision, decisions.changes());
  const changed = entries.length - rows.length;
  const words = `undone: ${photos(rows.length)}${changed ? `; nothing is undone of ${photos(changed)} decided elsewhere meanwhile` : ""}`;
  const kind = changed ? "error" : "";
  if (mine !== generation) return showMessage(words, kind);
  const isAsListed = (row) => (cards.has(row.number) ? stays(row) : !row.is_listed);
  if (!rows.every(isAsListed)) await reload();
  else if (rows.length) {
    unmark();
    mark(rows.map(({ number }) => number).filter((number) => cards.has(number)));
    const [first] = markedNumbers();
    if (first !== undefined) select(first);
  }
  return showMessage(words, kind);
}

async function wait(words, answer) {
  isSaving = true;
  showMessage(words, "busy");
  try {
    return await answer;
  } finally {
    isSaving = false;
  }
}

// Undo what was decided last: one photo, or all that were decided together.
export function undo() {
  const entries = decisions.lastMade();
  if (!entries) return showMessage("this page has nothing to undo; press the coloured button of a photo to withdraw its decision");
  return entries.length > 1 ? undoMany(entries) : undoOne(entries[0]);
}
