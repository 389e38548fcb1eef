/** Cuts a text at any places, as tokens do. */
export function cutText(text: string, places: readonly number[]): string[] {
  const borders = [0, ...places.map((place) => place % (text.length + 1)), text.length];
  borders.sort((a, b) => a - b);
  return borders.slice(1).map((end, index) => text.slice(borders[index], end));
}
