// Words of the pages' behaviours. Written in Chinese, looked up in this table on an English page.

const english = {
  '草稿已保存 {time}': 'Draft saved {time}',
  '正在保存草稿…': 'Saving draft…',
  '有未保存的内容': 'Unsaved changes',
  '服务器暂时连不上，内容已保存在本机，恢复后自动重试。': 'The server cannot be reached. Your text is kept on this device and will be sent when it is back.',
  '登录已过期，内容已保存在本机。请在新标签页登录后回到此页继续。': 'You have been signed out. Your text is kept on this device. Sign in again in a new tab and come back here.',
  '草稿没有保存：{reason}': 'The draft was not saved: {reason}',
  '已恢复本机在 {time} 保存而未能送出的内容。': 'Restored what was kept on this device at {time} and had not been sent.',
  '此页是别处后来保存的草稿；本机在 {time} 也保存过一份没有送出的内容。': 'This is a draft saved elsewhere later on; this device also kept one at {time} that was never sent.',
  '改用本机的内容': 'Use the one of this device',
  '正在提交…': 'Submitting…',
  '请等待附件上传完毕。': 'Please wait until the attachments are uploaded.',
  '有 {count} 处需要更正': 'To be corrected: {count}',
  '没有提交成功：{reason} 您填写的内容都还在本页。': 'Not submitted: {reason} Everything you typed is still on this page.',
  '服务器暂时连不上。': 'The server cannot be reached.',
  '请稍后再试。': 'Please try again in a moment.',
  '表单无法显示：{reason} 请把这句话告诉管理员。': 'The form cannot be shown: {reason} Please tell the administrator.',
  '选择文件': 'Choose files',
  '拍照': 'Take a photo',
  '或拖到这里': 'or drop them here',
  '未附文件': 'No file attached',
  '移除 {name}': 'Remove {name}',
  '移除': 'Remove',
  '正在上传 {percent}%': 'Uploading {percent}%',
  '“{name}”有 {size}，超过上限 {limit}。请压缩或分开上传。': '“{name}” has {size}; the limit is {limit}. Please reduce or split it.',
  '“{name}”的类型不在允许之列（{accept}）。': '“{name}” is not of an allowed type ({accept}).',
  '“{name}”是空文件。': '“{name}” is empty.',
  '“{name}”没有上传成功：{reason}': '“{name}” was not uploaded: {reason}',
  '这里只能附一个文件。': 'Only one file can be attached here.',
  '进行中': 'in progress',
  '等待': 'waiting',
  '已超期': 'overdue',
  '异常': 'incident',
  '流程图无法显示：{reason}': 'The diagram cannot be shown: {reason}',
};

export const language = document.documentElement.lang.startsWith('en') ? 'en' : 'zh';

export function t(text, values = {}) {
  const known = language === 'en' ? (english[text] ?? text) : text;
  return known.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

export function clockTime(date) {
  return new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'zh-CN', {
    hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
  }).format(date);
}

export function readableSize(bytes) {
  if (bytes >= 1024 * 1024) return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  return bytes >= 1024 ? `${Math.round(bytes / 1024)} KB` : `${bytes} B`;
}
