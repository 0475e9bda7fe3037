export { ConversationState, isHeld } from './conversation-state.ts';
export { ChatCore, type CoreOptions, type CoreOutput } from './core.ts';
export { DeliveredMarks, type DeliveredMarksDeps } from './delivered-marks.ts';
export { MessageWindow } from './message-window.ts';
export type { Outgoing } from './outbox.ts';
export { type Clock, systemClock, type Wire } from './seams.ts';
