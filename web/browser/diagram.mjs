// A case's diagrams: what is finished, where it stands, what is late, what went wrong. Marks have words, not colour alone.
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import { t } from './lib/words.mjs';

const place = document.querySelector('[data-behaviour="diagram"]');
const diagrams = JSON.parse(document.getElementById('diagram-data').textContent);
const viewer = new NavigatedViewer({ container: place });
const canvas = viewer.get('canvas');
const overlays = viewer.get('overlays');
const registry = viewer.get('elementRegistry');
const tabs = [...document.querySelectorAll('[data-diagram]')];
let shown = null;

function badge(id, text, kind) {
  if (registry.get(id)?.waypoints) return;
  const html = document.createElement('span');
  html.className = `hj-badge hj-badge-${kind}`;
  html.textContent = text;
  overlays.add(id, { position: { top: -11, left: 6 }, html });
}

const isContainer = (id) => Boolean(registry.get(id)?.children?.some(({ waypoints, labelTarget }) => !waypoints && !labelTarget));
const isEvent = (id) => /Event$/.test(registry.get(id)?.type ?? '');

function mark({ finished, current, overdue, incidents }) {
  const known = (ids) => ids.filter((id) => registry.get(id));
  const troubled = new Set([...overdue, ...incidents]);
  for (const id of known(finished)) canvas.addMarker(id, 'hj-finished');
  for (const id of known(current)) {
    // What is inside a sub-process has marks of its own; its frame only says that it is open.
    canvas.addMarker(id, isContainer(id) ? 'hj-open' : 'hj-current');
    if (!troubled.has(id) && !isContainer(id)) badge(id, isEvent(id) ? t('等待') : t('进行中'), isEvent(id) ? 'waiting' : 'current');
  }
  for (const id of known(overdue)) {
    canvas.addMarker(id, 'hj-overdue');
    if (!incidents.includes(id)) badge(id, t('已超期'), 'overdue');
  }
  for (const id of known(incidents)) {
    canvas.addMarker(id, 'hj-incident');
    badge(id, t('异常'), 'incident');
  }
}

// Where somebody looks first: the page's own task, trouble, a task, and only then what merely waits.
function focusCurrent() {
  const { focus, incidents, overdue, current } = shown;
  const tasks = current.filter((id) => !isContainer(id) && !isEvent(id));
  const id = [focus, ...incidents, ...overdue, ...tasks, ...current].find((candidate) => candidate && registry.get(candidate));
  if (!id) return;
  canvas.zoom(0.85);
  canvas.scrollToElement(id, { top: 60, bottom: 60, left: 80, right: 80 });
  const box = canvas.viewbox();
  const { x, y, width, height } = registry.get(id);
  if (width < box.width && height < box.height) {
    canvas.viewbox({ ...box, x: x + width / 2 - box.width / 2, y: y + height / 2 - box.height / 2 });
  }
}

// The whole diagram if its texts stay readable, else the place where the case stands.
function frame() {
  canvas.zoom('fit-viewport');
  const tooSmall = canvas.zoom() < Number(place.dataset.smallest ?? 0.35);
  if (tooSmall) focusCurrent();
}

async function show(diagram) {
  shown = diagram;
  for (const tab of tabs) tab.setAttribute('aria-selected', String(tab.dataset.diagram === diagram.process_id));
  try {
    const response = await fetch(diagram.url, { headers: { Accept: 'application/xml' } });
    if (!response.ok) throw new Error(String(response.status));
    await viewer.importXML(await response.text());
    mark(diagram);
    frame();
    place.dataset.ready = diagram.process_id;
  } catch (error) {
    place.dataset.failed = t('流程图无法显示：{reason}', { reason: error.message });
  }
}

function calledProcess(element) {
  const values = element.businessObject?.extensionElements?.values ?? [];
  const called = values.find((value) => value.$type === 'zeebe:calledElement');
  const id = called?.processId ?? called?.$attrs?.processId ?? element.businessObject?.calledElement;
  return diagrams.find((diagram) => diagram.process_id === id);
}

viewer.on('element.click', ({ element }) => {
  const diagram = calledProcess(element);
  if (diagram) show(diagram);
});
for (const tab of tabs) tab.addEventListener('click', () => show(diagrams.find((diagram) => diagram.process_id === tab.dataset.diagram)));
for (const button of document.querySelectorAll('[data-zoom]')) {
  button.addEventListener('click', () => {
    const { zoom } = button.dataset;
    if (zoom === 'fit') canvas.zoom('fit-viewport');
    else if (zoom === 'current') focusCurrent();
    else viewer.get('zoomScroll').stepZoom(zoom === 'in' ? 1 : -1);
  });
}

const busy = ({ current, overdue, incidents }) => current.length + overdue.length + incidents.length > 0;
const [main] = diagrams;
const first = place.dataset.first === 'current' ? (diagrams.find(({ focus }) => focus) ?? diagrams.find(busy) ?? main) : main;
if (first) show(first);
