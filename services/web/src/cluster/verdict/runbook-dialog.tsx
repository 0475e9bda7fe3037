import { useEffect, useState } from 'react';
import { Dialog } from '../../ui/dialog.tsx';
import { runbookLink } from '../data/page-route.ts';
import classes from './runbook-dialog.module.css';
import { findRunbookSection, type TextPiece } from './runbook-text.ts';

/** The runbook of this version is a part of the page, loaded when a section is opened: it needs no other server. */
const RUNBOOK = import.meta.glob<string>('../../../../../infra/RUNBOOK.md', { query: '?raw', import: 'default' });

interface RunbookDialogProps {
  /** Anchor of the section. */
  section: string;
  onClose: () => void;
}

/** The section of the runbook for an alert, beside the figures that it mentions. */
export function RunbookDialog({ section, onClose }: RunbookDialogProps) {
  const [markdown, setMarkdown] = useState<string>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const [load] = Object.values(RUNBOOK);
    if (!load) return setFailed(true);
    load().then(setMarkdown, () => setFailed(true));
  }, []);
  const found = markdown === undefined ? undefined : findRunbookSection(markdown, section);
  return (
    <Dialog title={`Runbook: ${found?.title ?? section}`} onClose={onClose} aside>
      <div className={classes.text}>
        {found?.paragraphs.map((pieces, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the paragraphs of a section never change.
          <p key={index}>
            {pieces.map((piece, position) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: nor do their pieces.
              <Piece key={position} piece={piece} />
            ))}
          </p>
        ))}
        {!found && (failed || markdown !== undefined) && (
          <p>
            The section is not available here. Read <code>infra/RUNBOOK.md#{section}</code> of the repository.
          </p>
        )}
        {!failed && markdown === undefined && <p>Loading …</p>}
      </div>
    </Dialog>
  );
}

function Piece({ piece }: { piece: TextPiece }) {
  if (piece.kind === 'strong') return <strong>{piece.text}</strong>;
  if (piece.kind === 'emphasis') return <em>{piece.text}</em>;
  if (piece.kind === 'code') return <code>{piece.text}</code>;
  if (piece.kind === 'link' && piece.href?.startsWith('#')) {
    return <a href={runbookLink(piece.href.slice(1))}>{piece.text}</a>;
  }
  // Other documents are not a part of the page: their path in the repository helps to find them.
  if (piece.kind === 'link') return <code>{`infra/${piece.href}`}</code>;
  return <>{piece.text}</>;
}
