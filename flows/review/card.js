// What is shown of a photo: its pictures, why it is listed, its decision and the buttons.

import { decisionOf } from "./decisions.js";
import { make, named, shown } from "./dom.js";

const doneWords = { keep: "kept", reject: "rejected", move: "moved" };

function picture(photo, size, alt) {
  const image = make("img", { alt, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(make("span", { className: "gone", textContent: "can't be shown" })));
  image.src = `picture/${encodeURIComponent(photo)}/${size}`;
  return image;
}

export function pictures(row, size) {
  const mine = make("figure", {}, picture(row.photo, size, "the photo"), make("figcaption", { title: shown(row.label) }, named(row.label)));
  if (!row.duplicate_of) return [mine];
  const labels = [...new Set(row.duplicate_places.map(([place]) => place))].join(", ");
  const theirs = row.duplicate_places.map(([place, name]) => `${shown(place)}: ${shown(name)}`).join("\n");
  return [
    mine,
    make("figure", { className: "duplicate", title: theirs }, picture(row.duplicate_of, size, "the photo that it duplicates"), make("figcaption", {}, "copy of ", named(labels))),
  ];
}

// Who decided, and what other reviewers decided otherwise; empty if it is this person alone, or not known.
function reviewers(row) {
  const { by = "", differing = [] } = decisionOf(row) ?? {};
  const others = differing.map((other) => `${shown(other.by || "somebody")}: ${wordOf(other)}`);
  const isMine = by === document.body.dataset.reviewer;
  if (others.length) return make("p", { className: "reviewers differ", textContent: `${shown(by || "somebody")} decided; reviewers differ, ${others.join(", ")}` });
  return by && !isMine ? make("p", { className: "reviewers", textContent: `decided by ${shown(by)}` }) : null;
}

export function wordOf(decision) {
  return `${doneWords[decision.action]}${decision.to ? ` to ${shown(decision.to)}` : ""}`;
}

export function status(row) {
  const decision = decisionOf(row);
  return decision ? wordOf(decision) : `${row.kept ? "kept" : "rejected"} by the filter`;
}

function buttons(row) {
  const button = (act, text, key) => {
    const node = make("button", { type: "button", tabIndex: -1 }, text, " ", make("kbd", { textContent: key }));
    node.dataset.act = act;
    node.setAttribute("aria-keyshortcuts", key);
    node.setAttribute("aria-pressed", String(decisionOf(row)?.action === act));
    return node;
  };
  return make("div", { className: "buttons" }, button("keep", "Keep", "y"), button("reject", "Reject", "x"), button("move", "Move", "m"));
}

function similar() {
  const node = make("button", { type: "button", tabIndex: -1, className: "similar" }, "Find similar ", make("kbd", { textContent: "f" }));
  node.dataset.act = "similar";
  return node;
}

function suggestion(row) {
  if (!row.suggestion) return null;
  const node = make("button", { type: "button", tabIndex: -1, className: "suggestion" }, "Move to ", named(row.suggestion), " ", make("kbd", { textContent: "s" }));
  node.dataset.act = "suggestion";
  return node;
}

// All that `about` shows and that may change, as one text.
export function decisionShown(row) {
  const { action, to = "", by = "", differing = [] } = decisionOf(row) ?? {};
  return JSON.stringify([action, to, by === document.body.dataset.reviewer ? "" : by, differing]);
}

export function about(row) {
  return [
    make("p", { className: "name", title: shown(row.name) }, named(row.name)),
    make("p", { className: "why" }, make("span", { className: "mark", textContent: status(row) }), row.kept && row.split ? make("span", { textContent: row.split }) : null),
    ...[row.score, row.answer, row.similarity].filter(Boolean).map((text) => make("p", { className: "said", textContent: shown(text) })),
    reviewers(row),
    suggestion(row),
    buttons(row),
    row.has_features ? similar() : null,
  ].filter(Boolean);
}

// Replace the children of a node; the button that has the focus keeps it.
export function refill(node, ...children) {
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
  node.replaceChildren(...children);
  if (focused) node.querySelector(`[data-act=${focused}]`)?.focus({ preventScroll: true });
}
