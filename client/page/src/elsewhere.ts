/**
 * Asks as `fetch` does, from a page on another machine than the stack's.
 *
 * The addresses of media in its answers are those of the stack's own machine: from here they are asked of the
 * gateway, which alone is reached.
 */
export async function ask(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  const text = (await answer.text()).replace(/http:\/\/127\.0\.0\.1:\d+\//g, `${location.origin}/media/`);
  // An answer of a status such as 204 has no text, and allows not even an empty one.
  return new Response(text || null, answer);
}
