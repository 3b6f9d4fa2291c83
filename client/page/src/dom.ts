/** Elements are made here alone, and text is set as text: nothing that people wrote becomes markup. */

type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string | null | false)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return element;
}

export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const SHAPES = {
  heart: 'M12 20.5s-7.5-4.6-9.2-9.2C1.6 7.9 3.7 4.5 7 4.5c2.1 0 3.9 1.2 5 3 1.1-1.8 2.9-3 5-3 3.3 0 5.4 3.4 4.2 6.8-1.7 4.6-9.2 9.2-9.2 9.2z',
  more: 'M5 10.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3zm7 0a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3zm7 0a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z',
  share: 'M14 4l7 7-7 7v-4c-5 0-8 2-11 6 1-6 4-10 11-11z',
  plus: 'M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z',
  refresh: 'M12 5a7 7 0 1 0 7 8h-2a5 5 0 1 1-1-4l-3 2h7V4l-3 3a7 7 0 0 0-5-2z',
  sound: 'M4 9v6h4l5 4V5L8 9zm11-1v8a5 5 0 0 0 0-8z',
  mute: 'M4 9v6h4l5 4V5L8 9zm11 1l5 5-1 1-5-5zm4-1l1 1-5 5-1-1z',
  inspect: 'M4 6h16v2H4zm0 5h10v2H4zm0 5h13v2H4z',
  play: 'M8 5v14l11-7z',
};

export function icon(name: keyof typeof SHAPES): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', SHAPES[name]);
  svg.append(path);
  return svg;
}

let stopToast = 0;

/** Says something short, with one thing that can be done about it. */
export function toast(text: string, action?: { label: string; run(): void }): void {
  const place = byId('toast');
  clearTimeout(stopToast);
  const hide = () => place.replaceChildren();
  const button =
    action &&
    make('button', { type: 'button', click: () => (hide(), action.run()) }, action.label);
  place.replaceChildren(make('span', {}, text), ...(button ? [button] : []));
  stopToast = window.setTimeout(hide, action ? 7_000 : 3_500);
}

/** A short name for an id that has none, the same each time. */
export function nameOf(id: string): string {
  const words = 'amber birch cedar ember fjord grove heron islet'.split(' ');
  const [a, b] = [parseInt(id.slice(-2), 16), parseInt(id.slice(-4, -2), 16)];
  return `${words[a % 8]}.${words[b % 8]}${(a * 7 + b) % 90}`;
}

export function hueOf(id: string): number {
  return (parseInt(id.slice(-4), 16) * 137) % 360;
}

export const isStill = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;
