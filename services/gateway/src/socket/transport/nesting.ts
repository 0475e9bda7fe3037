/** Whether a JSON text is nested deeper than `most` levels. Parsing would cost far more, even on broken JSON. */
export function isNestedDeeper(json: string, most: number): boolean {
  return hasMoreBrackets(json, most) && depthExceeds(json, most);
}

/** Fast, and true for few packets. */
function hasMoreBrackets(json: string, most: number): boolean {
  let count = 0;
  for (const bracket of ['[', '{']) {
    for (let at = json.indexOf(bracket); at !== -1; at = json.indexOf(bracket, at + 1)) {
      if (++count > most) return true;
    }
  }
  return false;
}

const [QUOTE, BACKSLASH, ARRAY, ARRAY_END, OBJECT, OBJECT_END] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

function depthExceeds(json: string, most: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (inText) {
      if (char === BACKSLASH) at++;
      else if (char === QUOTE) inText = false;
    } else if (char === QUOTE) inText = true;
    else if (char === ARRAY || char === OBJECT) {
      if (++depth > most) return true;
    } else if (char === ARRAY_END || char === OBJECT_END) depth--;
  }
  return false;
}
