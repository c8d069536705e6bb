import type {
  Background,
  Duologue,
  DuologueOptions,
  PlacementPreset,
  RendererChoice,
  Shot,
} from '../src/index.ts';
import { byId } from './page.ts';

const bar = byId('view');
const shots = [...bar.querySelectorAll<HTMLButtonElement>('[data-shot]')];
const placement = byId<HTMLSelectElement>('placement');
const calm = byId<HTMLButtonElement>('calm');

/** What the address says about the picture: `?placement=`, `?distance=`, `?shot=`, `?background=`, `?renderer=`, `?quality=`. */
export function viewOptions(query: URLSearchParams): Partial<DuologueOptions> {
  const text = <T extends string>(name: string, key = name) =>
    query.has(name) ? { [key]: query.get(name) as T } : {};
  const distanceM = Number.parseFloat(query.get('distance') ?? '');
  // Whoever has asked the system for less motion is not asked twice.
  const calmer = query.has('calm') || matchMedia('(prefers-reduced-motion: reduce)').matches;
  return {
    orbit: true,
    ...text<PlacementPreset>('placement'),
    ...text<Shot>('shot'),
    ...text<Background & string>('background'),
    ...text<RendererChoice>('renderer'),
    ...text('quality'),
    ...(Number.isNaN(distanceM) ? {} : { distanceM }),
    ...(calmer && { intensity: 'calm' as const }),
  };
}

/** Brings the bar of shots, placement and calm to life. */
export function watchView(duo: Duologue, query: URLSearchParams): void {
  const mark = () => {
    for (const button of shots) button.setAttribute('aria-pressed', String(button.dataset.shot === duo.shot));
  };
  for (const button of shots)
    button.onclick = () => {
      duo.setShot(button.dataset.shot as Shot);
      mark();
    };
  // A hand may take the camera, and give it back.
  byId('stage').addEventListener('pointerup', mark);
  byId('stage').addEventListener('dblclick', () => setTimeout(mark));
  placement.value = query.get('placement') ?? 'vis-a-vis';
  placement.onchange = () => {
    // Where they begin is part of the motion: it begins anew.
    query.set('placement', placement.value);
    location.search = query.toString();
  };
  const setCalm = (on: boolean) => calm.setAttribute('aria-pressed', String(on));
  setCalm(viewOptions(query).intensity === 'calm');
  calm.onclick = () => {
    const on = calm.getAttribute('aria-pressed') !== 'true';
    setCalm(on);
    duo.setIntensity(on ? 'calm' : 'full');
  };
  mark();
  bar.hidden = false;
}
