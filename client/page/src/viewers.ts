/** Whose feed it is. Tokens are asked for when they are needed, and kept nowhere. */

const KEY = 'vroom-viewer';
const VIEWER = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

export const VIEWERS = ['Ada', 'Ben', 'Chen', 'Dara', 'Eli'].map((name, index) => ({
  name,
  id: `6f1c4c5e-0000-4000-8000-00000000000${index + 1}`,
}));

export function currentViewer(): string {
  const kept = localStorage.getItem(KEY) ?? '';
  return VIEWER.test(kept) ? kept : VIEWERS[0]!.id;
}

export function nameOfViewer(id: string): string {
  return VIEWERS.find((viewer) => viewer.id === id)?.name ?? `Viewer ${id.slice(-4)}`;
}

/** Switches to another viewer, or to one whom nobody has seen before. */
export function switchViewer(id: string = randomId()): void {
  localStorage.setItem(KEY, id);
  location.reload();
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 15) | 64;
  bytes[8] = (bytes[8]! & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** A token of the local stack. */
export async function tokenOf(viewer: string): Promise<string> {
  const answer = await fetch('/dev/token', { method: 'POST', body: JSON.stringify({ user_id: viewer }) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return ((await answer.json()) as { token: string }).token;
}
