/*
 * Loaded before a service (NODE_OPTIONS=--import …): its wall clock differs from that of the machine by CLOCK_SHIFT_MS
 * milliseconds. What is measured without a wall clock, performance.now() and timers, stays as it is, as on a real host.
 */
const shiftMs = Number(process.env.CLOCK_SHIFT_MS);
if (!Number.isFinite(shiftMs)) throw new Error('CLOCK_SHIFT_MS is no number.');

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

// Dates made before, or by Node itself, are dates too.
Object.defineProperty(ShiftedDate, Symbol.hasInstance, { value: (it: unknown) => it instanceof MachineDate });
globalThis.Date = ShiftedDate as DateConstructor;
