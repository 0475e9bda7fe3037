import { Menu } from '@mantine/core';
import { type RefObject, useEffect, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { permissionsOf } from '../permissions.ts';
import { useUserId } from '../session/session-context.ts';
import { useInfo } from '../use-info.ts';
import classes from './message-menu.module.css';
import { OFFERED_EMOJIS, type StoredMessage, useOpenConversation } from './open-conversation.ts';
import { refusalOf } from './refusal.ts';
import { useCanWrite } from './use-can-write.ts';

/** The message whose actions are open, and the button that opened them. */
export interface OpenMenu {
  message: StoredMessage;
  button: HTMLElement;
}

interface MessageMenuProps {
  open: OpenMenu | undefined;
  /** The element in which the menu is placed, and which scrolls. */
  scroller: RefObject<HTMLElement | null>;
  onClose(): void;
}

/** The actions of one message. There is one menu for all messages, at the place of the button that opened it. */
export function MessageMenu({ open, scroller, onClose }: MessageMenuProps) {
  useEffect(() => {
    const element = scroller.current;
    if (!open || !element) return;
    // The button may leave the document.
    element.addEventListener('scroll', onClose, { passive: true, once: true });
    return () => element.removeEventListener('scroll', onClose);
  }, [open, scroller, onClose]);
  if (!open) return null;
  const area = scroller.current?.getBoundingClientRect();
  const { left, top, width, height } = open.button.getBoundingClientRect();
  const place = { left: left - (area?.left ?? 0), top: top - (area?.top ?? 0), width, height };
  const close = () => {
    onClose();
    open.button.focus({ preventScroll: true });
  };
  return (
    <Menu
      opened
      onClose={close}
      position="bottom-end"
      withinPortal={false}
      withInitialFocusPlaceholder={false}
      returnFocus={false}
    >
      <Menu.Target>
        <span className={classes.anchor} style={place} aria-hidden="true" />
      </Menu.Target>
      <Menu.Dropdown aria-label="Actions of the message" aria-labelledby={undefined}>
        <Actions message={open.message} />
      </Menu.Dropdown>
    </Menu>
  );
}

function Actions({ message }: { message: StoredMessage }) {
  const { conversation, compose, showDetails, attempt } = useOpenConversation();
  const userId = useUserId();
  const role = useInfo(conversation, (info) => info?.group?.role);
  const canWrite = useCanWrite();
  const mayChange = role !== null && (message.senderId === userId || permissionsOf(role).changeAnyMessage);
  const [isAsked, setAsked] = useState(false);
  const { seq, reactions = [] } = message;
  const remove = () => attempt(conversation.delete(seq), (error) => refusalOf(error, 'deleted'));
  const isMine = (emoji: string) => reactions.some((one) => one.emoji === emoji && one.mine);
  return (
    <>
      {canWrite && (
        // biome-ignore lint/a11y/useSemanticElements: a menu has groups of items, not fields
        <div className={classes.emojis} role="group" aria-label="React">
          {OFFERED_EMOJIS.map((emoji) => (
            <Menu.Item
              key={emoji}
              className={classes.emoji}
              aria-label={isMine(emoji) ? `Take back ${emoji}` : `React with ${emoji}`}
              data-mine={isMine(emoji)}
              onClick={() => attempt(conversation.react(seq, emoji, !isMine(emoji)))}
            >
              {emoji}
            </Menu.Item>
          ))}
        </div>
      )}
      {canWrite && (
        <Menu.Item leftSection={<Icon name="reply" size={16} />} onClick={() => compose({ kind: 'reply', message })}>
          Reply
        </Menu.Item>
      )}
      {canWrite && mayChange && (
        <Menu.Item leftSection={<Icon name="pen" size={16} />} onClick={() => compose({ kind: 'edit', message })}>
          Edit
        </Menu.Item>
      )}
      <Menu.Item leftSection={<Icon name="info" size={16} />} onClick={() => showDetails(seq)}>
        Details
      </Menu.Item>
      {mayChange && (
        <Menu.Item
          className={classes.delete}
          leftSection={<Icon name="trash" size={16} />}
          closeMenuOnClick={isAsked}
          onClick={() => (isAsked ? remove() : setAsked(true))}
        >
          {isAsked ? 'Delete for everyone?' : 'Delete'}
        </Menu.Item>
      )}
    </>
  );
}
