/**
 * How much of each item of a list is visible, by the list's offset and heights.
 *
 * React Native's own viewability looks again when its timer fires and counts two short looks as one, and an
 * item that is taller than twice the screen never counts: so the fractions are computed, and the core times.
 *
 * @param offset how far the list is scrolled, in points.
 * @param viewport the height of the list.
 * @param count how many items there are.
 * @param frame where an item lies: its distance from the top and its height.
 * @returns index and max(visible ÷ item, visible ÷ viewport) of each item that is visible at all.
 */
export function visibleFractions(
  offset: number,
  viewport: number,
  count: number,
  frame: (index: number) => { top: number; height: number },
): [index: number, fraction: number][] {
  const found: [number, number][] = [];
  if (!(viewport > 0)) return found;
  // The first item whose foot is below the top edge, by halving.
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { top, height } = frame(middle);
    if (top + height > offset) high = middle;
    else low = middle + 1;
  }
  for (let index = low; index < count; index++) {
    const { top, height } = frame(index);
    if (top >= offset + viewport) break;
    const visible = Math.min(top + height, offset + viewport) - Math.max(top, offset);
    if (visible > 0 && height > 0) found.push([index, Math.min(1, Math.max(visible / height, visible / viewport))]);
  }
  return found;
}
