/** Of the gateways and the worker of job-per-message. */
export const JOB_QUEUE = 'messages';
