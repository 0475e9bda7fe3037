import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  type Comment,
  type Declaration as Declared,
  type Program,
  parseSync,
  type Statement,
  type StaticExportEntry,
} from 'oxc-parser';
import { manifestOf } from './build.ts';

/**
 * The API reference in Markdown: for each entry of the built package, what it exports, with the doc comments. It is made
 * from the published declarations, so it has everything that an editor shows, and nothing else.
 */
export function apiReference(dist: string): string {
  const { name, exports } = manifestOf(dist);
  const files = new Map<string, DeclarationFile>();
  const seen = new Set<string>();
  const anchorOf = anchors();
  const sections = Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return [];
    const exported = exportsOf(join(dist, target.types), files).filter(({ text }) => !seen.has(text));
    for (const { text } of exported) seen.add(text);
    const title = path === '.' ? name : `${name}/${path.slice('./'.length)}`;
    const contents = exported.map((item) => `[${item.name}](#${anchorOf(item.name)})`).join(' · ');
    return [`## ${title}\n\n${contents}`, ...exported.map(section)];
  });
  return `${HEAD}\n\n${sections.join('\n\n')}\n`;
}

const HEAD = `# API of the client

Generated from the doc comments: \`UPDATE_API=1 npm test -- packages/client/test/package.test.ts\`. [README.md](README.md)
explains how to use it.`;

/** Returns the anchor of each heading in turn, as GitHub names them: a second `groups` is `groups-1`. */
function anchors(): (heading: string) => string {
  const used = new Map<string, number>();
  return (heading) => {
    const anchor = heading.toLowerCase();
    const count = used.get(anchor) ?? 0;
    used.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  };
}

interface Declaration {
  name: string;
  isType: boolean;
  comment: string;
  text: string;
}

interface DeclarationFile {
  declarations: Map<string, Declaration>;
  exports: StaticExportEntry[];
}

function section({ name, comment, text }: Declaration): string {
  return [`### ${name}`, comment, `\`\`\`ts\n${text}\n\`\`\``].filter((part) => part !== '').join('\n\n');
}

/** What a file exports, functions and classes first, then types. */
function exportsOf(path: string, files: Map<string, DeclarationFile>): Declaration[] {
  const found = read(path, files).exports.map((entry) => declarationOf(path, entry, files));
  return [...found.filter(({ isType }) => !isType), ...found.filter(({ isType }) => isType)];
}

/** Follows an export to its declaration, which may be in a file that several entries share. */
function declarationOf(path: string, entry: StaticExportEntry, files: Map<string, DeclarationFile>): Declaration {
  if (entry.moduleRequest) {
    const source = resolve(dirname(path), entry.moduleRequest.value.replace(/\.js$/, '.d.ts'));
    const next = read(source, files).exports.find(({ exportName }) => exportName.name === entry.importName.name);
    if (next) return declarationOf(source, next, files);
  }
  const name = entry.localName.name ?? '';
  const declaration = read(path, files).declarations.get(name);
  if (!declaration) throw new Error(`There is no declaration of ${entry.exportName.name} in ${path}.`);
  return declaration;
}

function read(path: string, files: Map<string, DeclarationFile>): DeclarationFile {
  const known = files.get(path);
  if (known) return known;
  const text = readFileSync(path, 'utf8');
  const { program, comments, module, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
  const file: DeclarationFile = {
    declarations: declarationsOf(program, comments, text),
    exports: module.staticExports.flatMap(({ entries }) => entries),
  };
  files.set(path, file);
  return file;
}

function declarationsOf(program: Program, comments: Comment[], text: string): Map<string, Declaration> {
  const found = new Map<string, Declaration>();
  for (const outer of program.body) {
    const statement = outer.type === 'ExportNamedDeclaration' ? (outer.declaration ?? outer) : outer;
    const name = nameOf(statement);
    if (name === undefined) continue;
    found.set(name, {
      name,
      isType: /^TS(Interface|TypeAlias)/.test(statement.type),
      comment: docComment(comments, text, outer.start),
      text: text.slice(statement.start, statement.end).replace(/^declare /, ''),
    });
  }
  return found;
}

function nameOf(statement: Statement | Declared): string | undefined {
  if (statement.type === 'VariableDeclaration') {
    const id = statement.declarations[0]?.id;
    return id?.type === 'Identifier' ? id.name : undefined;
  }
  return 'id' in statement && statement.id && 'name' in statement.id ? statement.id.name : undefined;
}

/** The text of the doc comment that ends right before `start`. */
function docComment(comments: Comment[], text: string, start: number): string {
  const comment = comments.find(
    ({ end, value }) => value.startsWith('*') && end <= start && text.slice(end, start).trim() === '',
  );
  if (!comment) return '';
  const lines = comment.value.slice(1).split('\n');
  return lines
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}
