// Keys by their letter; on keyboards of other scripts (Hangul: ㅛ on the key of y) the letter of its place on a Latin one.

export function keyOf(event) {
  if (/^[\x20-\x7e]$/.test(event.key)) return event.key.toLowerCase();
  return event.code.match(/^Key([A-Z])$/)?.[1].toLowerCase() ?? event.key;
}
