import type { UploadProgress, UploadResult } from '@vroom/feed-web';

import { make, toast } from './dom.js';
import type { Page } from './page.js';
import { sheet } from './sheets.js';

const PHASES: Record<UploadProgress['phase'], string> = {
  compressing: 'Making it smaller',
  uploading: 'Sending it',
  processing: 'Being processed',
  ready: 'Ready: others can watch it now',
};

/** A bar with words, which says how far an upload is. */
function meter(name: string, cancel?: () => void) {
  const fill = make('i');
  const words = make('span', { role: 'status' }, 'Starting');
  const bar = make('div', { class: 'bar', role: 'progressbar', 'aria-label': name, 'aria-valuemin': 0, 'aria-valuemax': 100 }, fill);
  const button = cancel && make('button', { type: 'button', class: 'plain', click: cancel }, 'Cancel');
  const element = make('div', { class: 'meter' }, make('strong', { dir: 'auto' }, name), bar, words, button ?? null);
  return {
    element,
    tell({ phase, fraction }: UploadProgress) {
      const percent = Math.round(fraction * 100);
      fill.style.setProperty('transform', `scaleX(${fraction})`);
      bar.setAttribute('aria-valuenow', String(percent));
      element.dataset['phase'] = phase;
      element.dataset['fraction'] = String(fraction);
      words.textContent = `${PHASES[phase]} · ${percent} %`;
      if (phase !== 'compressing' && phase !== 'uploading') button?.remove();
    },
    fail(problem: unknown) {
      element.dataset['phase'] = 'failed';
      words.textContent = problem instanceof Error ? problem.message : 'It failed';
      button?.remove();
    },
  };
}

const list = make('div', { class: 'uploads' });

/** Shows uploads that go on from an earlier visit. */
export function follow(page: Page, uploads: Promise<UploadResult>[]): void {
  toast(uploads.length === 1 ? 'An upload goes on' : `${uploads.length} uploads go on`, {
    label: 'Show',
    run: () => openUpload(page),
  });
  uploads.forEach((upload) =>
    upload.then(
      () => toast('Your video is ready'),
      (problem: Error) => toast(`An upload failed: ${problem.message}`),
    ),
  );
}

function send(page: Page, file: File, caption: string, tags: string[]): void {
  const cancel = new AbortController();
  const one = meter(caption || file.name, () => cancel.abort());
  list.prepend(one.element);
  page.client
    .uploadVideo(
      file,
      { content: { caption, tags }, userId: page.viewer },
      { maxResolutionTier: '1080p', onProgress: one.tell, signal: cancel.signal },
    )
    .then(
      () => toast('Your video is ready'),
      (problem: unknown) => one.fail(problem),
    );
}

export function openUpload(page: Page): void {
  const wasPaused = page.stage.pool.isPaused;
  page.stage.pool.isPaused = true;
  const file = make('input', { type: 'file', accept: 'video/*', id: 'file', required: true });
  const caption = make('textarea', { id: 'caption', maxlength: 2200, rows: 3, dir: 'auto' });
  const tags = make('input', { id: 'tags', type: 'text', placeholder: 'dogs, beach', dir: 'auto', autocomplete: 'off' });
  const form = make(
    'form',
    {
      submit: (event) => {
        event.preventDefault();
        const picked = file.files?.[0];
        if (!picked) return;
        const words = tags.value.split(/[,\s]+/).map((tag) => tag.replace(/^#/, '')).filter(Boolean);
        send(page, picked, caption.value.trim(), words.slice(0, 30));
        form.reset();
      },
    },
    make('label', { for: 'file' }, 'Video'),
    file,
    make('label', { for: 'caption' }, 'Caption'),
    caption,
    make('label', { for: 'tags' }, 'Topics'),
    tags,
    make('button', { type: 'submit', class: 'primary' }, 'Upload'),
    make('p', { class: 'quiet' }, 'It is made smaller first and cut at three minutes. Your own videos are not in your own feed.'),
  );
  sheet(page, 'Upload a video', [form, list], () => (page.stage.pool.isPaused = wasPaused));
}
