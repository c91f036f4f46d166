// What this page decides: shown at once, sent in order, and undone last first.
//
// A change is shown before the server has logged it. When it is sent, it says which decision the page had shown for that
// photo; if the log has another one meanwhile, the server writes nothing and returns that one.

import { request } from "./http.js";

const KEPT_AT_RELOAD = 1000;
const photos = new Map(); // text of a key -> {known: the decision that the server told last, last: the last change, at}
const undoable = restored(); // what this page itself has logged, in order: {photo, label, name, number, before, batch, made}
let writing = Promise.resolve();
let unsent = 0;
let count = 0; // of the changes so far
let urlOf; // makes the address of a request
let refresh; // called with a key whose decision is shown differently now

export function connect(address, changed) {
  urlOf = address;
  refresh = changed;
}

export const pending = () => unsent;
export const settled = () => writing;
export const changes = () => count;

const textOf = ({ photo, label }) => `${photo} ${label}`;
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

// Show a change, and send it after all others. `bodyOf` returns the body of the request, or undefined to send nothing.
// The promise has {written, changed, counts}, or {error, conflict, counts} if nothing was written; error is empty if
// nothing was sent, because the change that it follows had failed.
function send(what, key, decision, bodyOf) {
  const state = stateOf(key);
  const change = { decision, prior: state.last, base: state.known, ok: false, result: null };
  state.last = change;
  count += 1;
  const to = urlOf(what);
  const headers = { "Content-Type": "application/json" };
  const answer = writing.then(() => {
    const body = bodyOf(shownBefore(change));
    if (body === undefined) throw new Error("");
    return request(to, { method: "POST", keepalive: true, headers, body: JSON.stringify({ ...body, photo: key.photo, label: key.label }) });
  });
  const settle = (now) => {
    if (now !== undefined) state.known = now;
    state.at = count;
    change.prior = null;
    if (state.last === change) state.last = null;
    unsent -= 1;
    refresh(key);
  };
  unsent += 1;
  const done = answer.then(
    (body) => {
      change.base = shownBefore(change);
      Object.assign(change, { ok: true, result: body.changed.decision });
      settle(change.result);
      return body;
    },
    (error) => {
      change.base = shownBefore(change);
      const { changed, counts } = error.body ?? {};
      settle(changed ? changed.decision : undefined);
      return { error: error.message, conflict: changed, counts };
    },
  );
  writing = done;
  refresh(key);
  return done;
}

// Decisions of one `batch`, a text, are undone together.
export function decide(row, action, to = "", batch = "") {
  const before = decisionOf(row);
  const entry = { photo: row.photo, label: row.label, name: row.name, number: row.number, before, batch, made: null };
  const isNew = !isEqual(before, { action, to });
  const done = send("decide", row, { action, to }, (shown) => ({ action, to, shown }));
  if (isNew) undoable.push(entry);
  return done.then((answer) => {
    if (answer.written) {
      entry.made = answer.changed.decision;
      if (!isNew) undoable.push(entry); // an earlier change of this photo had failed
    } else if (undoable.includes(entry)) undoable.splice(undoable.indexOf(entry), 1);
    store();
    return answer;
  });
}

// Withdraw the decision that the page shows for a photo, whoever made it: the person has chosen this photo.
export function withdraw(row) {
  const done = send("undo", row, null, (shown) => {
    const at = undoable.findLastIndex((entry) => textOf(entry) === textOf(row) && entry.made?.row === shown?.row);
    if (at >= 0) undoable.splice(at, 1);
    return shown ? { shown } : undefined;
  });
  return done.then((answer) => (store(), answer));
}

// What `undo` cancels next, or undefined.
export const lastMade = () => undoable.at(-1);

// Cancel the last change that this page itself has logged.
export function undo() {
  const entry = undoable.pop();
  const done = send("undo", entry, entry.before, () => (entry.made ? { shown: entry.made } : undefined));
  return done.then((answer) => {
    if (answer.error && !answer.conflict) undoable.push(entry); // it is still in the log
    store();
    return answer;
  });
}

function store() {
  const entries = undoable.filter(({ made }) => made).slice(-KEPT_AT_RELOAD);
  try {
    sessionStorage.setItem("undoable", JSON.stringify(entries));
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
