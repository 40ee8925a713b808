// Uploads of one form: files go to the server at once, the form's answer holds what the server said about them.
import { csrfToken } from './http.mjs';
import { readableSize, t } from './words.mjs';

function accepted(file, accept) {
  if (!accept) return true;
  const name = file.name.toLowerCase();
  return accept.toLowerCase().split(',').map((part) => part.trim()).filter(Boolean).some((part) =>
    part.startsWith('.') ? name.endsWith(part)
      : part.endsWith('/*') ? file.type.startsWith(part.slice(0, -1)) : file.type === part);
}

export class Uploads {
  constructor({ url, itemKey, caseKey, limit }) {
    Object.assign(this, { url, itemKey, caseKey, limit });
    this.pending = 0;
  }

  // Says why a file is not worth sending, or null. The server checks again, by content.
  complaint(file, accept) {
    if (file.size > this.limit) {
      return t('“{name}”有 {size}，超过上限 {limit}。请压缩或分开上传。', { name: file.name, size: readableSize(file.size), limit: readableSize(this.limit) });
    }
    if (!file.size) return t('“{name}”是空文件。', { name: file.name });
    if (!accepted(file, accept)) return t('“{name}”的类型不在允许之列（{accept}）。', { name: file.name, accept });
    return null;
  }

  // Resolves to the attachment as the form's answer holds it; rejects with an Error whose message is a sentence.
  send(file, onProgress) {
    const body = new FormData();
    body.append('csrf_token', csrfToken());
    if (this.itemKey) body.append('item', this.itemKey);
    if (this.caseKey) body.append('case', this.caseKey);
    body.append('file', file, file.name);
    this.pending += 1;
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch has no progress of uploads
      const failed = (reason) => reject(new Error(t('“{name}”没有上传成功：{reason}', { name: file.name, reason })));
      request.open('POST', this.url);
      request.setRequestHeader('Accept', 'application/json');
      request.responseType = 'json';
      request.upload.onprogress = (event) => event.lengthComputable && onProgress(Math.round((event.loaded / event.total) * 100));
      request.onload = () => (request.status === 201 ? resolve(request.response) : failed(request.response?.error ?? t('请稍后再试。')));
      request.onerror = () => failed(t('服务器暂时连不上。'));
      request.onloadend = () => { this.pending -= 1; };
      request.send(body);
    });
  }
}
