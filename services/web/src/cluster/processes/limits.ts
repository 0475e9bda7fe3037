/** The limits of the Prometheus rules: a figure beyond one of them is marked. The rules also require a duration. */
export const LIMITS = {
  /** ChatEventLoopLate */
  eventLoopP99Ms: 200,
  /** ChatMemoryHigh */
  memoryBytes: 850e6,
  /** ChatFanoutWaste */
  fanoutWaste: 0.2,
  /** ChatLaneLate */
  oldestEntryMs: 5_000,
  /** ChatRedisSlow */
  redisMs: 100,
  /** ChatPostgresSlow */
  postgresMs: 500,
} as const;
