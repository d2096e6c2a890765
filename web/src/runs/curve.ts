import type { Points } from '../api/runs';

/** Values of 1, 2 or 5 times a power of ten within a range, about `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
  if (!(high > low)) return [low];
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9))! * power;
  const found: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) {
    found.push(Number((at * step).toPrecision(12)));
  }
  return found;
}

/** From a value to a place in the drawing. */
export interface Scale {
  low: number;
  high: number;
  place(value: number): number;
}

export function scale(values: number[], from: number, to: number): Scale {
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (values.length === 0) [low, high] = [0, 1];
  if (high === low) {
    const room = Math.abs(high) / 10 || 1;
    [low, high] = [low - room, high + room];
  }
  return { low, high, place: (value) => from + ((to - from) * (value - low)) / (high - low) };
}

/** The data of an SVG path through the points. */
export function pathOf(points: Points, x: Scale, y: Scale): string {
  return points.x
    .map(
      (value, i) => `${i === 0 ? 'M' : 'L'}${x.place(value).toFixed(1)} ${y.place(points.y[i]!).toFixed(1)}`,
    )
    .join('');
}

/** A moving average that forgets in about a fiftieth of the points. */
export function smoothed(points: Points): Points {
  const keep = Math.exp(-50 / Math.max(50, points.y.length));
  let average = 0;
  let weight = 0;
  const y = points.y.map((value) => {
    average = keep * average + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return average / weight;
  });
  return { x: points.x, y };
}
