import type { Attachment } from '@chat-cluster/client';
import { useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { fileNameOf, safeHref } from './links.ts';
import classes from './message.module.css';

/** The attachments of a message. Their boxes have their size before an image is loaded, so the list does not jump. */
export function Attachments({ attachments }: { attachments: readonly Attachment[] }) {
  return (
    <div className={classes.attachments}>
      {attachments.map((attachment, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the attachments of a message never change
        <AttachmentView key={index} attachment={attachment} />
      ))}
    </div>
  );
}

function AttachmentView({ attachment: { url, type } }: { attachment: Attachment }) {
  const [isBroken, setBroken] = useState(false);
  const href = safeHref(url);
  if (href === undefined) return <span className={classes.chip}>An address that cannot be opened</span>;
  // The content security policy of the page loads images over https only.
  if (type === 'IMAGE' && href.startsWith('https:') && !isBroken) {
    return (
      <a className={classes.image} href={href} target="_blank" rel="noopener noreferrer nofollow">
        <img
          src={href}
          alt={fileNameOf(href)}
          width={264}
          height={176}
          loading="lazy"
          decoding="async"
          referrerPolicy="no-referrer"
          onError={() => setBroken(true)}
        />
      </a>
    );
  }
  return (
    <a className={classes.chip} href={href} target="_blank" rel="noopener noreferrer nofollow">
      <span className={classes.chipIcon} data-type={type}>
        <Icon name={type === 'PDF' ? 'file' : 'image'} />
      </span>
      <span className={classes.chipText}>
        <bdi className={classes.chipName}>{fileNameOf(href)}</bdi>
        <span className={classes.chipKind}>
          {isBroken ? 'Image, not available' : type === 'PDF' ? 'PDF' : 'Image'} · {new URL(href).host}
        </span>
      </span>
    </a>
  );
}
