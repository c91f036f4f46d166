// Make nodes. Text from the data is only used as textContent or as an encoded part of a URL, never as markup.

export const $ = (id) => document.getElementById(id);

export function make(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const shown = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
export const named = (text, props = {}) => make("bdi", { textContent: shown(text), ...props });
