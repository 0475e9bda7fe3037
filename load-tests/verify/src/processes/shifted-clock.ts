/*
 * Preloaded into a service (NODE_OPTIONS=--import …). Its wall clock differs from the clock of the machine by
 * CLOCK_SHIFT_MS milliseconds. performance.now() and timers are unchanged, as on a real host with a wrong clock.
 */
const shiftMs = Number(process.env.CLOCK_SHIFT_MS);
if (!Number.isFinite(shiftMs)) throw new Error('CLOCK_SHIFT_MS is not a number.');

const MachineDate = Date;

class ShiftedDate extends MachineDate {
  constructor(...args: ConstructorParameters<typeof MachineDate> | []) {
    if (args.length === 0) super(ShiftedDate.now());
    else super(...args);
  }

  static override now(): number {
    return MachineDate.now() + shiftMs;
  }
}

// Dates that Node itself creates, or that exist already, pass `instanceof Date` too.
Object.defineProperty(ShiftedDate, Symbol.hasInstance, { value: (it: unknown) => it instanceof MachineDate });
globalThis.Date = ShiftedDate as DateConstructor;
