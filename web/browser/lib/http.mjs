// Talking to our own server. A token that has expired is renewed once, without losing what is on the page.

const token = document.querySelector('meta[name="csrf-token"]');
const person = document.querySelector('meta[name="hejie-person"]')?.content ?? '';

export class SignedOut extends Error {}
export class Unreachable extends Error {}

export const whoami = person;
export const csrfToken = () => token.content;

export async function renewToken() {
  const response = await fetch('/session', { headers: { Accept: 'application/json' }, cache: 'no-store' });
  const session = response.ok ? await response.json() : {};
  if ((session.username ?? '') !== person) throw new SignedOut();
  token.content = session.csrf_token;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = session.csrf_token;
}

async function once(url, fields, options) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append('csrf_token', token.content);
  try {
    return await fetch(url, { method: 'POST', body, headers: { Accept: 'application/json' }, ...options });
  } catch {
    throw new Unreachable();
  }
}

// Answers {status, content}. Raises SignedOut or Unreachable; everything else is in `content.error`.
export async function post(url, fields, options = {}) {
  let response = await once(url, fields, options);
  if (response.status === 400 || response.status === 401) {
    const reason = response.headers.get('X-Hejie-Reason');
    if (response.status === 401) throw new SignedOut();
    if (reason === 'csrf') {
      await renewToken();
      response = await once(url, fields, options);
    }
  }
  if (response.status >= 502 && response.status <= 504) throw new Unreachable();
  let content = {};
  try {
    content = await response.json();
  } catch {
    content = {};
  }
  return { status: response.status, content };
}
