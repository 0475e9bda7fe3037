/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In upper case. */
  name: string;
  /** Options such as `--from=build`, without the dashes. */
  flags: Record<string, string>;
  /** What follows them, with joined lines. */
  text: string;
}

/** `FROM` and what follows it, up to the next one. */
export interface Stage {
  from: string;
  /** The name after `AS`, if any. */
  name: string | undefined;
  instructions: Instruction[];
}

/** Reads what our Dockerfile is made of: no heredocs, no escapes but that of a line's end. ARGs before the first FROM are filled in. */
export function readDockerfile(text: string): Stage[] {
  const args = new Map<string, string>();
  const stages: Stage[] = [];
  for (const instruction of instructionsOf(text)) {
    if (instruction.name === 'ARG' && stages.length === 0) {
      const [name = '', value = ''] = instruction.text.split('=');
      args.set(name, value);
    } else if (instruction.name === 'FROM') {
      const [image = '', , name] = instruction.text.split(/\s+/);
      stages.push({ from: image.replace(/\$\{(\w+)\}/g, (_, arg) => args.get(arg) ?? ''), name, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push(instruction);
    }
  }
  return stages;
}

function instructionsOf(text: string): Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  return lines.filter((line) => line.trim()).map(instructionOf);
}

function instructionOf(line: string): Instruction {
  const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
  const flags: Record<string, string> = {};
  const text = rest.replace(/^(--[\w-]+=\S+\s+)+/, (found) => {
    for (const [, flag = '', value = ''] of found.matchAll(/--([\w-]+)=(\S+)/g)) flags[flag] = value;
    return '';
  });
  return { name: name.toUpperCase(), flags, text: text.trim() };
}

/** The list that `["node", "main.ts"]` is. */
export function execForm(text: string): string[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error(`${text} is no list`);
  return list.map(String);
}

/** `COPY a b c/` is `a` and `b` to `c/`. */
export function copyOf({ text }: Instruction): { sources: string[]; target: string } {
  const paths = text.split(/\s+/);
  const target = paths.pop() ?? '';
  return { sources: paths, target };
}

/**
 * Whether a path of the context is kept out of it by the lines of a .dockerignore: the last one that matches it, or a
 * folder above it, decides.
 */
export function isIgnored(path: string, dockerignore: string): boolean {
  const parts = path.split('/');
  const above = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  const lines = dockerignore.split('\n').filter((line) => line.trim() && !line.startsWith('#'));
  return lines.reduce((ignored, line) => {
    const keeps = line.startsWith('!');
    const pattern = patternOf(keeps ? line.slice(1) : line);
    return above.some((one) => pattern.test(one)) ? !keeps : ignored;
  }, false);
}

function patternOf(glob: string): RegExp {
  const source = glob
    .split(/(\*\*\/|\*)/)
    .map((part) => (part === '**/' ? '(.*/)?' : part === '*' ? '[^/]*' : RegExp.escape(part)))
    .join('');
  return new RegExp(`^${source}$`);
}
