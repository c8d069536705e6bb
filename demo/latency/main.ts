import { type BackendChoice, EngineError } from '../../src/index.ts';
import { type Measured, measure, type Wish } from './measure.ts';

declare global {
  interface Window {
    /** What was measured, or why nothing was, once it is over. */
    latency?: { readonly measured: Measured } | { readonly failed: string };
  }
}

const byId = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const form = byId<HTMLFormElement>('wish');
const status = byId('status');
const query = new URLSearchParams(location.search);

for (const [name, value] of query) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement && field.type === 'checkbox') field.checked = value !== '0';
  else if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
}

function wish(): Wish {
  const fields = new FormData(form);
  return {
    backend: fields.get('backend') as BackendChoice,
    seconds: Number(fields.get('seconds')),
    rendering: fields.has('rendering'),
    lateVoiceMs: Number(query.get('late-voice') ?? 0),
    container: byId('stage'),
    say: (what) => {
      status.textContent = what;
    },
  };
}

const shown = (value: unknown) => (value === null ? '–' : String(value));

async function run() {
  const fields = byId<HTMLFieldSetElement>('fields');
  const wanted = wish();
  fields.disabled = true;
  document.body.dataset.state = 'measuring';
  delete window.latency;
  try {
    const measured = await measure(wanted);
    byId('figures').replaceChildren(
      ...Object.entries(measured).flatMap(([name, value]) => {
        const [term, figure] = [document.createElement('dt'), document.createElement('dd')];
        term.textContent = name.replaceAll('_', ' ');
        figure.textContent = shown(value);
        return [term, figure];
      }),
    );
    status.textContent = `Measured ${measured.seconds} s on ${measured.tier}: ${measured.why}.`;
    document.body.dataset.state = 'done';
    window.latency = { measured };
  } catch (error) {
    const failed = error instanceof EngineError ? `${error.message} ${error.hint ?? ''}` : String(error);
    status.textContent = failed;
    document.body.dataset.state = 'failed';
    window.latency = { failed };
  } finally {
    fields.disabled = false;
  }
}

form.onsubmit = (event) => {
  event.preventDefault();
  void run();
};
if (query.has('run')) void run();
