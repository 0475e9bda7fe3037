import type { Attachment } from '@chat-cluster/client';
import { ActionIcon, Button, Popover, SegmentedControl, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { ATTACHMENT_URL_LENGTH, ATTACHMENTS } from '../limits.ts';
import classes from './composer.module.css';
import { safeHref } from './links.ts';

interface AddAttachmentProps {
  onAdd(attachment: Attachment): void;
  /** The message has as many attachments as the server accepts. */
  isFull: boolean;
}

/** Attaches a file by its address; the server never fetches it. */
export function AddAttachment({ onAdd, isFull }: AddAttachmentProps) {
  const [isShown, setShown] = useState(false);
  const label = isFull ? `A message has at most ${ATTACHMENTS} attachments` : 'Attach by address';
  return (
    <Popover
      opened={isShown}
      onChange={setShown}
      position="top-start"
      trapFocus
      returnFocus
      withinPortal={false}
      width={300}
    >
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={32}
          radius="xl"
          aria-label={label}
          title={label}
          disabled={isFull}
          onClick={() => setShown(!isShown)}
        >
          <Icon name="attach" />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="Attach by address">
        <AttachmentForm
          onAdd={(attachment) => {
            setShown(false);
            onAdd(attachment);
          }}
        />
      </Popover.Dropdown>
    </Popover>
  );
}

function AttachmentForm({ onAdd }: { onAdd(attachment: Attachment): void }) {
  const [url, setUrl] = useState('');
  const [chosen, setChosen] = useState<Attachment['type']>();
  const [problem, setProblem] = useState<string>();
  const type = chosen ?? (/\.pdf(?:[?#]|$)/i.test(url) ? 'PDF' : 'IMAGE');
  const add = (event: FormEvent) => {
    event.preventDefault();
    const href = safeHref(url.trim());
    if (href === undefined || !href.startsWith('https:'))
      return setProblem('Type an address that begins with https://');
    onAdd({ url: href, type });
  };
  return (
    <form className={classes.attach} onSubmit={add}>
      <TextInput
        label="Address of the file"
        placeholder="https://"
        value={url}
        onChange={({ currentTarget }) => {
          setUrl(currentTarget.value);
          setProblem(undefined);
        }}
        error={problem}
        maxLength={ATTACHMENT_URL_LENGTH}
        type="url"
        inputMode="url"
        autoComplete="off"
        data-autofocus
      />
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label="Kind of file"
        data={[
          { value: 'IMAGE', label: 'Image' },
          { value: 'PDF', label: 'PDF' },
        ]}
        value={type}
        onChange={(value) => setChosen(value as Attachment['type'])}
      />
      <Button type="submit" fullWidth>
        Attach
      </Button>
    </form>
  );
}
