// The form field for files. form-js keeps chosen files in the page; ours sends them at once, so that a draft has them.
import { Description, Errors, FormContext, Label, useExpressionEvaluation, useSingleLineTemplateEvaluation } from '@bpmn-io/form-js-viewer';
import { h } from 'preact';
import { useContext, useRef, useState } from 'preact/hooks';
import { readableSize, t } from './words.mjs';

const isImage = (file) => /^image\/(jpeg|png|webp|gif|bmp)$/.test(file.content_type ?? '');

function Attached({ file, locked, onRemove }) {
  const url = `/attachments/${encodeURIComponent(file.key)}`;
  return h('li', { class: 'hj-file' }, [
    h('a', { href: url, target: '_blank', rel: 'noopener', class: 'hj-file-picture' },
      isImage(file) ? h('img', { src: `${url}/thumbnail`, alt: '', loading: 'lazy', width: 44, height: 44 })
        : h('span', { class: 'hj-file-type' }, (file.name.split('.').pop() ?? '').slice(0, 4).toUpperCase())),
    h('span', { class: 'hj-file-name' }, [
      h('a', { href: url, target: '_blank', rel: 'noopener' }, file.name),
      h('small', {}, readableSize(file.size ?? 0)),
    ]),
    !locked && h('button', { type: 'button', class: 'hj-file-remove', title: t('移除'), 'aria-label': t('移除 {name}', { name: file.name }), onClick: onRemove }, '✕'),
  ]);
}

export function FilePicker({ field, onChange, domId, errors = [], disabled, readonly, value }) {
  const uploads = useContext(FormContext).getService('uploads');
  const { label, description, validate = {} } = field;
  const accept = useSingleLineTemplateEvaluation(field.accept ?? '', { debug: true }) ?? '';
  const multiple = useExpressionEvaluation(field.multiple) === true;
  const files = Array.isArray(value) ? value : [];
  const latest = useRef(files);
  latest.current = files;
  const [sending, setSending] = useState({});
  const [complaints, setComplaints] = useState([]);
  const [over, setOver] = useState(false);
  const input = useRef();
  const camera = useRef();
  const locked = disabled || readonly;

  const change = (list) => {
    latest.current = list;
    onChange({ value: list.length ? list : null });
  };
  const progress = (name, percent) => setSending((all) => {
    const { [name]: _, ...others } = all;
    return percent === null ? others : { ...others, [name]: percent };
  });

  async function add(chosen) {
    const wrong = [];
    let accepted = [...chosen].filter((file) => {
      const complaint = uploads.complaint(file, accept);
      if (complaint) wrong.push(complaint);
      return !complaint;
    });
    if (!multiple && accepted.length > 1) {
      wrong.push(t('这里只能附一个文件。'));
      accepted = accepted.slice(0, 1);
    }
    setComplaints(wrong);
    for (const file of accepted) {
      progress(file.name, 0);
      try {
        const attachment = await uploads.send(file, (percent) => progress(file.name, percent));
        change(multiple ? [...latest.current, attachment] : [attachment]);
      } catch (error) {
        setComplaints((all) => [...all, error.message]);
      } finally {
        progress(file.name, null);
      }
    }
  }
  const choose = (event) => {
    const chosen = [...event.target.files];
    event.target.value = '';
    add(chosen);
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    if (!locked) add(event.dataTransfer.files);
  };
  const all = [...complaints, ...errors];
  const images = !accept || /image|\.jpe?g|\.png/.test(accept);

  return h('div', { class: `fjs-form-field fjs-form-field-filepicker${all.length ? ' fjs-has-errors' : ''}${disabled ? ' fjs-disabled' : ''}${readonly ? ' fjs-readonly' : ''}` }, [
    h(Label, { htmlFor: domId, label, required: validate.required }),
    h('div', {
      class: `hj-drop${over ? ' hj-drop-over' : ''}`,
      onDragOver: (event) => { event.preventDefault(); if (!locked) setOver(true); },
      onDragLeave: () => setOver(false),
      onDrop: drop,
    }, [
      h('ul', { class: 'hj-files' }, files.map((file) =>
        h(Attached, { key: file.key, file, locked, onRemove: () => change(latest.current.filter((other) => other.key !== file.key)) }))),
      Object.entries(sending).map(([name, percent]) =>
        h('div', { class: 'hj-sending', key: name }, [
          h('span', {}, name),
          h('progress', { max: 100, value: percent, 'aria-label': name }),
          h('small', {}, t('正在上传 {percent}%', { percent })),
        ])),
      locked ? !files.length && h('span', { class: 'text-secondary' }, t('未附文件')) : h('div', { class: 'hj-drop-buttons' }, [
        h('input', { type: 'file', id: domId, ref: input, class: 'visually-hidden', multiple, accept: accept || undefined, onChange: choose, 'aria-invalid': all.length > 0, 'aria-describedby': `${domId}-error-message` }),
        h('button', { type: 'button', class: 'btn btn-sm', tabIndex: -1, onClick: () => input.current.click() }, t('选择文件')),
        images && [
          h('input', { type: 'file', ref: camera, class: 'd-none', accept: 'image/*', capture: 'environment', onChange: choose, tabIndex: -1, 'aria-hidden': true }),
          h('button', { type: 'button', class: 'btn btn-sm hj-camera', onClick: () => camera.current.click() }, t('拍照')),
        ],
        h('span', { class: 'hj-drop-hint' }, t('或拖到这里')),
      ]),
    ]),
    h(Description, { description }),
    h(Errors, { id: `${domId}-error-message`, errors: all }),
  ]);
}

FilePicker.config = {
  type: 'filepicker', keyed: true, label: 'File picker', group: 'basic-input', emptyValue: null, create: (options = {}) => ({ ...options }),
};
