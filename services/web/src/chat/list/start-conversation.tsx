import type { ChatError } from '@chat-cluster/client';
import { ActionIcon, Button, Popover, SegmentedControl, TextInput } from '@mantine/core';
import { type FormEvent, memo, useState } from 'react';
import { Icon } from '../../ui/icon.tsx';
import { problemOfIds, userIdsIn } from '../group/user-ids.ts';
import { TITLE_LENGTH, USER_ID_LENGTH } from '../limits.ts';
import { usePaneView } from '../pane/pane-view.ts';
import { useClient, useUserId } from '../session/session-context.ts';
import classes from './conversation-list.module.css';

/** Opens the conversation with a user, found or created, or creates a group. */
export const StartConversation = memo(function StartConversation() {
  const [isShown, setShown] = useState(false);
  return (
    <Popover
      opened={isShown}
      onChange={setShown}
      position="bottom-start"
      trapFocus
      returnFocus
      withinPortal={false}
      width={260}
    >
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="New conversation" onClick={() => setShown(!isShown)}>
          <Icon name="pen" />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="New conversation">
        <StartForms onDone={() => setShown(false)} />
      </Popover.Dropdown>
    </Popover>
  );
});

type Kind = 'user' | 'group';

function StartForms({ onDone }: { onDone(): void }) {
  const [kind, setKind] = useState<Kind>('user');
  const Form = kind === 'user' ? StartForm : GroupForm;
  return (
    <div className={classes.start}>
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label="Kind of conversation"
        data={[
          { value: 'user', label: 'One user' },
          { value: 'group', label: 'Group' },
        ]}
        value={kind}
        onChange={(value) => setKind(value as Kind)}
      />
      <Form onDone={onDone} />
    </div>
  );
}

function StartForm({ onDone }: { onDone(): void }) {
  const client = useClient();
  const ownId = useUserId();
  const [userId, setUserId] = useState('');
  const { problem, setProblem, isOpening, open } = useOpening(onDone);
  const start = (event: FormEvent) => {
    event.preventDefault();
    const other = userId.trim();
    if (other === '') return setProblem('Type the id of a user.');
    if (other === ownId) return setProblem('This is your own id.');
    open(client.direct(other));
  };
  return (
    <form className={classes.start} onSubmit={start}>
      <TextInput
        label="User id"
        placeholder="carol"
        value={userId}
        onChange={({ currentTarget }) => {
          setUserId(currentTarget.value);
          setProblem(undefined);
        }}
        error={problem}
        maxLength={USER_ID_LENGTH}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
      <Button type="submit" loading={isOpening} fullWidth>
        Open conversation
      </Button>
    </form>
  );
}

function GroupForm({ onDone }: { onDone(): void }) {
  const client = useClient();
  const ownId = useUserId();
  const [title, setTitle] = useState('');
  const [members, setMembers] = useState('');
  // A repetition after a lost connection finds the same group.
  const [changeId] = useState(() => crypto.randomUUID());
  const { problem, setProblem, isOpening, open } = useOpening(onDone);
  const [titleProblem, setTitleProblem] = useState<string>();
  const create = (event: FormEvent) => {
    event.preventDefault();
    if (title.trim() === '') return setTitleProblem('Type a title.');
    const userIds = userIdsIn(members).filter((id) => id !== ownId);
    const problemOfMembers = problemOfIds(userIds);
    if (problemOfMembers !== undefined) return setProblem(problemOfMembers);
    open(client.groups.create({ title: title.trim(), userIds, changeId }));
  };
  return (
    <form className={classes.start} onSubmit={create}>
      <TextInput
        label="Title"
        placeholder="Lunch"
        value={title}
        onChange={({ currentTarget }) => {
          setTitle(currentTarget.value);
          setTitleProblem(undefined);
          setProblem(undefined);
        }}
        error={titleProblem}
        maxLength={TITLE_LENGTH}
        autoComplete="off"
        dir="auto"
      />
      <TextInput
        label="Other members"
        placeholder="bob, carol"
        value={members}
        onChange={({ currentTarget }) => {
          setMembers(currentTarget.value);
          setProblem(undefined);
        }}
        error={problem}
        autoComplete="off"
        spellCheck={false}
      />
      <Button type="submit" loading={isOpening} fullWidth>
        Create group
      </Button>
    </form>
  );
}

/** Shows a conversation that is being opened or created, or why it is not. */
function useOpening(onDone: () => void) {
  const choose = usePaneView((view) => view.choose);
  const [problem, setProblem] = useState<string>();
  const [isOpening, setOpening] = useState(false);
  const open = (opening: Promise<{ id: string }>) => {
    setOpening(true);
    opening
      .then(({ id }) => {
        onDone();
        choose(id);
      })
      .catch((error: ChatError) => setProblem(error.message))
      .finally(() => setOpening(false));
  };
  return { problem, setProblem, isOpening, open };
}
