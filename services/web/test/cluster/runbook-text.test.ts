import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { findRunbookSection, type TextPiece } from '../../src/cluster/verdict/runbook-text.ts';

const markdown = readFileSync(join(repository, 'infra/RUNBOOK.md'), 'utf8');
const anchors = [...markdown.matchAll(/^### (\S+)$/gm)].map(([, title = '']) => title.toLowerCase());

describe('the runbook in the cluster view', () => {
  it('has a section for every alert, whose text is complete and has no Markdown left', () => {
    expect(anchors.length).to.be.greaterThan(30);
    for (const anchor of anchors) {
      const section = findRunbookSection(markdown, anchor);
      expect(section?.title.toLowerCase()).to.equal(anchor);
      const pieces = section?.paragraphs.flat() ?? [];
      expect(pieces.length, anchor).to.be.greaterThan(4);
      const plain = pieces.filter(({ kind }) => kind !== 'code').map(({ text }) => text);
      expect(plain.join(''), anchor).not.to.match(/`|\*\*|\]\(|^#|^[-|>] /m);
    }
  });

  it('recognises emphasis, code and links', () => {
    const section = findRunbookSection('## A b\n\n**Do** run `x *y*`, *now*:\nsee [it](#c).\n\nEnd.\n\n## C\n', 'a-b');
    expect(section?.paragraphs).to.deep.equal([
      [
        { kind: 'strong', text: 'Do' },
        { kind: 'plain', text: ' run ' },
        { kind: 'code', text: 'x *y*' },
        { kind: 'plain', text: ', ' },
        { kind: 'emphasis', text: 'now' },
        { kind: 'plain', text: ': see ' },
        { kind: 'link', text: 'it', href: '#c' },
        { kind: 'plain', text: '.' },
      ] satisfies TextPiece[],
      [{ kind: 'plain', text: 'End.' }],
    ]);
  });

  it('has no section for an unknown anchor', () => {
    expect(findRunbookSection(markdown, 'nothing')).to.equal(undefined);
  });
});
