import { Button } from '@mantine/core';
import { useState } from 'react';

interface ConfirmButtonProps {
  label: string;
  /** What the button shows after the first click. The second one confirms. */
  question: string;
  /** For screen readers, if the label alone does not name the object. */
  name?: string;
  isBusy: boolean;
  onConfirm(): void;
}

/** A button that is clicked twice, for what others notice. It forgets the first click when it loses the focus. */
export function ConfirmButton({ label, question, name, isBusy, onConfirm }: ConfirmButtonProps) {
  const [isAsked, setAsked] = useState(false);
  return (
    <Button
      size="compact-xs"
      variant={isAsked ? 'filled' : 'default'}
      {...(isAsked && { color: 'red.9' })}
      disabled={isBusy}
      aria-label={isAsked ? `${name ?? label}: ${question}` : name}
      onBlur={() => setAsked(false)}
      onClick={() => {
        setAsked(!isAsked);
        if (isAsked) onConfirm();
      }}
    >
      {isAsked ? question : label}
    </Button>
  );
}
