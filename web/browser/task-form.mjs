// The form of a task: drawn by form-js, its draft kept, its answers sent, the server's objections shown at the fields.
import '../../engine/feelin.mjs'; // conditions and templates of forms then read as on the server
import { Form } from '@bpmn-io/form-js-viewer';
import { Draft } from './lib/draft.mjs';
import { showSummary } from './lib/error-summary.mjs';
import { answersOf, applyErrors } from './lib/form-state.mjs';
import { chinese } from './lib/form-chinese.mjs';
import { FilePicker } from './lib/filepicker.mjs';
import { post, SignedOut, Unreachable } from './lib/http.mjs';
import { Uploads } from './lib/upload.mjs';
import { clockTime, t } from './lib/words.mjs';

const place = document.querySelector('[data-behaviour="task-form"]');
const task = JSON.parse(document.getElementById('task-form-data').textContent);
const page = document.getElementById('task-complete');
const status = document.getElementById('draft-state');
const summary = document.getElementById('error-summary');
const notice = document.getElementById('form-notice');
const submit = page?.querySelector('button[type="submit"]');

function say(text, kind) {
  if (!status) return;
  status.textContent = text;
  status.dataset.kind = kind;
}

function tell(text) {
  notice.textContent = text;
  notice.hidden = !text;
}

function register(formFields) {
  formFields.register('filepicker', FilePicker);
}
register.$inject = ['formFields'];

const uploads = new Uploads(task.uploads);
const form = new Form({
  container: place,
  properties: { readOnly: task.readOnly },
  debounce: false, // a field redrawn during form-js's pause (by an upload, say) would lose what was just typed
  additionalModules: [
    { __init__: ['hejieFields'], hejieFields: ['factory', register], uploads: ['value', uploads] },
    ...chinese(),
  ],
});

const draft = task.readOnly ? null : new Draft({ itemKey: task.key, url: task.draftUrl, savedAt: task.draftSavedAt, read: () => answersOf(form), say });
const kept = draft?.rescued(task.draft);

try {
  await form.importSchema(task.schema, { ...task.data, ...(kept?.conflict ? null : kept?.answers) });
  place.dataset.ready = 'yes';
  ready();
} catch (error) {
  tell(t('表单无法显示：{reason} 请把这句话告诉管理员。', { reason: error.message }));
}

function ready() {
  applyErrors(form, task.errors);
  if (Object.keys(task.errors).length) showSummary(summary, form, task.errors);
  if (!draft) return;
  draft.start();
  if (kept?.conflict) offer(kept);
  else if (kept) {
    tell(t('已恢复本机在 {time} 保存而未能送出的内容。', { time: clockTime(new Date(kept.at)) }));
    draft.confirmed = null;
    draft.save();
  }
  // form-js tidies values up while it draws; only what somebody does afterwards is a change.
  let touched = false;
  for (const kind of ['pointerdown', 'keydown', 'input', 'drop']) place.addEventListener(kind, (event) => { touched ||= event.isTrusted; }, { capture: true });
  form.on('changed', () => (touched ? draft.changed() : draft.start()));
  form.on('submit', send);
  page.addEventListener('submit', (event) => {
    event.preventDefault();
    form.submit();
  });
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') form.submit();
  });
  document.getElementById('save-draft')?.addEventListener('click', () => draft.save());
}

// Two drafts, from two devices: hers to choose.
function offer(local) {
  tell(t('此页是别处后来保存的草稿；本机在 {time} 也保存过一份没有送出的内容。', { time: clockTime(new Date(local.at)) }));
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'btn btn-sm';
  button.textContent = t('改用本机的内容');
  button.addEventListener('click', async () => {
    await form.importSchema(task.schema, { ...task.data, ...local.answers });
    tell('');
    draft.changed();
  });
  notice.append(' ', button);
}

async function send({ data, errors }) {
  if (submit.disabled) return;
  if (uploads.pending) return tell(t('请等待附件上传完毕。'));
  if (Object.keys(errors).length) return showSummary(summary, form, null);
  tell('');
  summary.hidden = true;
  submit.disabled = true;
  draft.keep();
  const label = submit.textContent;
  submit.textContent = t('正在提交…');
  try {
    await draft.busy;
    const { status: code, content } = await post(page.action, { answers: JSON.stringify(data) });
    if (code === 200) return done(content.location);
    refuse(code, content);
  } catch (error) {
    if (error instanceof SignedOut) say(t('登录已过期，内容已保存在本机。请在新标签页登录后回到此页继续。'), 'failed');
    else if (error instanceof Unreachable) tell(t('没有提交成功：{reason} 您填写的内容都还在本页。', { reason: t('服务器暂时连不上。') }));
    else throw error;
  } finally {
    submit.disabled = false;
    submit.textContent = label;
  }
}

function done(location) {
  draft.stop();
  draft.forget();
  window.location.assign(location);
}

function refuse(code, content) {
  if (code === 422 && content.errors) {
    applyErrors(form, content.errors);
    showSummary(summary, form, content.errors);
    return;
  }
  tell(t('没有提交成功：{reason} 您填写的内容都还在本页。', { reason: content.error ?? t('请稍后再试。') }));
  notice.scrollIntoView({ block: 'center' });
}
