// Keeps what is being typed: on the server every few seconds and on leaving, on this device while the server has not
// confirmed it. What the server has confirmed is removed from the device again.
import { csrfToken, post, renewToken, SignedOut, whoami } from './http.mjs';
import { clockTime, t } from './words.mjs';

const PAUSE = 2500; // ms after the last keystroke
const RETRY = 10000;

export function same(one, other) {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]));
}

export class Draft {
  // `savedAt`: when the server last saved a draft; `read` gives the answers as they are now; `say(text, kind)` shows
  // the state to the person.
  constructor({ itemKey, url, savedAt, read, say }) {
    Object.assign(this, { url, read, say, base: savedAt });
    this.place = `hejie:unsent:${whoami}:${itemKey}`;
    this.confirmed = null;
    this.timer = null;
    this.busy = null;
    this.stopped = false;
    window.addEventListener('pagehide', () => this.leave());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && this.leave());
    window.addEventListener('online', () => this.save());
  }

  // What this device kept and the server never confirmed: {at, answers, conflict}. `conflict`: the server has got
  // another draft since then, from another device. Clocks are not compared, they may differ.
  rescued(serversDraft) {
    try {
      const kept = JSON.parse(localStorage.getItem(this.place));
      if (!kept || (serversDraft && same(kept.answers, serversDraft))) {
        this.forget();
        return null;
      }
      return { ...kept, conflict: kept.base !== this.base };
    } catch { /* storage is switched off or damaged: the server's draft is all there is */ }
    return null;
  }

  start() {
    this.confirmed = JSON.stringify(this.read());
  }

  changed() {
    if (this.stopped || JSON.stringify(this.read()) === this.confirmed) return;
    this.keep();
    this.say(t('有未保存的内容'), 'dirty');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), PAUSE);
  }

  keep() {
    try {
      localStorage.setItem(this.place, JSON.stringify({ at: new Date().toISOString(), base: this.base, answers: this.read() }));
    } catch { /* full or switched off: the server's draft remains */ }
  }

  forget() {
    try {
      localStorage.removeItem(this.place);
    } catch { /* nothing was kept */ }
  }

  async save() {
    clearTimeout(this.timer);
    if (this.stopped || this.busy) return this.busy;
    const answers = JSON.stringify(this.read());
    if (answers === this.confirmed) return null;
    this.say(t('正在保存草稿…'), 'busy');
    this.busy = this.send(answers).finally(() => { this.busy = null; });
    return this.busy;
  }

  async send(answers) {
    try {
      const { status, content } = await post(this.url, { answers });
      if (status >= 500) throw new Error();
      if (status >= 400) {
        this.say(t('草稿没有保存：{reason}', { reason: content.error ?? status }), 'failed');
        return;
      }
      this.confirmed = answers;
      this.base = content.saved_at;
      if (JSON.stringify(this.read()) === answers) this.forget();
      this.say(t('草稿已保存 {time}', { time: clockTime(new Date()) }), 'saved');
    } catch (error) {
      const signedOut = error instanceof SignedOut;
      this.say(signedOut ? t('登录已过期，内容已保存在本机。请在新标签页登录后回到此页继续。') : t('服务器暂时连不上，内容已保存在本机，恢复后自动重试。'), 'failed');
      if (signedOut) renewToken().catch(() => {});
      this.timer = setTimeout(() => this.save(), RETRY);
    }
  }

  leave() {
    if (this.stopped) return;
    const answers = JSON.stringify(this.read());
    if (answers === this.confirmed) return;
    this.keep();
    const body = new FormData();
    body.append('csrf_token', csrfToken());
    body.append('answers', answers);
    navigator.sendBeacon(this.url, body);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }
}
