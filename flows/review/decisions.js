// What this page decides: shown at once, sent in order, and undone last first.
//
// A change is shown before the server has logged it. Photos that are decided together are one request, of which the
// server writes all or nothing. Each change says which decision the page had shown for its photo; if the log has another
// one meanwhile, the server leaves that photo out and returns its decision.

import { request } from "./http.js";

const KEPT_AT_RELOAD = 5000; // changes that a reloaded page can undo
const KEEPALIVE_BYTES = 60_000; // a browser refuses longer requests that outlive their page
const photos = new Map(); // text of a key -> {known: the decision that the server told last, last: the last change, at}
// What this page itself has logged, in order: lists of {photo, label, name, number, before, made}, one for each request.
const undoable = restored();
let writing = Promise.resolve();
let unsent = 0;
let count = 0; // of the requests so far
let urlOf; // makes the address of a request
let refresh; // called with the keys whose decision is shown differently now

export function connect(address, changed) {
  urlOf = address;
  refresh = changed;
}

export const pending = () => unsent;
export const settled = () => writing;
export const changes = () => count;
export const textOf = ({ photo, label }) => `${photo} ${label}`;

const isEqual = (one, other) => one?.action === other?.action && (one?.to ?? "") === (other?.to ?? "");

function stateOf(key) {
  const text = textOf(key);
  if (!photos.has(text)) photos.set(text, { known: null, last: null, at: -1 });
  return photos.get(text);
}

// The decision that the page shows for a photo, or null.
export function decisionOf(key) {
  const { known, last } = stateOf(key);
  return last ? last.decision : known;
}

// Take what the server says about a photo; `since` is changes() when it was asked. Returns whether the page shows another
// decision now.
export function learn(key, decision, since) {
  const state = stateOf(key);
  if (state.last || state.at > since) return false; // the answer is older than a change of this page
  const isNew = !isEqual(state.known, decision);
  state.known = decision;
  state.at = since;
  return isNew;
}

// The decision that the page had shown before a change, once all changes before it have been answered.
const shownBefore = ({ prior, base }) => (!prior ? base : prior.ok ? prior.result : shownBefore(prior));

// Show changes of different photos, each {key, decision, bodyOf}, and send them together after all others. `bodyOf`
// returns what to send, or undefined to leave the photo out, because the change that it follows has failed.
// The promise has {error, counts, results}, with a result {outcome, row} for each change: `written`, `same` (it was in
// the log), `conflict` (the log had another decision), `unsent`, or `failed` with an error: then nothing was written.
function send(what, wanted) {
  const made = wanted.map(({ key, decision, bodyOf }) => {
    const state = stateOf(key);
    const change = { key, state, decision, bodyOf, prior: state.last, base: state.known, ok: false, result: null };
    state.last = change;
    return change;
  });
  const to = urlOf(what);
  count += 1;
  unsent += 1;
  const done = writing.then(() => post(to, made)).then(({ error, counts, results }) => {
    made.forEach((change, i) => settle(change, results[i]));
    unsent -= 1;
    refresh(made.map(({ key }) => key));
    return { error, counts, results };
  });
  writing = done;
  refresh(made.map(({ key }) => key));
  return done;
}

async function post(to, made) {
  const bodies = made.map((change) => change.bodyOf(shownBefore(change)));
  const results = made.map((_, i) => ({ outcome: bodies[i] ? "failed" : "unsent" }));
  const sent = results.filter(({ outcome }) => outcome === "failed");
  if (!sent.length) return { results };
  const changes = made.map(({ key }, i) => bodies[i] && { ...bodies[i], photo: key.photo, label: key.label }).filter(Boolean);
  const body = JSON.stringify({ changes });
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await request(to, { method: "POST", keepalive: body.length < KEEPALIVE_BYTES, headers, body });
    answer.changed.forEach((row, i) => Object.assign(sent[i], { outcome: row.outcome, row }));
    return { counts: answer.counts, results };
  } catch (error) {
    return { error: error.message, results };
  }
}

function settle(change, { outcome, row }) {
  const { state } = change;
  change.base = shownBefore(change);
  change.ok = isDone(outcome);
  if (row) state.known = change.result = row.decision;
  state.at = count;
  change.prior = null;
  if (state.last === change) state.last = null;
}

// Whether the log has what was wanted.
export const isDone = (outcome) => outcome === "written" || outcome === "same";

// Decide about different photos, each {row, action, to}; they are undone together.
export function decide(choices) {
  const entries = choices.map(({ row }) => ({ photo: row.photo, label: row.label, name: row.name, number: row.number, before: decisionOf(row), made: null }));
  const isNew = choices.some(({ action, to }, i) => !isEqual(entries[i].before, { action, to }));
  const done = send(
    "decide",
    choices.map(({ row, action, to }) => ({ key: row, decision: { action, to }, bodyOf: (shown) => ({ action, to, shown }) })),
  );
  if (isNew) undoable.push(entries);
  return done.then((answer) => {
    answer.results.forEach(({ outcome, row }, i) => (entries[i].made = outcome === "written" ? row.decision : null));
    const written = entries.filter(({ made }) => made);
    const at = undoable.indexOf(entries);
    if (at >= 0) undoable.splice(at, 1, ...(written.length ? [written] : []));
    else if (!isNew && written.length) undoable.push(written); // an earlier change of this photo had failed
    store();
    return answer;
  });
}

// Withdraw the decision that the page shows for a photo, whoever made it: the person has chosen this photo.
export function withdraw(row) {
  const bodyOf = (shown) => {
    const isIt = (entry) => textOf(entry) === textOf(row) && entry.made?.row === shown?.row;
    const at = undoable.findLastIndex((entries) => entries.some(isIt));
    const left = undoable[at]?.filter((entry) => !isIt(entry)) ?? [];
    if (at >= 0) undoable.splice(at, 1, ...(left.length ? [left] : []));
    return shown ? { shown } : undefined;
  };
  return send("undo", [{ key: row, decision: null, bodyOf }]).then((answer) => (store(), answer));
}

// What `undo` cancels next, a list of {photo, label, name, number, before}; or undefined.
export const lastMade = () => undoable.at(-1);

// Cancel what this page itself has logged last: one decision, or all that were made together.
export function undo() {
  const entries = undoable.pop();
  const bodyOf = (entry) => () => (entry.made ? { shown: entry.made } : undefined);
  const done = send("undo", entries.map((entry) => ({ key: entry, decision: entry.before, bodyOf: bodyOf(entry) })));
  return done.then((answer) => {
    const left = entries.filter((_, i) => answer.results[i].outcome === "failed");
    if (left.length) undoable.push(left); // it is still in the log
    store();
    return answer;
  });
}

function store() {
  const kept = [];
  let left = KEPT_AT_RELOAD;
  for (const entries of undoable.toReversed()) {
    const made = entries.filter((entry) => entry.made);
    if ((left -= made.length) < 0) break;
    if (made.length) kept.unshift(made);
  }
  try {
    sessionStorage.setItem("undoable", JSON.stringify(kept));
  } catch {
    // without storage, a reloaded page can't undo what it decided before
  }
}

// A reloaded page can undo what it decided before; a copy of its tab can't: those decisions are not its own.
function restored() {
  const isReloaded = performance.getEntriesByType("navigation")[0]?.type === "reload";
  try {
    if (!isReloaded) sessionStorage.removeItem("undoable");
    return JSON.parse(sessionStorage.getItem("undoable") ?? "[]");
  } catch {
    return [];
  }
}

addEventListener("beforeunload", (event) => unsent && event.preventDefault());
