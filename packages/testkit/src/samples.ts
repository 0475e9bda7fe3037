import { median } from './quantile.ts';

/**
 * One sample out of many of the same shape: the median of each number, also in nested objects. Other fields have the
 * value of the first sample.
 */
export function mediansOf<T>(samples: readonly T[]): T {
  const [first] = samples;
  if (typeof first === 'number') return median(samples as readonly number[]) as T;
  if (typeof first !== 'object' || first === null) return first as T;
  const keys = Object.keys(first) as (keyof T)[];
  return Object.fromEntries(keys.map((key) => [key, mediansOf(samples.map((sample) => sample[key]))])) as T;
}

/** The sums of some fields over all samples. */
export function sumsOf<Field extends string>(
  samples: readonly Record<Field, number>[],
  fields: readonly Field[],
): Record<Field, number> {
  const sum = (field: Field) => samples.reduce((total, sample) => total + sample[field], 0);
  return Object.fromEntries(fields.map((field) => [field, sum(field)])) as Record<Field, number>;
}
