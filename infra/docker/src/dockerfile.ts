/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In upper case. */
  name: string;
  /** Options such as `--from=build`, without the dashes. */
  flags: Record<string, string>;
  /** The arguments after the flags, with continued lines joined. */
  text: string;
}

/** A build stage: `FROM` and the instructions up to the next `FROM`. */
export interface Stage {
  from: string;
  /** The name after `AS`, if any. */
  name: string | undefined;
  instructions: Instruction[];
}

/**
 * Parses the syntax that the Dockerfile of this repository uses: no heredocs, and no escape but the backslash at the
 * end of a line. An ARG before the first FROM is replaced by its default.
 */
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
  const withoutComments = text.replace(/^#.*\n/gm, '');
  const lines = withoutComments.replace(/\\\n\s*/g, '').split('\n');
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

/** The words of an instruction in exec form: `["node", "main.ts"]`. */
export function execForm(text: string): string[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error(`${text} is not in exec form`);
  return list.map(String);
}

/** Sources and target of a COPY: `COPY a b c/` copies `a` and `b` to `c/`. */
export function copiedPaths({ text }: Instruction): { sources: string[]; target: string } {
  const sources = text.split(/\s+/);
  const target = sources.pop() ?? '';
  return { sources, target };
}

/**
 * Whether a .dockerignore excludes a path of the build context. The last line that matches the path, or a folder above
 * it, decides.
 */
export function isIgnored(path: string, dockerignore: string): boolean {
  const parts = path.split('/');
  const pathAndParents = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  const lines = dockerignore.split('\n').filter((line) => line.trim() && !line.startsWith('#'));
  return lines.reduce((ignored, line) => {
    const includes = line.startsWith('!');
    const pattern = patternOf(includes ? line.slice(1) : line);
    return pathAndParents.some((one) => pattern.test(one)) ? !includes : ignored;
  }, false);
}

function patternOf(glob: string): RegExp {
  const source = glob
    .split(/(\*\*\/|\*)/)
    .map((part) => (part === '**/' ? '(.*/)?' : part === '*' ? '[^/]*' : RegExp.escape(part)))
    .join('');
  return new RegExp(`^${source}$`);
}
