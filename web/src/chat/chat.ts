/*
 * All that happens on the chat page: which conversation is shown, which answers are under way in any of them, and what people do to both.
 *
 * An answer belongs to its conversation, not to the view: showing another one leaves it running. `answers` has those under way and those that ended since the
 * page was loaded (for the words of their end). The store keeps everything; the page goes on without it when the browser denies it.
 */
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { ApiError, type Refusal } from "../api/types";
import { newId } from "../store/ids";
import { newestLeaf, pathTo, treeOf } from "../store/tree";
import type { Attachment, Conversation, Message, StorageState } from "../store/types";
import { onFrame } from "./frames";
import { answerFree, holdAnswer } from "./locks";
import { nextPart, whole } from "./parts";
import { talk } from "./pieces";
import type { AnswerHost, RunningAnswer } from "./running";
import type { OpenConversation, Services } from "./types";
import { titleFrom, toContinue, toWire, wireBytes } from "./wire";

export const NEW_DRAFT = "new";
const RELIST_MS = 300;
const ANSWERS_KEPT_MAX = 200;
/* Of the newest conversations so many are looked through after a reload, and so many of them are come back for. */
const LOOKED_THROUGH_MAX = 32;
export const PICKED_UP_MAX = 8;
/* A tab that let an answer go may only have been reloaded: so long it has to come back for it itself. */
const TAKE_OVER_MS = 2_000;

export class Chat {
  readonly conversations = signal<readonly Conversation[]>([]);
  readonly open = signal<OpenConversation>(this.blank());
  readonly missing = signal(false); /* the address names a conversation that is not here */
  readonly answers = signal<ReadonlyMap<string, RunningAnswer>>(new Map());
  readonly elsewhere = signal<ReadonlySet<string>>(new Set()); /* answers that another tab writes */
  readonly fresh = signal<ReadonlySet<string>>(new Set()); /* conversations with an answer not seen yet */
  readonly models = signal<readonly string[]>([]);
  readonly modelsKnown = signal(false); /* the service has been asked, and answered */
  readonly modelsTrouble = signal<Refusal | null>(null);
  readonly storage: ReadonlySignal<StorageState>;
  readonly running = computed(() => new Set([...this.answers.value.values()].filter((one) => !one.over.value).map((one) => one.message.conversationId)));
  /* The answer under way that is in view. */
  readonly current = computed(() => {
    const last = this.open.value.path.value.at(-1)?.message;
    const answer = last && this.answers.value.get(last.id);
    return answer && !answer.over.value ? answer : null;
  });

  private readonly host: AnswerHost;
  private readonly background = new Map<string, OpenConversation>();
  private readonly locks = new Map<string, () => void>();
  private readonly picking = new Set<string>(); /* conversations whose answers are being come back for */
  private mayReturn = false; /* somebody has signed in, or need not */
  private relisting = false;
  private wanted: string | null = null; /* the conversation that was asked for last */

  /* `show` puts a conversation's id into the address; null: a new one. */
  constructor(
    readonly services: Services,
    private readonly show: (id: string | null) => void,
  ) {
    const storage = signal(services.store.state);
    services.store.onState((state) => (storage.value = state));
    this.storage = storage;
    this.host = {
      client: services.client,
      now: () => Date.now(),
      frame: onFrame,
      after: (ms, call) => void setTimeout(call, ms),
      save: (message) => void services.store.saveMessage(message),
      ended: (answer) => this.ended(answer),
    };
    services.store.onChange((id, removed) => void (removed ? this.gone(id) : this.changedElsewhere(id)));
    addEventListener("pagehide", () => this.leaveAll());
    /* A phone ends a page that is out of sight without a word. */
    addEventListener("visibilitychange", () => document.hidden && services.store.flush());
    addEventListener("pageshow", (event) => event.persisted && this.returnToAll());
  }

  /* ---- what there is ---- */

  async list(): Promise<void> {
    this.conversations.value = await this.services.store.list();
  }

  async loadModels(): Promise<void> {
    try {
      this.models.value = await this.services.client.models();
      this.modelsKnown.value = true;
      this.modelsTrouble.value = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.modelsTrouble.value = error.refusal;
      if (error.refusal.status === 401) this.services.session.askAgain(this.services.session.key.value === "" ? null : error.refusal);
    }
  }

  /* The conversation's own, while it answers; else the one chosen last; else the first. */
  modelOf(conversation: Conversation): string {
    const models = this.models.value;
    const wanted = [conversation.model, this.services.settings.get().model];
    return wanted.find((name) => name !== "" && (models.length === 0 || models.includes(name))) ?? models[0] ?? "";
  }

  /* ---- which is shown ---- */

  async showConversation(id: string | null): Promise<void> {
    for (const known of this.background.keys()) if (!this.running.value.has(known) && !this.picking.has(known)) this.background.delete(known);
    this.missing.value = false;
    this.wanted = id;
    if (id === null) {
      if (this.open.value.listed) this.open.value = this.blank();
      return;
    }
    void talk.load(); /* meanwhile */
    this.fresh.value = without(this.fresh.value, id);
    if (this.open.value.conversation.value.id === id) return;
    const known = this.background.get(id);
    if (known) {
      this.open.value = known;
      return;
    }
    const found = await this.services.store.open(id);
    if (this.wanted !== id) return; /* somebody was quicker than the storage */
    const meanwhile = this.background.get(id);
    if (meanwhile) {
      this.open.value = meanwhile;
      return;
    }
    if (!found) {
      this.missing.value = true;
      this.open.value = this.blank();
      return;
    }
    this.open.value = this.opened(found.conversation, found.messages);
    await this.pickUp(this.open.value);
  }

  /* Somebody can be answered again: which models there are, and what was left under way. */
  async signedIn(): Promise<void> {
    await Promise.all([this.pickUpAll(), this.loadModels()]);
  }

  /* What is under way is left to the door, which keeps it for its grace: who signs in again in that time, with the same key, has it. */
  async signOut(): Promise<void> {
    const { session, site } = this.services;
    this.leaveAnswers();
    session.signOut();
    if (site.value.keyRequired) session.askAgain(null);
    else await this.signedIn();
  }

  private leaveAnswers(): void {
    this.mayReturn = false;
    for (const answer of [...this.answers.value.values()]) {
      if (answer.over.value) continue;
      if (answer.message.resume) this.letGo(answer);
      else answer.stop();
    }
  }

  private letGo(answer: RunningAnswer): void {
    const { id, conversationId } = answer.message;
    answer.leave();
    this.locks.get(id)?.();
    this.locks.delete(id);
    const answers = new Map(this.answers.value);
    answers.delete(id);
    this.answers.value = answers;
    const open = this.background.get(conversationId);
    if (open) this.replace(open, { ...answer.message });
  }

  /* Answers that an earlier page left in any conversation, at once: the door keeps them for its grace and no longer. The one in view goes first. */
  async pickUpAll(): Promise<void> {
    this.mayReturn = true;
    const shown = this.open.value.conversation.value.id;
    const others = this.conversations.value.map(({ id }) => id).filter((id) => id !== shown);
    let count = 0;
    for (const id of [shown, ...others.slice(0, LOOKED_THROUGH_MAX)]) {
      if (await this.pickUpIn(id)) count += 1;
      if (count === PICKED_UP_MAX) return;
    }
  }

  /* Returns whether there was one to come back for. */
  private async pickUpIn(id: string): Promise<boolean> {
    const found = this.atHand(id) ? null : await this.services.store.open(id);
    const left = found?.messages.some((message) => message.resume !== undefined && message.finish === undefined);
    const open = this.atHand(id) ?? (found && left ? this.opened(found.conversation, found.messages) : null);
    if (!open?.messages.value.some((message) => this.isLeft(message))) return false;
    this.background.set(id, open);
    await this.pickUp(open);
    return true;
  }

  private isLeft({ id, role, finish }: Message): boolean {
    return role === "assistant" && finish === undefined && !this.answers.value.has(id) && !this.elsewhere.value.has(id);
  }

  private blank(): OpenConversation {
    const now = Date.now();
    return this.opened({ id: newId(), title: "", createdMs: now, updatedMs: now, leaf: null, model: "", systemPrompt: "", sampling: {} }, [], false);
  }

  private opened(first: Conversation, found: readonly Message[], listed = true): OpenConversation {
    const conversation = signal(first);
    const messages = signal(found);
    const tree = computed(() => treeOf(messages.value));
    return { conversation, messages, listed, path: computed(() => pathTo(tree.value, conversation.value.leaf)) };
  }

  /* Answers that an earlier page left: come back for them, or say that they are gone. */
  private async pickUp(open: OpenConversation): Promise<void> {
    const { id } = open.conversation.value;
    if (!this.mayReturn || this.picking.has(id) || !open.messages.value.some((message) => this.isLeft(message))) return;
    this.picking.add(id);
    if (await talk.load()) await this.pickUpLeft(open);
    this.picking.delete(id);
  }

  private async pickUpLeft(open: OpenConversation): Promise<void> {
    const { id } = open.conversation.value;
    for (const message of open.messages.value) {
      if (!this.isLeft(message)) continue;
      const letGo = await holdAnswer(message.id);
      if (!letGo) {
        this.elsewhere.value = new Set(this.elsewhere.value).add(message.id);
        void this.takeOver(id, message.id);
        continue;
      }
      const answer = new talk.now.RunningAnswer(this.host, { ...message }, null);
      if (answer.comeBack()) {
        this.take(open, answer, letGo);
      } else {
        letGo();
        this.replace(open, { ...whole(message), finish: "broken" });
      }
    }
  }

  /* The tab that writes an answer may be closed: then it is ours, from where that tab had come. */
  private async takeOver(conversationId: string, messageId: string): Promise<void> {
    await answerFree(messageId);
    await new Promise((resolve) => setTimeout(resolve, TAKE_OVER_MS));
    this.elsewhere.value = without(this.elsewhere.value, messageId);
    await this.readAgain(conversationId);
    await this.pickUpIn(conversationId);
  }

  private async readAgain(id: string): Promise<void> {
    const open = this.atHand(id);
    const found = open?.listed && !this.running.value.has(id) ? await this.services.store.open(id) : null;
    if (!open || !found || this.running.value.has(id)) return;
    open.conversation.value = found.conversation;
    open.messages.value = found.messages;
  }

  /* ---- what people do ---- */

  /* What the service would refuse for its size is said before it is sent: the bytes allowed, or null when all is well. */
  tooLong(text: string, attachments: readonly Attachment[]): number | null {
    const { conversation, path } = this.open.value;
    const messages = path.value.map(({ message }) => message);
    const question = this.question(conversation.value.id, null, text, attachments);
    const limit = this.services.site.value.bodyBytesMax;
    return wireBytes(toWire(conversation.value.systemPrompt, [...messages, question])) > limit ? limit : null;
  }

  /* Who is quicker than the list of models, or than the rest of the page, waits for it. False: nothing was sent, since the rest is missing. */
  async send(text: string, attachments: readonly Attachment[]): Promise<boolean> {
    const open = this.open.value;
    if (!(await talk.load())) return false;
    if (this.modelOf(open.conversation.value) === "" && !this.modelsKnown.value) await this.loadModels();
    const last = open.path.value.at(-1)?.message.id ?? null;
    this.askWith(open, this.question(open.conversation.value.id, last, text, attachments));
    return true;
  }

  edit(message: Message, text: string): void {
    this.askWith(this.open.value, this.question(message.conversationId, message.parentId, text, message.attachments ?? []));
  }

  /* Another answer beside this one; in its place when it is empty. */
  retry(message: Message): void {
    const open = this.open.value;
    const before = this.pathBefore(open, message);
    if (message.text === "" && !message.reasoning) this.start(open, { ...this.answer(message.conversationId, message.parentId), id: message.id }, before);
    else this.start(open, this.answer(message.conversationId, message.parentId), before);
  }

  /* Goes on with the text of an answer that was cut, stopped or broken. */
  goOn(message: Message): void {
    const open = this.open.value;
    if (message.text === "") return this.retry(message);
    const { conversation } = open;
    const messages = toContinue(conversation.value.systemPrompt, [...this.pathBefore(open, message), message]);
    this.run(open, nextPart(message, Date.now()), messages);
  }

  showVersion(message: Message): void {
    const { conversation, messages } = this.open.value;
    this.change(this.open.value, { leaf: newestLeaf(treeOf(messages.value), message.id) ?? conversation.value.leaf });
  }

  stop(): void {
    this.current.value?.stop();
  }

  chooseModel(model: string): void {
    this.services.settings.set({ model });
    this.change(this.open.value, { model });
  }

  configure(change: Pick<Conversation, "systemPrompt" | "sampling">): void {
    this.change(this.open.value, change);
  }

  rename(id: string, title: string): void {
    const open = this.atHand(id);
    const listed = this.conversations.value.find((one) => one.id === id);
    if (title.trim() === "" || !listed) return;
    if (open) this.change(open, { title: title.trim() });
    else this.keep({ ...listed, title: title.trim() });
  }

  /* Returns what brings it back. */
  async remove(id: string): Promise<(() => Promise<void>) | null> {
    this.stopAll(id);
    const { store } = this.services;
    const [whole, draft] = await Promise.all([store.open(id), store.draft(id)]);
    await store.remove(id);
    this.gone(id);
    if (!whole) return null;
    return async () => {
      await store.restore(whole, draft);
      this.keep(whole.conversation);
    };
  }

  private stopAll(id: string): void {
    for (const answer of this.answers.value.values()) if (answer.message.conversationId === id) answer.stop();
  }

  /* It is removed, here or in another tab. */
  private gone(id: string): void {
    this.stopAll(id);
    this.background.delete(id);
    this.conversations.value = this.conversations.value.filter((one) => one.id !== id);
    if (this.open.value.conversation.value.id !== id) return;
    this.open.value = this.blank();
    this.show(null);
  }

  async removeAll(): Promise<void> {
    for (const { id } of this.conversations.value) await this.remove(id);
  }

  /* ---- inside ---- */

  private question(conversationId: string, parentId: string | null, text: string, attachments: readonly Attachment[]): Message {
    const files = attachments.length > 0 ? { attachments: [...attachments] } : {};
    return { id: newId(), conversationId, parentId, role: "user", text, createdMs: Date.now(), ...files };
  }

  private answer(conversationId: string, parentId: string | null): Message {
    return { id: newId(), conversationId, parentId, role: "assistant", text: "", createdMs: Date.now() };
  }

  private askWith(open: OpenConversation, question: Message): void {
    const first = !open.listed;
    open.listed = true;
    void this.services.store.saveMessage(question);
    open.messages.value = [...open.messages.value, question];
    const title = open.conversation.value.title || titleFrom(question.text) || question.attachments?.[0]?.name || "";
    this.change(open, { leaf: question.id, title, model: this.modelOf(open.conversation.value) });
    this.start(open, this.answer(question.conversationId, question.id), [...this.pathBefore(open, question), question]);
    if (first) this.show(question.conversationId);
  }

  private pathBefore(open: OpenConversation, message: Message): Message[] {
    return pathTo(treeOf(open.messages.value), message.parentId)
      .map((branch) => branch.message)
      .filter(() => message.parentId !== null);
  }

  private start(open: OpenConversation, answer: Message, before: readonly Message[]): void {
    this.run(open, answer, toWire(open.conversation.value.systemPrompt, before));
  }

  private run(open: OpenConversation, message: Message, messages: ReturnType<typeof toWire>): void {
    this.stopAll(message.conversationId);
    const { value: conversation } = open.conversation;
    const answer = new talk.now.RunningAnswer(this.host, message, { model: this.modelOf(conversation), messages, sampling: conversation.sampling });
    this.replace(open, message);
    this.change(open, { leaf: message.id, updatedMs: Date.now() });
    this.take(open, answer, null);
    void holdAnswer(message.id, true).then((letGo) => letGo && this.hold(answer, letGo));
    answer.begin();
  }

  private take(open: OpenConversation, answer: RunningAnswer, letGo: (() => void) | null): void {
    this.background.set(answer.message.conversationId, open);
    const answers = new Map(this.answers.value);
    answers.delete(answer.message.id);
    for (const [id, old] of answers) {
      if (answers.size < ANSWERS_KEPT_MAX) break;
      if (old.over.value) answers.delete(id);
    }
    this.answers.value = answers.set(answer.message.id, answer);
    if (letGo) this.hold(answer, letGo);
  }

  private hold(answer: RunningAnswer, letGo: () => void): void {
    if (answer.over.value) letGo();
    else this.locks.set(answer.message.id, letGo);
  }

  private ended(answer: RunningAnswer): void {
    const { conversationId, id } = answer.message;
    this.locks.get(id)?.();
    this.locks.delete(id);
    const open = this.background.get(conversationId);
    if (!open) return;
    this.replace(open, { ...answer.message });
    if (this.open.value !== open) {
      this.fresh.value = new Set(this.fresh.value).add(conversationId);
      if (!this.running.value.has(conversationId)) this.background.delete(conversationId);
    }
    const state = answer.state.value;
    if (state?.kind === "refused" && state.refusal.code === "model_not_found") void this.loadModels();
  }

  private replace(open: OpenConversation, message: Message): void {
    const at = open.messages.value.findIndex((one) => one.id === message.id);
    const messages = [...open.messages.value];
    messages.splice(at < 0 ? messages.length : at, at < 0 ? 0 : 1, message);
    open.messages.value = messages;
    if (message.finish !== undefined) void this.services.store.saveMessage(message);
  }

  private change(open: OpenConversation, change: Partial<Conversation>): void {
    open.conversation.value = { ...open.conversation.value, ...change };
    if (open.listed) this.keep(open.conversation.value);
  }

  private keep(conversation: Conversation): void {
    const others = this.conversations.value.filter((one) => one.id !== conversation.id);
    this.conversations.value = [conversation, ...others].sort((a, b) => b.updatedMs - a.updatedMs);
    void this.services.store.saveConversation(conversation);
  }

  private atHand(id: string): OpenConversation | undefined {
    return this.open.value.conversation.value.id === id ? this.open.value : this.background.get(id);
  }

  private async changedElsewhere(id: string): Promise<void> {
    if (!this.relisting) {
      this.relisting = true;
      setTimeout(() => {
        this.relisting = false;
        void this.list();
      }, RELIST_MS);
    }
    const open = this.open.value;
    if (open.conversation.value.id !== id) return;
    await this.readAgain(id);
    const over = open.messages.value.filter((message) => message.finish !== undefined).map((message) => message.id);
    this.elsewhere.value = without(this.elsewhere.value, ...over);
    await this.pickUp(open);
  }

  private leaveAll(): void {
    for (const answer of this.answers.value.values()) answer.leave();
    this.services.store.flush();
  }

  /* The browser brought this page back from its cache. */
  private returnToAll(): void {
    for (const answer of this.answers.value.values()) if (!answer.over.value && !answer.comeBack()) answer.lose();
  }
}

function without(set: ReadonlySet<string>, ...names: string[]): ReadonlySet<string> {
  const rest = new Set(set);
  for (const name of names) rest.delete(name);
  return rest.size === set.size ? set : rest;
}
