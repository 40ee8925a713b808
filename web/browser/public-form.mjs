// A form that is filled in and sent at once, by the public or beside the tasks: drawn by form-js, sent once, the server's objections shown at the fields.
import '../../engine/feelin.mjs'; // conditions and templates of forms then read as on the server
import { Form } from '@bpmn-io/form-js-viewer';
import { showSummary } from './lib/error-summary.mjs';
import { applyErrors } from './lib/form-state.mjs';
import { chinese } from './lib/form-chinese.mjs';
import { FilePicker } from './lib/filepicker.mjs';
import { post } from './lib/http.mjs';
import { Uploads } from './lib/upload.mjs';
import { t } from './lib/words.mjs';

const place = document.querySelector('[data-behaviour="public-form"]');
const given = JSON.parse(document.getElementById('public-form-data').textContent);
const page = document.getElementById('public-submit');
const summary = document.getElementById('error-summary');
const notice = document.getElementById('form-notice');
const submit = page.querySelector('button[type="submit"]');

function tell(text) {
  notice.textContent = text;
  notice.hidden = !text;
  if (text) notice.scrollIntoView({ block: 'center' });
}

function register(formFields) {
  formFields.register('filepicker', FilePicker);
}
register.$inject = ['formFields'];

const uploads = new Uploads(given.uploads);
const form = new Form({
  container: place,
  debounce: false,
  additionalModules: [
    { __init__: ['hejieFields'], hejieFields: ['factory', register], uploads: ['value', uploads] },
    ...chinese(),
  ],
});

try {
  await form.importSchema(given.schema, given.data);
  place.dataset.ready = 'yes';
  form.on('submit', send);
  page.addEventListener('submit', (event) => {
    event.preventDefault();
    form.submit();
  });
} catch (error) {
  tell(t('表单无法显示：{reason} 请把这句话告诉管理员。', { reason: error.message }));
}

async function send({ data, errors }) {
  if (submit.disabled) return;
  if (uploads.pending) return tell(t('请等待附件上传完毕。'));
  if (Object.keys(errors).length) return showSummary(summary, form, null);
  tell('');
  summary.hidden = true;
  submit.disabled = true;
  const label = submit.textContent;
  submit.textContent = t('正在提交…');
  try {
    const { csrf_token: _, ...unseen } = Object.fromEntries(new FormData(page));
    const { status, content } = await post(page.action, { ...unseen, answers: JSON.stringify(data) });
    if (status === 200) return window.location.assign(content.location);
    if (status === 422 && content.errors) {
      applyErrors(form, content.errors);
      return showSummary(summary, form, content.errors);
    }
    tell(t('没有提交成功：{reason} 您填写的内容都还在本页。', { reason: content.error ?? t('请稍后再试。') }));
  } catch {
    tell(t('没有提交成功：{reason} 您填写的内容都还在本页。', { reason: t('服务器暂时连不上。') }));
  } finally {
    submit.disabled = false;
    submit.textContent = label;
  }
}
