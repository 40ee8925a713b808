// form-js speaks English only. Its sentences are put into Chinese where they come out: validation messages through a
// service of its own injector, texts of the interface through Preact's vnode hook, the calendar through flatpickr.
import flatpickr from 'flatpickr';
import { Mandarin } from 'flatpickr/dist/esm/l10n/zh.js';
import { options } from 'preact';
import { language } from './words.mjs';

const messages = [
  [/^Field is required\.$/, () => '此项必填。'],
  [/^Value is not a number\.$/, () => '请填写数字。'],
  [/^Value is expected to be an integer\.$/, () => '请填写整数。'],
  [/^Value is expected to have at most (\d+) decimal digits?\.$/, (n) => `最多 ${n} 位小数。`],
  [/^Please select a valid value, the two nearest valid values are (\S+) and (\S+)\.$/, (a, b) => `请填写有效的数值，最接近的是 ${a} 和 ${b}。`],
  [/^Field must match pattern (.*)\.$/s, () => '格式不对，请按说明填写。'],
  [/^Field must have minimum value of (.+)\.$/, (n) => `不得小于 ${n}。`],
  [/^Field must have maximum value of (.+)\.$/, (n) => `不得大于 ${n}。`],
  [/^(Min|Max) validation value is not a valid number\.$/, () => '此项的上下限设置有误，请告诉管理员。'],
  [/^Field must have minimum length of (\d+)\.$/, (n) => `至少填写 ${n} 个字。`],
  [/^Field must have maximum length of (\d+)\.$/, (n) => `最多填写 ${n} 个字。`],
  [/^Field must be a valid +international phone number\..*$/, () => '请填写有效的电话号码，例如 +8613800000000。'],
  [/^Field must be a valid email\.$/, () => '请填写有效的电子邮箱。'],
];

const texts = [
  [/^Browse$/, () => '选择文件'],
  [/^No files selected$/, () => '未选择文件'],
  [/^Search$/, () => '输入文字查找'],
  [/^Select$/, () => '请选择'],
  [/^No results$/, () => '没有匹配项'],
  [/^All values selected$/, () => '已全部选择'],
  [/^Remove tag$/, () => '移除'],
  [/^Add new$/, () => '添加一项'],
  [/^Collapse$/, () => '收起'],
  [/^Expand all \((\d+)\)$/, (n) => `展开全部（${n}）`],
  [/^Remove list item (\d+)$/, (n) => `移除第 ${n} 项`],
  [/^Nothing to show\.$/, () => '没有内容。'],
  [/^Previous page$/, () => '上一页'],
  [/^Next page$/, () => '下一页'],
  [/^Increment$/, () => '增加'],
  [/^Decrement$/, () => '减少'],
  [/^Date$/, () => '日期'],
  [/^Time$/, () => '时间'],
  [/^Download (.+)$/, (name) => `下载 ${name}`],
  [/^[ymd]+[-/. ]+[ymd]+[-/. ]+[ymd]+\.?$/, () => '年-月-日'],
  [/^hh:mm(.*)$/, () => '时:分'],
  [/^Date and time must both be entered\.$/, () => '日期和时间都要填写。'],
];

function translated(table, text) {
  for (const [pattern, render] of table) {
    const found = pattern.exec(text);
    if (found) return render(...found.slice(1));
  }
  return text;
}

// The validator's own checks stay; only what they say is replaced.
class ChineseMessages {
  static $inject = ['validator'];

  constructor(validator) {
    const check = validator.validateFieldInstance.bind(validator);
    validator.validateFieldInstance = (instance, value) =>
      check(instance, value).map((message) => translated(messages, message));
  }
}

const attributes = ['placeholder', 'title', 'aria-label'];
const speaking = new Set(['button', 'div', 'span', 'td', 'li']);

function translateVnodes() {
  const before = options.vnode;
  options.vnode = (vnode) => {
    if (typeof vnode.type === 'string') {
      for (const name of attributes) {
        if (typeof vnode.props[name] === 'string') vnode.props[name] = translated(texts, vnode.props[name]);
      }
      const { children } = vnode.props;
      if (speaking.has(vnode.type) && typeof children === 'string') vnode.props.children = translated(texts, children);
    } else if (Array.isArray(vnode.props?.children)) {
      vnode.props.children = vnode.props.children.map((child) =>
        typeof child === 'string' ? translated(texts, child) : child);
    }
    before?.(vnode);
  };
}

function isoDay(date) {
  const two = (n) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

// 2026-11-23 whatever the browser's own language is; typed dates may also use / . or 年月日. As a plugin, because
// flatpickr drops formatters that are set as defaults.
function isoDates() {
  return {
    formatDate: (date, format) => (/^[djnmyY]([-/. ]*[djnmyY]){2}\.?$/.test(format) ? isoDay(date) : flatpickr.formatDate(date, format)),
    parseDate: (text) => {
      if (text === 'today') return new Date(new Date().setHours(0, 0, 0, 0));
      const found = /^\s*(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?\s*$/.exec(text) ?? /^(\d{4})(\d{2})(\d{2})$/.exec(text);
      return found ? new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3])) : new Date(text);
    },
  };
}

function chineseCalendar() {
  flatpickr.localize(Mandarin);
  flatpickr.setDefaults({ disableMobile: true, plugins: [isoDates] });
}

export function chinese() {
  if (language !== 'zh') return [];
  translateVnodes();
  chineseCalendar();
  return [{ __init__: ['chineseMessages'], chineseMessages: ['type', ChineseMessages] }];
}
