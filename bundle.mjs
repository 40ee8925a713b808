// Bundles the browser packages and the FEEL interpreter into bundles/, at set-up (`npm run build`).
import { build } from 'esbuild';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const out = 'bundles';
await rm(out, { recursive: true, force: true });
await mkdir(join(out, 'static'), { recursive: true });

// The interpreter that the server runs in a V8 isolate: one plain script, no module loader.
await build({
  entryPoints: ['engine/feel.mjs'],
  outfile: join(out, 'feel.js'),
  bundle: true,
  format: 'iife',
  globalName: 'hejie',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2022',
});

// One entry a page behaviour; shared packages are split into chunks of their own.
const behaviours = (await readdir('web/browser')).filter((name) => name.endsWith('.mjs'));
await build({
  entryPoints: behaviours.map((name) => join('web/browser', name)),
  outdir: join(out, 'static'),
  bundle: true,
  splitting: true,
  format: 'esm',
  minify: true,
  sourcemap: true,
  target: 'es2022',
  outExtension: { '.js': '.mjs' },
});

// Style sheets of the packages, as they are.
const styles = {
  'tabler.css': '@tabler/core/dist/css/tabler.min.css',
  'form-js.css': '@bpmn-io/form-js-viewer/dist/assets/form-js.css',
  'flatpickr.css': '@bpmn-io/form-js-viewer/dist/assets/flatpickr/light.css',
  'diagram-js.css': 'bpmn-js/dist/assets/diagram-js.css',
  'bpmn-js.css': 'bpmn-js/dist/assets/bpmn-js.css',
  'bpmn-font': 'bpmn-js/dist/assets/bpmn-font',
};
for (const [name, source] of Object.entries(styles)) {
  await cp(join('node_modules', source), join(out, 'static', name), { recursive: true });
}
