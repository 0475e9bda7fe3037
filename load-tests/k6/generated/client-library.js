// Generated from packages/testkit/src/portable.ts, which contains packages/client/src/core:
// UPDATE_K6=1 npm test -- load-tests/k6/test/client-library.test.ts
// packages/client/src/core/conversation-state.ts
function isHeld({ upTo = -1, beyond }, seq) {
	return seq <= upTo || beyond.has(seq);
}
var ConversationState = class {
	id;
	otherUserId;
	lastMessage = null;
	lastSeq = 0;
	upTo;
	unreadCount = 0;
	countedDuring = 0;
	readMarks = {};
	updatedAt = 0;
	window;
	extra = {};
	beyond = new Map();
	#isReloaded = false;
	#deliver;
	constructor(id, deliver) {
		this.id = id;
		this.#deliver = deliver;
	}
	get isKnown() {
		return (this.otherUserId ?? this.extra.group) !== void 0;
	}
	get firstSeq() {
		return this.window?.messages[0]?.seq ?? (this.upTo ?? 0) + 1;
	}
	get isComplete() {
		return (this.upTo ?? -1) >= this.lastSeq && this.window?.loadAfter === void 0;
	}
	receive(message, maxWaiting) {
		const { seq } = message;
		this.note(message);
		if (seq === 1) this.upTo ??= 0;
		const { upTo = -1 } = this;
		if (seq <= upTo) {
			if (seq > this.firstSeq) this.window?.append(message);
		} else if (seq === upTo + 1) {
			this.upTo = seq;
			this.window?.append(message);
			this.#deliver(message);
			if (this.beyond.has(seq + 1)) this.skipTo(seq);
		} else if (this.beyond.size < maxWaiting && !this.beyond.has(seq)) {
			this.beyond.set(seq, message);
			this.window?.append(message);
		}
	}
	begin(lastSeq, upTo) {
		this.lastSeq = Math.max(this.lastSeq, lastSeq);
		if (this.upTo !== void 0) return;
		const end = this.#isReloaded ? lastSeq : Math.min(lastSeq, upTo);
		this.skipTo(Math.min(end, ...[...this.beyond.keys()].map((seq) => seq - 1)));
	}
	note(message) {
		this.lastSeq = Math.max(this.lastSeq, message.seq);
		if (this.lastMessage && message.seq <= this.lastMessage.seq) return;
		this.lastMessage = message;
		this.active(message.createdAt);
	}
	active(at) {
		this.updatedAt = Math.max(this.updatedAt, Date.parse(at));
	}
	skipTo(seq) {
		this.upTo = Math.max(this.upTo ?? seq, seq);
		for (const waiting of [...this.beyond.keys()].sort((a, b) => a - b)) {
			if (waiting > this.upTo + 1) break;
			this.upTo = Math.max(this.upTo, waiting);
			const message = this.beyond.get(waiting);
			this.beyond.delete(waiting);
			this.#deliver(message);
		}
	}
	markRead(userId, upToSeq) {
		if (upToSeq <= (this.readMarks[userId] ?? 0)) return false;
		this.readMarks = {
			...this.readMarks,
			[userId]: upToSeq
		};
		return true;
	}
	restart() {
		this.lastMessage = null;
		this.lastSeq = 0;
		this.upTo = void 0;
		this.unreadCount = 0;
		this.readMarks = {};
		this.extra = {};
		this.beyond.clear();
		this.#isReloaded = true;
		this.window?.reset();
	}
};
// packages/client/src/wire.ts
const NO_MESSAGES = 2 ** 31 - 2;
const ANSWER_TIMEOUT_MS = 1e4;
// packages/client/src/core/get-or-add.ts
function getOrAdd(map, key, make) {
	const value = map.get(key) ?? make();
	map.set(key, value);
	return value;
}
// packages/client/src/core/problem.ts
function problem(code, message, retryable = true) {
	return {
		code,
		message,
		retryable
	};
}
// packages/client/src/core/history.ts
const LOST = problem("CONNECTION_LOST", "There is no connection. Try again later.");
var History = class {
	#clock;
	#entered;
	#wire;
	#underWay = new Set();
	constructor(clock, entered) {
		this.#clock = clock;
		this.#entered = entered;
	}
	start(wire) {
		this.#wire = wire;
	}
	stop() {
		this.#wire = void 0;
		for (const end of [...this.#underWay]) end(LOST);
	}
	load(id, fromSeq, toSeq, onLoaded) {
		if (!this.#wire) {
			onLoaded(LOST, []);
			return;
		}
		const end = (error, messages = []) => {
			if (!this.#underWay.delete(end)) return;
			cancelTimeout();
			onLoaded(error, messages);
		};
		const late = problem("TIMEOUT", "The server did not respond in time. Try again.");
		const cancelTimeout = this.#clock.after(ANSWER_TIMEOUT_MS, () => end(late));
		this.#underWay.add(end);
		const payload = {
			conversations: [{
				id,
				afterSeq: fromSeq - 1
			}],
			limit: toSeq - fromSeq + 1
		};
		this.#wire.call("sync", payload, (answer) => {
			if (!answer.ok) end(answer.error);
			else if (this.#entered(answer.epoch)) end();
			else if (answer.notFound[0]) end(problem("CONVERSATION_NOT_FOUND", NOT_FOUND, false));
			else end(void 0, answer.conversations[0]?.messages.filter(({ seq }) => seq <= toSeq));
		});
	}
};
const NOT_FOUND = "You are not in this conversation.";
// packages/client/src/core/message-window.ts
var MessageWindow = class {
	messages = [];
	loadAfter = NaN;
	loads = 0;
	isUp = false;
	#limit;
	constructor(limit) {
		this.#limit = limit;
	}
	append(message) {
		const { messages } = this;
		if (messages.length >= this.#limit) {
			if (this.isUp) return;
			messages.splice(0, messages.length / 8);
		}
		this.extend([message]);
	}
	extend(loaded) {
		const { messages } = this;
		for (const message of loaded) {
			const before = messages.findLastIndex(({ seq }) => seq <= message.seq);
			if (messages[before]?.seq !== message.seq) messages.splice(before + 1, 0, message);
		}
		const surplus = messages.length - Math.max(this.#limit, 2 * loaded.length);
		const isBefore = this.isUp && loaded[0] === messages[0];
		if (surplus > 0) messages.splice(isBefore ? -surplus : 0, surplus);
	}
	reset() {
		this.messages.length = 0;
		this.loadAfter = NaN;
	}
	holes(upTo) {
		const holes = [];
		let fromSeq = Number.POSITIVE_INFINITY;
		for (const seq of [...this.messages.map(({ seq }) => seq), upTo + 1]) {
			const toSeq = Math.min(seq - 1, upTo);
			if (toSeq >= fromSeq) holes.push({
				fromSeq,
				toSeq
			});
			fromSeq = seq + 1;
		}
		return holes;
	}
};
// packages/client/src/core/seams.ts
function isFinal({ code, retryable }) {
	return !retryable && !code.startsWith("TOKEN_");
}
const systemClock = {
	now: () => Date.now(),
	after(ms, run) {
		const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1));
		return () => clearTimeout(timer);
	},
	random: () => Math.random()
};
const LONGEST_MS = 3e4;
function backOffMs(clock, attempt, firstMs, longestMs = LONGEST_MS) {
	return clock.random() * Math.min(longestMs, firstMs * 2 ** attempt);
}
function pauseMs(clock, retryAfterMs, refusals, firstMs) {
	return retryAfterMs === void 0 ? firstMs / 4 + backOffMs(clock, refusals, firstMs) : retryAfterMs * (1 + clock.random() / 4);
}
// packages/client/src/core/outbox.ts
const PAUSE_MS$2 = 500;
const EXPIRY_CHECK_MS = 1e3;
var Outbox = class {
	#clock;
	#options;
	#owner;
	#items = new Map();
	#queues = new Map();
	#wire;
	#attempts = 0;
	#refusals = 0;
	#window = Number.POSITIVE_INFINITY;
	#isPaused = false;
	#cancelPause;
	#cancelExpiry;
	#underWay = new Map();
	constructor(clock, options, owner) {
		this.#clock = clock;
		this.#options = options;
		this.#owner = owner;
	}
	get size() {
		return this.#items.size;
	}
	get unsent() {
		return [...this.#queues.values()].flat().length;
	}
	get(id) {
		return this.#items.get(id);
	}
	all() {
		return [...this.#items.values()].sort((a, b) => a.order - b.order);
	}
	add(outgoing) {
		if (this.#items.has(outgoing.clientMessageId)) return;
		this.#items.set(outgoing.clientMessageId, outgoing);
		if (outgoing.status === "failed") return;
		const queue = this.#enqueue(outgoing);
		if (this.#cancelExpiry) this.#fill(queue);
		else this.#fillAll();
	}
	retry(outgoing) {
		if (outgoing.status !== "failed") return;
		delete outgoing.error;
		outgoing.queuedAt = this.#clock.now();
		this.#change(outgoing, "queued");
		this.#fill(this.#enqueue(outgoing));
	}
	discard(outgoing) {
		if (outgoing.attempt > 0) return false;
		this.#remove(outgoing);
		return true;
	}
	mirror(outgoing, status, error) {
		if (this.#wire || outgoing.status === status) return;
		if (outgoing.status === "failed") this.#enqueue(outgoing);
		if (status === "failed") this.#dequeue(outgoing);
		if (error) outgoing.error = error;
		else delete outgoing.error;
		this.#change(outgoing, status);
	}
	settle(outgoing, message) {
		this.#remove(outgoing);
		this.#owner.acknowledged(outgoing, message);
		this.#answered(outgoing.conversationId, true);
	}
	start(wire) {
		if (this.#wire) this.stop();
		this.#wire = wire;
		this.#window = Number.POSITIVE_INFINITY;
		this.#refusals = 0;
		this.#fillAll();
	}
	stop() {
		this.#wire = void 0;
		this.#endPause();
		this.#interrupt();
	}
	clear() {
		this.stop();
		this.#items.clear();
		this.#queues.clear();
		this.#cancelExpiry?.();
		this.#cancelExpiry = void 0;
	}
	#expire() {
		const { maxOutboxAgeMs } = this.#options;
		const now = this.#clock.now();
		let next = Number.POSITIVE_INFINITY;
		for (const outgoing of [...this.#queues.values()].flat()) {
			const expiresAt = outgoing.queuedAt + maxOutboxAgeMs;
			if (expiresAt < now && outgoing.attempt === 0) this.#fail(outgoing, EXPIRED);
			else next = Math.min(next, expiresAt);
		}
		this.#cancelExpiry?.();
		const waitMs = Math.max(EXPIRY_CHECK_MS, next - now + 1);
		this.#cancelExpiry = Number.isFinite(next) ? this.#clock.after(waitMs, () => this.#expire()) : void 0;
	}
	#fillAll() {
		this.#expire();
		for (const queue of [...this.#queues.values()]) this.#fill(queue);
		if (this.#underWay.size < this.#window) this.#window = Number.POSITIVE_INFINITY;
	}
	#fill(queue) {
		if (!this.#wire || this.#isPaused) return;
		let underWay = 0;
		for (const outgoing of queue) {
			if (underWay >= this.#options.maxSending || this.#underWay.size >= this.#window) return;
			underWay++;
			if (outgoing.attempt === 0) this.#send(this.#wire, outgoing);
		}
	}
	#send(wire, outgoing) {
		const attempt = ++this.#attempts;
		outgoing.attempt = attempt;
		this.#underWay.set(outgoing, this.#clock.after(ANSWER_TIMEOUT_MS, () => this.#unanswered()));
		this.#change(outgoing, "sending");
		const { status, error, sentAt, order, queuedAt, attempt: _, attachments, ...rest } = outgoing;
		const { clientMessageId } = rest;
		const draft = {
			...rest,
			...attachments.length > 0 && { attachments }
		};
		wire.call("send_message", draft, (answer) => {
			if (this.#items.get(clientMessageId) !== outgoing) return;
			if (answer.ok) {
				this.#refusals = 0;
				this.settle(outgoing, answer.message);
			} else if (outgoing.attempt === attempt) this.#refused(outgoing, answer);
		});
	}
	#refused(outgoing, { error }) {
		this.#endAttempt(outgoing);
		if (!isFinal(error)) {
			this.#change(outgoing, "queued");
			if (this.#items.has(outgoing.clientMessageId)) this.#pause(error.retryAfterMs);
		} else this.#fail(outgoing, problem(error.code, error.message, false));
		this.#answered(outgoing.conversationId, false);
	}
	#answered(conversationId, isStored) {
		if (this.#isPaused) {
			if (this.#underWay.size === 0 && !this.#cancelPause) this.#resume();
			return;
		}
		if (this.#window === Number.POSITIVE_INFINITY) {
			const queue = this.#queues.get(conversationId);
			if (queue) this.#fill(queue);
			return;
		}
		if (isStored) this.#window++;
		this.#fillAll();
	}
	#pause(ms) {
		if (this.#isPaused) return;
		this.#isPaused = true;
		this.#cancelPause = this.#clock.after(pauseMs(this.#clock, ms, this.#refusals++, PAUSE_MS$2), () => {
			this.#cancelPause = void 0;
			if (this.#underWay.size === 0) this.#resume();
		});
	}
	#resume() {
		this.#endPause();
		this.#window = 1;
		this.#fillAll();
	}
	#endPause() {
		this.#cancelPause?.();
		this.#cancelPause = void 0;
		this.#isPaused = false;
	}
	#unanswered() {
		this.#endPause();
		this.#interrupt();
		this.#pause(void 0);
	}
	#interrupt() {
		for (const outgoing of [...this.#underWay.keys()]) {
			this.#endAttempt(outgoing);
			this.#change(outgoing, "queued");
		}
	}
	#endAttempt(outgoing) {
		outgoing.attempt = 0;
		this.#underWay.get(outgoing)?.();
		this.#underWay.delete(outgoing);
	}
	#fail(outgoing, error) {
		this.#dequeue(outgoing);
		outgoing.error = error;
		this.#change(outgoing, "failed");
	}
	#remove(outgoing) {
		this.#endAttempt(outgoing);
		this.#items.delete(outgoing.clientMessageId);
		this.#dequeue(outgoing);
	}
	#enqueue(outgoing) {
		const queue = getOrAdd(this.#queues, outgoing.conversationId, () => []);
		queue.splice(queue.findLastIndex(({ order }) => order <= outgoing.order) + 1, 0, outgoing);
		return queue;
	}
	#dequeue(outgoing) {
		const { conversationId } = outgoing;
		const queue = this.#queues.get(conversationId) ?? [];
		const at = queue.indexOf(outgoing);
		if (at >= 0) queue.splice(at, 1);
		if (queue.length === 0) this.#queues.delete(conversationId);
	}
	#change(outgoing, status) {
		outgoing.status = status;
		this.#owner.changed(outgoing);
	}
};
const EXPIRED = problem("EXPIRED_IN_OUTBOX", "The message was not sent in time. Call retry or discard.");
// packages/client/src/core/sync.ts
const PAUSE_MS$1 = 1e3;
const SPREAD_MS = 500;
const GAP_DELAY_MS = 200;
var Sync = class {
	since;
	#clock;
	#owner;
	#wire;
	#wanted = new Map();
	#checkedMeanwhile = new Set();
	#isFeedDue = false;
	#isRefused = false;
	#isRepeatDue = false;
	#cursor;
	#request;
	#requests = 0;
	#refusals = 0;
	#cancelTimer;
	#timerAt = 0;
	#isPaused = false;
	#isApplying = false;
	constructor(clock, owner) {
		this.#clock = clock;
		this.#owner = owner;
	}
	get isBusy() {
		return this.#isFeedDue || this.#isRepeatDue || this.#wanted.size > 0 || this.#request !== void 0;
	}
	get request() {
		return this.#requests;
	}
	start(wire) {
		this.stop();
		this.#wire = wire;
		this.#refusals = 0;
		this.#require();
		this.#schedule(0);
	}
	stop() {
		this.#wire = void 0;
		this.#request = void 0;
		this.#endTimer();
	}
	require() {
		if (this.#request) {
			this.#isRepeatDue = true;
			return;
		}
		this.#require();
		this.#schedule(this.#clock.random() * SPREAD_MS);
	}
	want(id, isDelayed = false, isCheck = this.#wanted.get(id) ?? false) {
		this.#wanted.set(id, isCheck);
		this.#schedule(isDelayed ? GAP_DELAY_MS * (1 + this.#clock.random()) : 0);
	}
	check(id, isDelayed) {
		if (this.#request) this.#checkedMeanwhile.add(id);
		this.want(id, isDelayed, true);
	}
	restart() {
		this.reset();
		this.#request = void 0;
		this.#endTimer();
		this.#require();
		this.#schedule(0);
	}
	reset() {
		this.since = void 0;
		this.#wanted.clear();
		this.#isFeedDue = false;
		this.#isRepeatDue = false;
		this.#isRefused = false;
		this.#cursor = void 0;
	}
	#require() {
		this.#isRepeatDue = false;
		this.#isFeedDue = true;
		this.#cursor = this.since ?? "now";
		if (this.since !== void 0) return;
		for (const id of this.#owner.conversations.keys()) this.#wanted.set(id, true);
	}
	#schedule(ms) {
		if (!this.#wire || this.#request || this.#isPaused || this.#isApplying) return;
		if (ms === 0) {
			this.#next();
			return;
		}
		const at = this.#clock.now() + ms;
		if (this.#cancelTimer && this.#timerAt <= at) return;
		this.#endTimer();
		this.#timerAt = at;
		this.#cancelTimer = this.#clock.after(ms, () => this.#next());
	}
	#endTimer() {
		this.#cancelTimer?.();
		this.#cancelTimer = void 0;
		this.#isPaused = false;
	}
	#next() {
		this.#endTimer();
		const wire = this.#wire;
		if (!wire) return;
		const conversations = this.#slice();
		const since = this.#isFeedDue ? this.#cursor : void 0;
		if (conversations.length === 0 && since === void 0) {
			this.since = this.#cursor ?? this.since;
			if (this.#isRepeatDue) this.require();
			else this.#owner.caughtUp();
			return;
		}
		const request = {
			since,
			conversations
		};
		this.#request = request;
		this.#checkedMeanwhile.clear();
		this.#requests++;
		this.#cancelTimer = this.#clock.after(ANSWER_TIMEOUT_MS, () => this.#refused(void 0));
		wire.call("sync", {
			...request,
			limit: 500
		}, (answer) => {
			if (this.#request !== request) return;
			if (answer.ok && (since === void 0 || answer.feed)) this.#answered(request, answer);
			else this.#refused(answer.error);
		});
	}
	#slice() {
		const slice = [];
		for (const [id, isCheck] of this.#wanted) {
			if (slice.length === 100) break;
			if (!isCheck && this.#isComplete(id)) this.#wanted.delete(id);
			else slice.push({
				id,
				afterSeq: this.#owner.afterSeq(id),
				...this.#owner.extension?.requested(id)
			});
		}
		return slice;
	}
	#refused(error) {
		const request = this.#request;
		this.#request = void 0;
		if (error?.code === "VALIDATION_FAILED" && request?.since !== void 0 && request.since !== "now") {
			this.since = void 0;
			this.#isRefused = true;
			this.#require();
		}
		this.#endTimer();
		this.#isPaused = true;
		const ms = pauseMs(this.#clock, error?.retryAfterMs, this.#refusals++, PAUSE_MS$1);
		this.#cancelTimer = this.#clock.after(ms, () => this.#next());
	}
	#answered(request, answer) {
		this.#endTimer();
		this.#request = void 0;
		if (this.#owner.entered(answer.epoch)) return;
		if (answer.feed?.reset) {
			this.#owner.discard();
			return;
		}
		this.#isApplying = true;
		this.#apply(request, answer);
		this.#isApplying = false;
		if (request.since === void 0 && this.#isStuck(request)) {
			this.#owner.caughtUp();
			this.#refused(void 0);
		} else {
			this.#refusals = 0;
			this.#next();
		}
	}
	#apply(request, { conversations, notFound, unread, feed }) {
		const asked = new Map(request.conversations.map(({ id, afterSeq }) => [id, afterSeq]));
		for (const id of asked.keys()) this.#wanted.set(id, this.#checkedMeanwhile.has(id));
		for (const conversation of conversations) this.#owner.synced(conversation, asked.get(conversation.id) ?? 0);
		for (const id of notFound) {
			this.#wanted.delete(id);
			this.#owner.notFound(id);
		}
		if (!feed) return;
		if (request.since === "now") this.#owner.unread(unread.conversations, this.#isRefused);
		this.#isRefused = false;
		for (const entry of feed.conversations) this.#owner.listed(entry);
		this.#isFeedDue = feed.hasMore;
		this.#cursor = feed.since;
	}
	#isStuck({ conversations }) {
		const incomplete = conversations.filter(({ id }) => !this.#isComplete(id));
		return incomplete.length > 0 && incomplete.every(({ id, afterSeq }) => this.#owner.afterSeq(id) === afterSeq);
	}
	#isComplete(id) {
		return this.#owner.conversations.get(id)?.isComplete ?? true;
	}
};
var ChatCore = class {
	conversations = new Map();
	outbox;
	sync;
	history;
	userId;
	epoch;
	badge;
	extension;
	#options;
	#output;
	constructor(clock, options, output) {
		this.#options = options;
		this.#output = output;
		this.outbox = new Outbox(clock, options, this);
		this.sync = new Sync(clock, this);
		this.history = new History(clock, (epoch) => this.entered(epoch));
	}
	connected(wire, { userId, epoch }) {
		this.userId = userId;
		this.entered(epoch);
		this.history.start(wire);
		this.sync.start(wire);
	}
	disconnected() {
		this.sync.stop();
		this.history.stop();
		this.outbox.stop();
	}
	event(name, payload) {
		if (name === "new_message") this.receive(payload);
		else if (name === "unread_count") this.#counted(payload);
		else if (name === "messages_read") this.markRead(payload);
		else if (name === "sync_required") this.sync.require();
	}
	receive(message) {
		const { receiverId } = message;
		if (this.#ignores(receiverId)) return;
		let state = this.conversations.get(message.conversationId);
		if (!state) {
			state = this.state(message.conversationId);
			this.sync.check(state.id, true);
		}
		const isOwn = message.senderId === this.userId;
		state.otherUserId ??= receiverId && (isOwn ? receiverId : message.senderId);
		state.receive(message, this.#options.maxBacklog);
		if (state.beyond.size > 0) this.sync.want(state.id, state.upTo !== void 0);
		this.#output.changed(state);
		const outgoing = isOwn && !this.#options.onlyAcksSettle ? this.outbox.get(message.clientMessageId) : void 0;
		if (outgoing?.conversationId === message.conversationId) this.outbox.settle(outgoing, message);
	}
	markRead(mark) {
		const state = this.conversations.get(mark.conversationId);
		if (!state?.markRead(mark.userId, mark.upToSeq)) return;
		this.#output.changed(state);
		this.#output.read(mark);
	}
	state(id) {
		const deliver = (message) => this.#output.message(message);
		return getOrAdd(this.conversations, id, () => new ConversationState(id, deliver));
	}
	withUser(userId) {
		return [...this.conversations.values()].find(({ otherUserId }) => otherUserId === userId);
	}
	readUpTo(id, userId = this.userId) {
		return this.conversations.get(id)?.readMarks[userId] ?? 0;
	}
	isRead({ conversationId, receiverId, seq, isRead }) {
		return isRead || receiverId !== void 0 && seq <= this.readUpTo(conversationId, receiverId);
	}
	open(id) {
		const state = this.state(id);
		if (!state.window) {
			state.window = new MessageWindow(this.#options.windowSize);
			this.sync.check(id);
		}
		return state.window;
	}
	summary(entry, isCurrent = false) {
		if (this.#ignores(entry.otherUserId)) return;
		const state = this.state(entry.id);
		if (isCurrent || !state.isKnown || entry.lastSeq > state.lastSeq) state.unreadCount = entry.unreadCount;
		state.otherUserId = entry.otherUserId;
		state.active(entry.updatedAt);
		state.lastSeq = Math.max(state.lastSeq, entry.lastSeq);
		if (state.beyond.size === 0 && !state.window) state.begin(entry.lastSeq, entry.lastSeq);
		const { lastMessage } = entry;
		if (lastMessage && state.upTo !== void 0 && lastMessage.seq === state.upTo + 1) this.receive(lastMessage);
		else if (lastMessage) state.note(lastMessage);
		this.extension?.shows(state, entry);
		if (!state.isComplete) this.sync.want(state.id);
		this.#output.changed(state);
	}
	entered(epoch) {
		if (epoch === void 0 || epoch === this.epoch) return false;
		const isOther = this.epoch !== void 0;
		this.epoch = epoch;
		if (isOther) this.discard();
		return isOther;
	}
	discard() {
		for (const state of this.conversations.values()) {
			state.restart();
			if (!state.window) this.conversations.delete(state.id);
		}
		this.#output.discontinuity(void 0);
		this.sync.restart();
	}
	reset() {
		this.conversations.clear();
		this.userId = void 0;
		this.epoch = void 0;
		this.badge = void 0;
		this.sync.reset();
	}
	changed(outgoing) {
		this.#output.outboxChanged(outgoing);
	}
	acknowledged(outgoing, message) {
		this.receive(message);
		this.#output.acknowledged(outgoing, message);
	}
	caughtUp() {
		this.#output.caughtUp();
	}
	#counted({ count, conversations = [] }) {
		this.badge = count;
		for (const { conversationId, count } of conversations) {
			const state = this.conversations.get(conversationId);
			if (!state) continue;
			state.countedDuring = this.sync.request;
			this.#setUnread(state, count);
		}
		this.#output.counted(count);
	}
	unread(conversations, discover) {
		const counts = new Map(conversations.map(({ conversationId, count }) => [conversationId, count]));
		const isAll = counts.size < 100;
		for (const state of this.conversations.values()) {
			const count = counts.get(state.id) ?? (isAll ? 0 : state.unreadCount);
			counts.delete(state.id);
			if (state.countedDuring !== this.sync.request) this.#setUnread(state, count);
		}
		if (!discover) return;
		for (const [id, count] of counts) {
			this.state(id).unreadCount = count;
			this.sync.check(id);
		}
	}
	#setUnread(state, count) {
		if (state.unreadCount === count) return;
		state.unreadCount = count;
		this.#output.changed(state);
	}
	listed(entry) {
		const state = this.state(entry.id);
		this.#marks(state, entry);
		state.begin(entry.lastSeq, this.readUpTo(entry.id));
		this.summary(entry, state.countedDuring !== this.sync.request);
	}
	afterSeq(id) {
		const state = this.conversations.get(id);
		if (!state) return NO_MESSAGES;
		this.#skipBacklog(state);
		const { window, upTo = NO_MESSAGES } = state;
		if (window?.loadAfter === void 0) return upTo;
		if (Number.isNaN(window.loadAfter)) {
			if (upTo === NO_MESSAGES) return NO_MESSAGES;
			window.loadAfter = Math.max(0, state.lastSeq - 50);
		}
		return Math.min(upTo, window.loadAfter);
	}
	#skipBacklog(state) {
		if (state.upTo === void 0 || state.lastSeq - state.upTo <= this.#options.maxBacklog) return false;
		state.skipTo(state.lastSeq - 50);
		if (state.window) state.window.loadAfter = void 0;
		this.#output.discontinuity(state);
		return true;
	}
	synced(entry, afterSeq) {
		const { id, messages, lastSeq, hasMore } = entry;
		const state = this.conversations.get(id);
		if (!state) return;
		if (entry.group && !this.extension) {
			this.notFound(id);
			return;
		}
		this.#marks(state, entry);
		state.begin(lastSeq, this.readUpTo(id));
		const isSkipped = !(!hasMore && afterSeq <= state.upTo) && this.#skipBacklog(state);
		const upTo = state.upTo;
		const { window } = state;
		if (window) {
			if (!isSkipped) window.extend(messages.filter(({ seq }) => seq <= upTo));
			if ((afterSeq === NO_MESSAGES || !Number.isNaN(window.loadAfter)) && !isSkipped) window.loadAfter = loadedUpTo(afterSeq, messages, state, hasMore);
		}
		for (const message of messages) if (message.seq > upTo) this.receive(message);
		else state.note(message);
		this.extension?.shows(state, entry);
		this.#output.changed(state);
	}
	#ignores(otherUserId) {
		return otherUserId === void 0 && !this.extension;
	}
	#marks(state, { readMarks: marks, group }) {
		const known = Object.keys(state.readMarks).length > 0;
		for (const { userId, upToSeq, readAt } of marks) {
			if (!group && (userId !== this.userId || marks.length === 1)) state.otherUserId ??= userId;
			if (state.markRead(userId, upToSeq) && known && readAt !== null) this.#output.read({
				conversationId: state.id,
				userId,
				upToSeq,
				readAt
			});
		}
	}
	notFound(id) {
		const state = this.conversations.get(id);
		if (!state) return;
		state.restart();
		state.begin(0, 0);
		state.otherUserId = void 0;
		if (state.window) state.window.loadAfter = void 0;
		else this.conversations.delete(id);
		this.#output.changed(state);
	}
};
function loadedUpTo(afterSeq, messages, state, hasMore) {
	const last = messages.at(-1)?.seq ?? 0;
	if (afterSeq === NO_MESSAGES) return state.lastSeq > 0 ? Math.max(0, state.lastSeq - 50) : void 0;
	return hasMore && last < state.upTo ? last : void 0;
}
// packages/client/src/core/delivered-marks.ts
const COLLECT_MS = 1e3;
const PAUSE_MS = 5e3;
var DeliveredMarks = class {
	#deps;
	#pending = new Map();
	#cancelTimer;
	constructor(deps) {
		this.#deps = deps;
	}
	add(id, upToSeq, memberCount = 0) {
		if (memberCount > 32) return;
		this.#pending.set(id, Math.max(upToSeq, this.#pending.get(id) ?? 0));
		this.start();
	}
	start(ms = COLLECT_MS) {
		if (this.#cancelTimer || this.#pending.size === 0) return;
		this.#cancelTimer = this.#deps.clock.after(ms, () => this.#send());
	}
	stop() {
		this.#cancelTimer?.();
		this.#cancelTimer = void 0;
	}
	clear() {
		this.stop();
		this.#pending.clear();
	}
	#send() {
		const { live, core, tabs, clock } = this.#deps;
		this.#cancelTimer = void 0;
		if (!live) return;
		if (!tabs.isLeading) this.#pending.clear();
		const unread = [...this.#pending].filter(([id, upToSeq]) => upToSeq > core.readUpTo(id));
		const conversations = unread.splice(0, 100).map(([id, upToSeq]) => ({
			id,
			upToSeq
		}));
		this.#pending = new Map(unread);
		if (conversations.length === 0) return;
		live.call("mark_delivered", { conversations }, (answer) => {
			if (answer.ok || isFinal(answer.error)) return;
			for (const { id, upToSeq } of conversations) this.add(id, upToSeq);
			this.stop();
			this.start(pauseMs(clock, answer.error.retryAfterMs, 0, PAUSE_MS));
		});
		this.start();
	}
};
// packages/testkit/src/align-rows.ts
function alignRows(rows) {
	const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => String(row[i] ?? "").length))) ?? [];
	return rows.map((row) => {
		return row.map((cell, i) => {
			const text = String(cell);
			return i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
		}).join("  ");
	});
}
// packages/testkit/src/event-order.ts
var EventOrder = class {
	#first = 0;
	#newest = 0;
	#missing = new Set();
	add(seq) {
		if (this.#newest === 0) this.#first = seq;
		else for (let between = this.#newest + 1; between < seq; between++) this.#missing.add(between);
		const known = seq >= this.#first && seq <= this.#newest && !this.#missing.delete(seq);
		const late = seq < this.#newest;
		this.#newest = Math.max(this.#newest, seq);
		if (known) return "repeated";
		return late ? "late" : "next";
	}
};
// packages/testkit/src/reconnecting-client.ts
const BACK_OFF = {
	firstMs: 1e3,
	longestMs: 5e3,
	jitter: .5,
	attemptMs: 2e4
};
var ReconnectingClient = class {
	#open;
	#events;
	#client;
	#connected = false;
	#closed = false;
	#failures = 0;
	#timer;
	constructor(open, events) {
		this.#open = open;
		this.#events = events;
	}
	get connection() {
		return this.#connected ? this.#client : void 0;
	}
	connect() {
		const client = this.#open({
			connected: () => this.#opened(),
			event: (name, payload) => this.#events.event(name, payload),
			closed: (refusal, error) => this.#lost(refusal, error)
		});
		this.#client = client;
		this.#timer = setTimeout(() => client.close(), BACK_OFF.attemptMs);
	}
	drop() {
		this.#client?.close();
	}
	close() {
		this.#closed = true;
		clearTimeout(this.#timer);
		this.#client?.close();
	}
	#opened() {
		clearTimeout(this.#timer);
		this.#connected = true;
		this.#failures = 0;
	}
	#lost(refusal, error) {
		clearTimeout(this.#timer);
		this.#connected = false;
		this.#events.lost(refusal, error);
		if (this.#closed) return;
		const jitter = 1 - BACK_OFF.jitter + 2 * BACK_OFF.jitter * Math.random();
		const pause = BACK_OFF.firstMs * 2 ** Math.min(this.#failures++, 10) * jitter;
		this.#timer = setTimeout(() => this.connect(), Math.min(BACK_OFF.longestMs, pause));
	}
};
// packages/testkit/src/lean-device.ts
const OPTIONS = {
	windowSize: 0,
	maxBacklog: Number.POSITIVE_INFINITY,
	maxOutboxAgeMs: 864e5,
	maxSending: Number.POSITIVE_INFINITY,
	onlyAcksSettle: true
};
const GROUPS = {
	requested: () => ({}),
	shows() {}
};
const ONE_TAB = { isLeading: true };
var LeanDevice = class {
	core;
	clock = systemClock;
	tabs = ONE_TAB;
	isOpen = false;
	isLive = false;
	receiving;
	refusedBy;
	#client;
	#deliveredMarks;
	#queued = 0;
	constructor(open) {
		this.core = new ChatCore(systemClock, OPTIONS, this);
		this.core.extension = GROUPS;
		this.#client = new ReconnectingClient(open, {
			event: (name, payload) => this.#event(name, payload),
			lost: (refusal, error) => this.#lost(refusal, error)
		});
	}
	get live() {
		return this.isLive ? this : void 0;
	}
	reportDeliveries() {
		this.#deliveredMarks = new DeliveredMarks(this);
	}
	connect() {
		this.#client.connect();
	}
	drop() {
		this.#client.drop();
	}
	close() {
		this.#client.close();
		this.isOpen = false;
		this.core.disconnected();
		this.core.outbox.clear();
		this.#deliveredMarks?.clear();
	}
	queue(draft) {
		const sentAt = Date.now();
		const order = this.#queued++;
		const outgoing = {
			...draft,
			attachments: [],
			sentAt,
			queuedAt: sentAt,
			order,
			status: "queued",
			attempt: 0
		};
		this.core.outbox.add(outgoing);
	}
	call(event, payload, onAnswer) {
		this.requested(event);
		this.#client.connection?.call(event, payload, (answer) => {
			this.receiving = event;
			this.refusedBy = answer.ok ? void 0 : answer.error.code;
			if (event === "sync" && answer.ok && this.#deliveredMarks) this.#setGroups(answer);
			this.answered(event, answer, () => onAnswer(answer), payload);
			this.refusedBy = void 0;
		});
	}
	opened() {}
	lost(_wasOpen, _refusal, _error) {}
	event(_name, _payload) {}
	requested(_event) {}
	answered(_event, _answer, proceed, _request) {
		proceed();
	}
	message({ conversationId, senderId, seq }) {
		if (senderId === this.core.userId) return;
		this.#deliveredMarks?.add(conversationId, seq, this.core.state(conversationId).extra.group?.memberCount);
	}
	changed() {}
	counted() {}
	read() {}
	outboxChanged(_outgoing) {}
	acknowledged(_outgoing, _message) {}
	discontinuity() {
		this.#deliveredMarks?.clear();
	}
	caughtUp() {
		if (this.isLive) return;
		this.isLive = true;
		this.core.outbox.start(this);
		this.#deliveredMarks?.start();
	}
	#setGroups({ conversations }) {
		for (const { id, group } of conversations) {
			const state = this.core.conversations.get(id);
			if (state && group) state.extra = { group };
		}
	}
	#event(name, payload) {
		this.receiving = name;
		this.event(name, payload);
		if (name !== "session") {
			this.core.event(name, payload);
			return;
		}
		this.isOpen = true;
		this.opened();
		this.core.connected(this, payload);
	}
	#lost(refusal, error) {
		const wasOpen = this.isOpen;
		this.isOpen = false;
		this.isLive = false;
		this.core.disconnected();
		this.#deliveredMarks?.stop();
		this.lost(wasOpen, refusal, error);
	}
};
// packages/testkit/src/map-concurrently.ts
async function mapConcurrently(items, atOnce, work) {
	const results = [];
	const remaining = items.entries();
	const loops = Array.from({ length: atOnce }, async () => {
		for (const [index, item] of remaining) results[index] = await work(item, index);
	});
	for (const loop of await Promise.allSettled(loops)) if (loop.status === "rejected") throw loop.reason;
	return results;
}
// packages/testkit/src/schedule.ts
function* schedule(phases, { share = 1, random, offset = 0 }) {
	const interval = () => random ? -Math.log(1 - random()) : 1;
	let due = random ? interval() : offset;
	let begin = 0;
	for (const { name, seconds, from, to } of phases) {
		const count = share * (from + to) / 2 * seconds;
		while (due < count) {
			yield {
				at: begin + 1e3 * secondsUntil(due, share * from, share * to, seconds),
				phase: name
			};
			due += interval();
		}
		due -= count;
		begin += seconds * 1e3;
	}
}
function secondsUntil(due, from, to, seconds) {
	const slope = (to - from) / seconds;
	if (slope === 0) return due / from;
	return (Math.sqrt(Math.max(0, from * from + 2 * slope * due)) - from) / slope;
}
// packages/testkit/src/socket-io-connection.ts
function socketIoUrl(url) {
	return `${url.replace(/\/+$/, "")}/socket.io/?EIO=4&transport=websocket`;
}
var SocketIoConnection = class {
	#socket;
	#events;
	#auth;
	#acks = new Map();
	#nextAck = 0;
	#refusal;
	#silenceMs = 0;
	#overdue;
	constructor(token, events, open, protocol) {
		this.#events = events;
		this.#auth = {
			token,
			...protocol && { protocol }
		};
		this.#socket = open({
			text: (packet) => this.#receive(packet),
			closed: (status, error) => {
				clearTimeout(this.#overdue);
				events.closed?.(this.#refusal ?? (status === void 0 ? void 0 : `HTTP ${status}`), error);
			}
		});
	}
	emit(event, payload) {
		this.#socket.send(`42${JSON.stringify([event, payload])}`);
	}
	call(event, payload, onAck) {
		const id = this.#nextAck++;
		this.#acks.set(id, onAck);
		this.#socket.send(`42${id}${JSON.stringify([event, payload])}`);
	}
	close() {
		this.#socket.close();
	}
	#receive(packet) {
		if (packet === ENGINE_PING) {
			this.#expectPing();
			this.#socket.send(ENGINE_PONG);
		} else if (packet.startsWith("42")) {
			const [name, payload] = JSON.parse(packet.slice(2));
			this.#events.event(name, payload);
		} else if (packet.startsWith("43")) this.#receiveAck(packet);
		else if (packet.startsWith("0")) this.#open(JSON.parse(packet.slice(1)));
		else if (packet.startsWith("41") || packet === ENGINE_CLOSE) this.close();
		else if (packet.startsWith("40")) this.#events.connected?.();
		else if (packet.startsWith("44")) {
			const { message, data } = JSON.parse(packet.slice(2));
			this.#refusal = data?.code ?? message;
			this.close();
		}
	}
	#open({ pingInterval, pingTimeout }) {
		this.#silenceMs = pingInterval + pingTimeout;
		this.#expectPing();
		this.#socket.send(`40${JSON.stringify(this.#auth)}`);
	}
	#expectPing() {
		clearTimeout(this.#overdue);
		this.#overdue = setTimeout(() => this.close(), this.#silenceMs);
	}
	#receiveAck(packet) {
		const start = packet.indexOf("[");
		const id = Number(packet.slice(2, start));
		const onAck = this.#acks.get(id);
		this.#acks.delete(id);
		onAck?.(JSON.parse(packet.slice(start))[0]);
	}
};
const ENGINE_CLOSE = "1";
const ENGINE_PING = "2";
const ENGINE_PONG = "3";
export { EventOrder, LeanDevice, SocketIoConnection, alignRows, isHeld, mapConcurrently, schedule, socketIoUrl };
