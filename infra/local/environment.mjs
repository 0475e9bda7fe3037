/*
 * The environment of the commands. A developer's shell has variables for other programs, and those of libpq, of Redis's
 * tools and of Node change ours: with PGSSLMODE=require every connection to the private Postgres would fail.
 */

/** Variables of libpq (not PG_POOL_SIZE), of Redis's tools, of Node, of libraries, of the locale and of shells. */
const FOREIGN =
  /^(PG[A-Z]+|REDISCLI_.*|NODE_(OPTIONS|PATH|DEBUG.*|V8_COVERAGE|USE_ENV_PROXY|TLS_REJECT_UNAUTHORIZED|PENDING_.*|REPL_.*)|DEBUG|DEBUG_.*|LANG|LANGUAGE|LC_.*|TZ|ENV|BASH_ENV)$/;

/** Variables of the machine and the user, of npm, of CI, and of the commands that start clusters of their own. */
const OWN =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|COLUMNS|LINES|TMPDIR|CI|GITHUB_.*|FORCE_COLOR|NO_COLOR|INIT_CWD|npm_.*|TEST_JOBS|UPDATE_.*|CHAT_TEST_.*|((HTTPS?|NO|ALL)_PROXY)|((https?|no|all)_proxy)|SSL_CERT_.*|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE|XDG_.*|LD_LIBRARY_PATH|DOCKER_.*|KUBECONFIG)$/;

/** Commands whose clusters are their own: the settings in the shell are for another cluster. */
const PRIVATE = ['test', 'check', 'verify', 'fuzz', 'pictures'];

/** The environment of a command: without foreign variables; a private command gets no settings either. */
export function environmentOf(command, env) {
  const isPassed = PRIVATE.includes(command) ? (name) => OWN.test(name) : (name) => !FOREIGN.test(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => isPassed(name)));
}
