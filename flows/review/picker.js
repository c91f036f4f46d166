// The dialog in which a person types a part of a class's name.

import { $, make, named } from "./dom.js";

let classes = [...($("classes")?.content.children ?? [])].map((item) => item.textContent);
let own = ""; // the photo's class, which can't be chosen
let canCreate = false; // whether a name that no class has can be chosen
let option = 0;
let onChosen = () => {};
let held = ""; // the key that opened the dialog, until it is released

// Ask for a class; `chosen` is called with its name, after the dialog has closed. With `names`, these are the classes,
// and a new one can be typed.
export function pickClass(row, key, chosen, names = undefined) {
  own = row.label;
  canCreate = Boolean(names);
  if (names) classes = names;
  onChosen = chosen;
  held = key;
  $("to").value = row.suggestion ?? "";
  $("move").showModal();
  $("to").select();
  options();
}

function options() {
  const typed = $("to").value.trim().toLowerCase();
  const rank = (name) => (name.toLowerCase() === typed ? 0 : name.toLowerCase().startsWith(typed) ? 1 : 2);
  const found = classes.filter((name) => name !== own && name.toLowerCase().includes(typed));
  found.sort((one, other) => rank(one) - rank(other));
  const typedName = $("to").value.trim();
  const isNew = canCreate && typedName && !classes.some((name) => name.toLowerCase() === typed);
  const offered = found.slice(0, 50);
  if (isNew) offered.push(typedName);
  $("options").replaceChildren(
    ...offered.map((name, i) => {
      const node = make("li", { id: `option-${i}` }, isNew && i === offered.length - 1 ? "new class: " : "", named(name));
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
  onChosen(node.chosen);
}

$("to").addEventListener("input", options);
$("to").addEventListener("keyup", () => (held = ""));
$("to").addEventListener("keydown", (event) => {
  if (event.isComposing || !$("move").open) return; // a closed dialog keeps the focus for a moment
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) highlight(option + by);
  else if (event.key === "Enter") event.repeat || choose($("options").children[option]);
  else if (!event.repeat || event.key !== held) return;
  event.preventDefault();
});
$("options").addEventListener("click", (event) => choose(event.target.closest("li")));
