"use strict";
// Text from the data is only used as textContent or as an encoded part of a URL, never as markup.

const $ = (id) => document.getElementById(id);
const classes = [...$("classes").content.children].map((item) => item.textContent);
const cards = new Map(); // row number -> {row, node}
const wideScreen = matchMedia("(min-width: 52rem)");
const doneWords = { keep: "kept", reject: "rejected", move: "moved" };
let filters = { state: "open" };
let current = null; // number of the selected row
let more = false;
let loading = null;
let generation = 0; // increased by each reload: responses of an older generation are ignored
let writing = Promise.resolve(); // the decisions are sent in order
let unsent = 0;

function make(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const shown = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
const named = (text, props = {}) => make("bdi", { textContent: shown(text), ...props });

// ---- requests to the server

function urlOf(what, more = {}) {
  const query = new URLSearchParams({ ...filters, ...more });
  return `${what}?${query}`;
}

async function request(what, options) {
  let response;
  try {
    response = await fetch(what, options);
  } catch {
    throw new Error("fluke review has stopped; start it again, and open the address that it prints");
  }
  const body = await response.json().catch(() => ({ error: `the server answered with status ${response.status}` }));
  if (!response.ok) throw new Error(body.error);
  return body;
}

function post(what, body) {
  const to = urlOf(what);
  const headers = { "Content-Type": "application/json" };
  const sent = writing.then(() => request(to, { method: "POST", keepalive: true, headers, body: JSON.stringify(body) }));
  unsent += 1;
  writing = sent.catch(() => {}).finally(() => (unsent -= 1));
  return sent;
}

addEventListener("beforeunload", (event) => unsent && event.preventDefault());

// ---- the list

async function reload() {
  const mine = ++generation;
  cards.clear();
  current = null;
  $("list").replaceChildren();
  loading = null;
  more = true;
  await load(mine);
  if (mine === generation && cards.size) select(cards.keys().next().value, false);
}

function load(mine = generation) {
  if (!more || loading) return loading ?? Promise.resolve();
  loading = (async () => {
    try {
      await writing; // otherwise a photo decided a moment ago might be returned as open
      const after = [...cards.keys()].at(-1) ?? -1;
      const page = await request(urlOf("rows", { after }));
      if (mine !== generation) return;
      page.rows.forEach(append);
      more = page.more;
      show(page.counts);
    } catch (error) {
      if (mine === generation) more = false;
      showMessage(error.message, true);
    } finally {
      if (mine === generation) loading = null;
    }
    if (mine !== generation) return;
    $("end").textContent = more ? "" : cards.size ? "End of the list." : "Nothing to review here.";
    if (more && $("end").getBoundingClientRect().top < 2 * innerHeight) load(mine); // the observer reports only changes
  })();
  return loading;
}

function append(row) {
  let section = $("list").lastElementChild;
  if (!section || section.reason !== row.reason) {
    const id = `reason-${$("list").children.length}`;
    section = make("section", { reason: row.reason }, make("h2", { id }, named(row.reason)), make("ul", {}));
    section.setAttribute("aria-labelledby", id);
    section.lastChild.setAttribute("role", "list"); // some screen readers ignore lists without bullets
    $("list").append(section);
  }
  const node = make("li", { className: "card", tabIndex: -1 });
  node.dataset.number = row.number;
  section.lastChild.append(node);
  cards.set(row.number, { row, node });
  fill(row.number);
}

function picture(photo, size, alt) {
  const image = make("img", { alt, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(make("span", { className: "gone", textContent: "can't be shown" })));
  image.src = `picture/${encodeURIComponent(photo)}/${size}`;
  return image;
}

function pictures(row, size) {
  const mine = make("figure", {}, picture(row.photo, size, "the photo"), make("figcaption", {}, named(row.label)));
  if (!row.duplicate_of) return [mine];
  const labels = [...new Set(row.duplicate_places.map(([place]) => place))].join(", ");
  const theirs = row.duplicate_places.map(([place, name]) => `${shown(place)}: ${shown(name)}`).join("\n");
  return [
    mine,
    make("figure", { className: "duplicate", title: theirs }, picture(row.duplicate_of, size, "the photo that it duplicates"), make("figcaption", {}, "copy of ", named(labels))),
  ];
}

function status(row) {
  if (!row.decision) return `${row.kept ? "kept" : "rejected"} by the filter`;
  return `${doneWords[row.decision.action]}${row.decision.to ? ` to ${shown(row.decision.to)}` : ""}`;
}

function buttons(number, row) {
  const button = (act, text, key) => {
    const node = make("button", { type: "button", tabIndex: -1 }, text, " ", make("kbd", { textContent: key }));
    node.dataset.act = act;
    node.setAttribute("aria-keyshortcuts", key);
    node.setAttribute("aria-pressed", String(row.decision?.action === act));
    return node;
  };
  return make("div", { className: "buttons" }, button("keep", "Keep", "y"), button("reject", "Reject", "x"), button("move", "Move", "m"));
}

function suggestion(row) {
  if (!row.suggestion) return null;
  const node = make("button", { type: "button", tabIndex: -1, className: "suggestion" }, "Move to ", named(row.suggestion), " ", make("kbd", { textContent: "s" }));
  node.dataset.act = "suggestion";
  return node;
}

function about(number, row) {
  return [
    make("p", { className: "name", title: shown(row.name) }, named(row.name)),
    make("p", { className: "why" }, make("span", { className: "mark", textContent: status(row) }), make("span", { textContent: row.score })),
    suggestion(row),
    buttons(number, row),
  ].filter(Boolean);
}

function refill(node, ...children) {
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
  node.replaceChildren(...children);
  if (focused) node.querySelector(`[data-act=${focused}]`)?.focus({ preventScroll: true });
}

function fill(number) {
  const { row, node } = cards.get(number);
  node.className = `card ${row.decision ? row.decision.action : "undecided"}${row.duplicate_of ? " pair" : ""}`;
  node.setAttribute("aria-label", `${shown(row.label)}, ${shown(row.reason)}, ${row.score || "no score"}, ${status(row)}, ${shown(row.name)}`);
  if (!node.firstChild) node.append(make("div", { className: "pictures" }, ...pictures(row, "small")));
  refill(node, node.firstChild, ...about(number, row)); // the images are kept, otherwise they would flicker
  for (const button of node.querySelectorAll("button")) button.tabIndex = number === current ? 0 : -1;
  if ($("view").open && number === current) view();
}

// ---- selection

function select(number, focus = true) {
  const was = cards.get(current);
  if (was) {
    was.node.tabIndex = -1;
    was.node.removeAttribute("aria-current");
    for (const button of was.node.querySelectorAll("button")) button.tabIndex = -1;
  }
  current = number;
  const { node } = cards.get(number);
  node.tabIndex = 0;
  node.setAttribute("aria-current", "true");
  for (const button of node.querySelectorAll("button")) button.tabIndex = 0;
  if (focus) {
    if (!$("view").open) node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  }
  if ($("view").open) view();
}

async function step(by, wanted = () => true) {
  for (;;) {
    const numbers = [...cards.keys()];
    for (let i = numbers.indexOf(current) + by; i >= 0 && i < numbers.length; i += by) {
      if (wanted(cards.get(numbers[i]).row)) return select(numbers[i]);
    }
    if (by < 0 || !more) return undefined;
    await load();
  }
}

function stepRow(by) {
  const here = cards.get(current)?.node.getBoundingClientRect();
  if (!here) return;
  const all = [...cards].map(([number, { node }]) => ({ number, box: node.getBoundingClientRect() }));
  const beyond = all.filter(({ box }) => by * (box.top - here.top) > 2);
  if (!beyond.length) {
    if (by > 0 && more) load().then(() => stepRow(by));
    return;
  }
  const top = by > 0 ? Math.min(...beyond.map(({ box }) => box.top)) : Math.max(...beyond.map(({ box }) => box.top));
  const line = beyond.filter(({ box }) => Math.abs(box.top - top) <= 2);
  line.sort((one, other) => Math.abs(one.box.left - here.left) - Math.abs(other.box.left - here.left));
  select(line[0].number);
}

// ---- deciding

const isSame = (one, other) => one.photo === other.photo && one.label === other.label;

function setDecision(key, decision) {
  for (const [number, { row }] of cards) {
    if (isSame(row, key)) {
      row.decision = decision;
      fill(number);
    }
  }
}

function decide(number, action, to = "", advance = true) {
  const { row } = cards.get(number);
  const before = row.decision;
  const decision = { action, to };
  const mine = generation;
  setDecision(row, decision); // immediately; the response of the server comes later
  showMessage(`${status(row)}; u: undo`, false);
  const sent = post("decide", { photo: row.photo, label: row.label, action, to });
  sent.then(
    // Several decisions in a row update the filters only once.
    ({ counts }) => mine === generation && (unsent > 1 ? progress(counts) : show(counts)),
    (error) => {
      if (row.decision === decision) setDecision(row, before);
      showMessage(error.message, true);
    },
  );
  if (advance && number === current) step(1, (next) => !next.decision);
}

async function undo(key = {}) {
  const mine = generation;
  try {
    const { changed, counts } = await post("undo", key);
    if (!changed) return showMessage("nothing to undo", false);
    if (mine !== generation) return undefined;
    setDecision(changed, changed.decision);
    show(counts);
    if (!cards.has(changed.number)) await reload(); // it was decided before this page was opened
    if (cards.has(changed.number)) select(changed.number, !key.photo);
    return showMessage(`undone: ${shown(changed.name)} is ${status(changed)} again`, false);
  } catch (error) {
    return showMessage(error.message, true);
  }
}

function act(number, what, advance = true) {
  const row = cards.get(number)?.row;
  if (!row) return;
  if (what === "move") pickClass(number, advance);
  else if (what !== "suggestion") decide(number, what, "", advance);
  else if (row.suggestion) decide(number, "move", row.suggestion, advance);
  else showMessage("there is no suggestion for this photo", false);
}

function press(number, button, advance) {
  const { row } = cards.get(number);
  const isPressed = button.getAttribute("aria-pressed") === "true" && button.dataset.act !== "move";
  if (isPressed) undo({ photo: row.photo, label: row.label });
  else act(number, button.dataset.act, advance);
}

let messageTimer = 0;
function showMessage(text, isError) {
  clearTimeout(messageTimer);
  $("said").textContent = text;
  $("said").className = isError ? "error" : "";
  const host = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body; // elements behind a dialog are inert
  if ($("said").parentNode !== host) host.append($("said"));
  if (!isError) messageTimer = setTimeout(() => ($("said").textContent = ""), 5000);
}

// ---- the larger view

function view() {
  const card = cards.get(current);
  if (!card) return;
  const [stage, words] = $("view").children;
  const key = `${current} ${generation}`;
  if (stage.dataset.key !== key) {
    stage.dataset.key = key;
    stage.replaceChildren(...pictures(card.row, "large"));
  }
  const close = make("button", { type: "button", className: "close", textContent: "Close" });
  close.dataset.act = "close";
  refill(words, ...about(current, card.row), close);
  words.className = `about ${card.row.decision ? card.row.decision.action : "undecided"}`;
  for (const button of words.querySelectorAll("button")) button.tabIndex = 0;
}

function openView(number) {
  select(number, false);
  $("view").showModal();
  view();
}

// ---- the class picker

let moving = null;
let advances = true;
let option = 0;

function pickClass(number, advance) {
  moving = number;
  advances = advance;
  $("to").value = cards.get(number).row.suggestion ?? "";
  $("move").showModal();
  $("to").select();
  options();
}

function options() {
  const typed = $("to").value.trim().toLowerCase();
  const own = cards.get(moving).row.label;
  const rank = (name) => (name.toLowerCase() === typed ? 0 : name.toLowerCase().startsWith(typed) ? 1 : 2);
  const found = classes.filter((name) => name !== own && name.toLowerCase().includes(typed));
  found.sort((one, other) => rank(one) - rank(other));
  $("options").replaceChildren(
    ...found.slice(0, 50).map((name, i) => {
      const node = make("li", { id: `option-${i}` }, named(name));
      node.setAttribute("role", "option");
      node.chosen = name;
      return node;
    }),
  );
  highlight(0);
}

function highlight(number) {
  const nodes = [...$("options").children];
  option = Math.max(0, Math.min(number, nodes.length - 1));
  nodes.forEach((node, i) => node.setAttribute("aria-selected", String(i === option)));
  nodes[option]?.scrollIntoView({ block: "nearest" });
  if (nodes.length) $("to").setAttribute("aria-activedescendant", `option-${option}`);
  else $("to").removeAttribute("aria-activedescendant");
}

function choose(node) {
  if (!node) return;
  $("move").close();
  decide(moving, "move", node.chosen, advances);
}

$("to").addEventListener("input", options);
$("to").addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) highlight(option + by);
  else if (event.key === "Enter") choose($("options").children[option]);
  else return;
  event.preventDefault();
});
$("options").addEventListener("click", (event) => choose(event.target.closest("li")));

// ---- filters and counts; the URL contains the filters, so reloading keeps them

function readHash() {
  const given = new URLSearchParams(location.hash.slice(1));
  filters = { state: ["open", "reviewed", "all"].includes(given.get("state")) ? given.get("state") : "open" };
  for (const name of ["reason", "label"]) if (given.has(name)) filters[name] = given.get(name);
}

function link(text, change, count, isChosen) {
  const to = { ...filters, ...change };
  for (const name of Object.keys(to)) if (to[name] === null) delete to[name];
  const node = make("a", { href: `#${new URLSearchParams(to)}` }, named(text), make("span", { className: "count", textContent: count }));
  if (isChosen) node.setAttribute("aria-current", "true");
  return make("li", {}, node);
}

function progress(counts) {
  $("bar").max = Math.max(1, counts.total);
  $("bar").value = counts.reviewed;
  $("progress").textContent = `${counts.reviewed.toLocaleString("en")} of ${counts.total.toLocaleString("en")} reviewed`;
}

function show(counts) {
  progress(counts);
  const focused = document.activeElement?.closest("nav a")?.getAttribute("href");
  const titles = { open: "Open", reviewed: "Reviewed", all: "All" };
  $("states").replaceChildren(
    ...Object.keys(titles).map((state) => link(titles[state], { state }, counts.states[state], state === filters.state)),
  );
  for (const [list, name, all] of [["reasons", "reason", "All reasons"], ["labels", "label", "All classes"]]) {
    const items = counts[list];
    const sum = items.reduce((total, item) => total + item.open, 0);
    $(list).replaceChildren(
      link(all, { [name]: null }, sum, filters[name] === undefined),
      ...items.map((item) => link(item.name, { [name]: item.name }, item.open, filters[name] === item.name)),
    );
  }
  $("find").hidden = counts.labels.length < 12;
  narrow();
  if (focused) [...document.querySelectorAll("nav a")].find((node) => node.getAttribute("href") === focused)?.focus();
  const chosen = [titles[filters.state], filters.reason, filters.label].filter((text) => text !== undefined);
  $("chosen").textContent = `: ${chosen.map(shown).join(", ")}`;
}

function narrow() {
  const typed = $("find").value.trim().toLowerCase();
  [...$("labels").children].forEach((item, i) => {
    item.hidden = i > 0 && !item.firstChild.firstChild.textContent.toLowerCase().includes(typed);
  });
}

$("find").addEventListener("input", narrow);
addEventListener("hashchange", () => {
  readHash();
  if (!wideScreen.matches) $("filters").open = false;
  scrollTo(0, 0);
  reload();
});

// ---- mouse and keys

$("list").addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (!card) return;
  const number = Number(card.dataset.number);
  const button = event.target.closest("button");
  if (button) {
    select(number, false);
    press(number, button, false); // a mouse user chooses the next photo
  } else if (event.target.closest("figure")) openView(number);
  else select(number);
});
$("list").addEventListener("focusin", (event) => {
  const number = Number(event.target.closest(".card")?.dataset.number);
  if (cards.has(number) && number !== current) select(number, false);
});
$("view").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.act === "close" || event.target === $("view")) $("view").close();
  else if (button) press(current, button, true);
});
$("view").addEventListener("close", () => cards.has(current) && select(current));
$("move").addEventListener("close", () => !$("view").open && cards.has(current) && cards.get(current).node.focus());
$("undo").addEventListener("click", () => undo());
$("ask").addEventListener("click", () => $("help").showModal());

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
  m: () => act(current, "move"),
  s: () => act(current, "suggestion"),
  u: () => undo(),
  v: () => ($("view").open ? $("view").close() : cards.has(current) && openView(current)),
  "?": () => $("help").showModal(),
};
keys[" "] = keys.v;

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("move").open || $("help").open) return;
  const at = event.target;
  if (at.closest("input")) return;
  const onControl = at.closest("button, a, summary");
  if (onControl && [" ", "Enter"].includes(event.key)) return; // the browser clicks the control
  if (at.closest("nav") && event.key.startsWith("Arrow")) return; // the browser scrolls the list
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.repeat && !["j", "k"].includes(key) && !key.startsWith("Arrow")) return; // a held key decides only once
  if (!Object.hasOwn(keys, key)) return;
  event.preventDefault();
  keys[key]();
});

new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && load(), { rootMargin: "1500px" }).observe($("end"));
$("filters").open = wideScreen.matches;
wideScreen.addEventListener("change", () => ($("filters").open = wideScreen.matches));
readHash();
reload();
