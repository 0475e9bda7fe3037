/**
 * The names of all elements of an XML document, in order. Throws when it is not well-formed: tags that do not match,
 * attributes without quotes or given twice, characters that should be escaped.
 */
export function elementsOf(xml: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  let rest = xml.trim();
  while (rest !== '') {
    const [whole, text = '', end, name = '', attributes = '', empty] = TOKEN.exec(rest) ?? [];
    if (whole === undefined || /[&<>]/.test(text.replaceAll(ENTITY, '')))
      throw new Error(`not XML: ${rest.slice(0, 80)}`);
    if (open.length === 0 && (names.length > 0 || text.trim() !== '')) throw new Error('more than one root');
    rest = rest.slice(whole.length);
    if (end) {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
      continue;
    }
    const given = [...attributes.matchAll(ATTRIBUTE)];
    const keys = given.map(([, key]) => key);
    if (attributes.replaceAll(ATTRIBUTE, '').trim() !== '') throw new Error(`attributes of ${name}: ${attributes}`);
    if (new Set(keys).size < keys.length) throw new Error(`an attribute of ${name} is given twice`);
    if (given.some(([, , value = '']) => /[&<]/.test(value.replaceAll(ENTITY, ''))))
      throw new Error(`a value of ${name}`);
    names.push(name);
    if (!empty) open.push(name);
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join(', ')}`);
  return names;
}

/** Text, then one tag. */
const TOKEN = /^([^<]*)<(\/)?([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"]*")*)\s*(\/)?>/;
const ATTRIBUTE = /\s+([\w:-]+)="([^"]*)"/g;
const ENTITY = /&(?:amp|lt|gt|quot|apos|#\d+);/g;
