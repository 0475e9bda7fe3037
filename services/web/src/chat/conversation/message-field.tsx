import type { FullConversation } from '@chat-cluster/client/groups';
import { ActionIcon, Textarea } from '@mantine/core';
import { type KeyboardEvent, type ReactNode, type RefObject, useId } from 'react';
import { formatNumber } from '../../ui/formats.ts';
import { Icon, type IconName } from '../../ui/icon.tsx';
import { visibleText } from '../../ui/visible-text.ts';
import { Avatar } from '../avatar.tsx';
import { CONTENT_LENGTH } from '../limits.ts';
import classes from './composer.module.css';
import { EVERYONE } from './mentions.ts';
import { useMentionChoice } from './use-mention-choice.ts';

/** Characters left at which the counter appears. */
const COUNT_FROM = 1_000;

interface MessageFieldProps {
  conversation: FullConversation;
  isGroup: boolean;
  field: RefObject<HTMLTextAreaElement | null>;
  text: string;
  onText(text: string): void;
  label: string;
  placeholder?: string;
  /** The button at the end. */
  action: { label: string; icon: IconName; isReady: boolean; run(): void };
  onEscape(): void;
  /** The user presses "up" in an empty field. */
  onUp?(): void;
  /** Before the field. */
  start?: ReactNode;
}

/** A field for the text of a message. Enter runs the action, Shift and Enter begin a line, `@` offers members. */
export function MessageField(props: MessageFieldProps) {
  const { conversation, isGroup, field, text, onText, label, placeholder, action, onEscape, onUp, start } = props;
  const left = CONTENT_LENGTH - text.length;
  const choice = useMentionChoice({ conversation, isGroup, field, onText });
  const listId = useId();
  const optionId = (index: number) => `${listId}-${index}`;
  const onKeyDown = (event: KeyboardEvent) => {
    // An input method uses keys, such as Enter, to complete a word.
    if (event.nativeEvent.isComposing) return;
    if (choice.onKeyDown(event)) return event.preventDefault();
    if (event.key === 'Escape') onEscape();
    if (event.key === 'ArrowUp' && text === '' && onUp) {
      event.preventDefault();
      onUp();
    }
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    if (action.isReady) action.run();
  };
  const isChoosing = choice.names.length > 0;
  return (
    <div className={classes.bar}>
      {isChoosing && (
        <div id={listId} className={classes.names} role="listbox" aria-label="Members to mention">
          {choice.names.map((name, index) => (
            <div
              key={name}
              id={optionId(index)}
              className={classes.name}
              role="option"
              aria-selected={index === choice.at}
              tabIndex={-1}
              // The field keeps the focus.
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => choice.choose(name)}
              onKeyDown={() => {}}
            >
              <Avatar userId={name} size={22} />
              <bdi>{visibleText(name)}</bdi>
              {name === EVERYONE && <span className={classes.hint}>everyone in the group</span>}
            </div>
          ))}
        </div>
      )}
      {start}
      <Textarea
        ref={field}
        className={classes.field}
        classNames={{ input: classes.input }}
        variant="unstyled"
        autosize
        minRows={1}
        maxRows={8}
        dir="auto"
        value={text}
        onChange={({ currentTarget }) => {
          onText(currentTarget.value);
          choice.look();
        }}
        onSelect={choice.look}
        onKeyDown={onKeyDown}
        placeholder={placeholder}
        aria-label={label}
        aria-invalid={left < 0}
        {...(isChoosing && { 'aria-controls': listId, 'aria-activedescendant': optionId(choice.at) })}
        aria-autocomplete={isGroup ? 'list' : undefined}
        spellCheck
      />
      {left < COUNT_FROM && (
        <span className={classes.counter} data-over={left < 0} role="status">
          {left < 0 ? `${formatNumber(-left)} too many` : `${formatNumber(left)} left`}
        </span>
      )}
      <ActionIcon
        className={classes.send}
        variant="filled"
        radius="xl"
        size={32}
        aria-label={action.label}
        disabled={!action.isReady}
        onClick={action.run}
      >
        <Icon name={action.icon} />
      </ActionIcon>
    </div>
  );
}
