import { useRef, useState } from 'react';
import { formatNumber } from '../../ui/formats.ts';
import { visibleText } from '../../ui/visible-text.ts';
import { useUserId } from '../session/session-context.ts';
import { excerptOf } from './excerpt.ts';
import { splitText } from './links.ts';
import { EVERYONE, splitMentions } from './mentions.ts';
import classes from './message.module.css';

interface MessageTextProps {
  text: string;
  /** Names that are mentions in this text. */
  mentioned: readonly string[];
  /** The user has asked for the whole text before. */
  isShownWhole: boolean;
  /** The user asks for the whole text, or for its beginning again. */
  onShowWhole(isWhole: boolean): void;
}

/** The text of a message. A long one is drawn up to a limit, with a button for the rest. */
export function MessageText({ text, mentioned, isShownWhole, onShowWhole }: MessageTextProps) {
  const [isWhole, setWhole] = useState(isShownWhole);
  const button = useRef<HTMLButtonElement>(null);
  const excerpt = excerptOf(text);
  const toggle = () => {
    onShowWhole(!isWhole);
    setWhole(!isWhole);
    // The button is at the end of a text that was longer than the screen.
    if (isWhole) requestAnimationFrame(() => button.current?.scrollIntoView({ block: 'nearest' }));
  };
  return (
    <>
      <div className={classes.text} dir="auto">
        <LinkedText text={isWhole ? text : excerpt} mentioned={mentioned} />
      </div>
      {excerpt !== text && (
        <button ref={button} type="button" className={classes.more} aria-expanded={isWhole} onClick={toggle}>
          {isWhole ? 'Show less' : `Show all ${formatNumber(text.length)} characters`}
        </button>
      )}
    </>
  );
}

/** It is never HTML; addresses become links that do not reveal this page. */
function LinkedText({ text, mentioned }: Pick<MessageTextProps, 'text' | 'mentioned'>) {
  return splitText(text).map((part, index) =>
    part.href === undefined ? (
      // The parts of a text never change their order.
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <MentioningText key={index} text={part.text} mentioned={mentioned} />
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <a key={index} className={classes.link} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
        {part.text}
      </a>
    ),
  );
}

/** Mentions are marked, those of the user themselves more than others. */
function MentioningText({ text, mentioned }: Pick<MessageTextProps, 'text' | 'mentioned'>) {
  const userId = useUserId();
  if (mentioned.length === 0) return text;
  return splitMentions(text, mentioned).map((part, index) =>
    part.mentioned === undefined ? (
      part.text
    ) : (
      <bdi
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never change their order
        key={index}
        className={classes.mention}
        data-me={part.mentioned === userId || part.mentioned === EVERYONE}
      >
        {visibleText(part.text)}
      </bdi>
    ),
  );
}
