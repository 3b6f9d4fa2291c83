/**
 * Asks as `fetch` does, from a page on another machine than the stack's.
 *
 * The addresses of media in its answers are those of the stack's own machine: from here they are asked of the
 * gateway, which alone is reached.
 */
export async function ask(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  const text = (await answer.text()).replace(/http:\/\/127\.0\.0\.1:\d+\//g, `${location.origin}/media/`);
  return new Response(text, answer);
}
