/** A piece of text of the runbook. Other Markdown does not occur in its sections. */
export interface TextPiece {
  kind: 'plain' | 'strong' | 'emphasis' | 'code' | 'link';
  text: string;
  /** Address of a link, as written. */
  href?: string;
}

export interface RunbookSection {
  title: string;
  paragraphs: readonly (readonly TextPiece[])[];
}

const PIECE =
  /\*\*(?<strong>[^*]+)\*\*|`(?<code>[^`]+)`|\[(?<text>[^\]]+)\]\((?<href>[^)\s]+)\)|\*(?<emphasis>[^*\s][^*]*)\*/g;

/** The section of the runbook with this anchor, or undefined. Anchors are the titles in lower case, as on the web. */
export function findRunbookSection(markdown: string, anchor: string): RunbookSection | undefined {
  for (const part of markdown.split(/^#{2,3} /m).slice(1)) {
    const [title = '', ...lines] = part.split('\n');
    if (title.trim().toLowerCase().replaceAll(' ', '-') !== anchor.toLowerCase()) continue;
    const paragraphs = lines
      .join('\n')
      .split(/\n\s*\n/)
      .filter((text) => text.trim() !== '');
    return { title: title.trim(), paragraphs: paragraphs.map(parseParagraph) };
  }
  return undefined;
}

function parseParagraph(text: string): TextPiece[] {
  const joined = text.trim().replace(/\s+/g, ' ');
  const pieces: TextPiece[] = [];
  let end = 0;
  for (const match of joined.matchAll(PIECE)) {
    if (match.index > end) pieces.push({ kind: 'plain', text: joined.slice(end, match.index) });
    pieces.push(pieceOf(match.groups ?? {}));
    end = match.index + match[0].length;
  }
  if (end < joined.length) pieces.push({ kind: 'plain', text: joined.slice(end) });
  return pieces;
}

function pieceOf(groups: Record<string, string | undefined>): TextPiece {
  if (groups.strong !== undefined) return { kind: 'strong', text: groups.strong };
  if (groups.code !== undefined) return { kind: 'code', text: groups.code };
  if (groups.emphasis !== undefined) return { kind: 'emphasis', text: groups.emphasis };
  return { kind: 'link', text: groups.text ?? '', href: groups.href ?? '' };
}
