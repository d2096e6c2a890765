import { useId } from 'preact/hooks';
import type { Points } from '../api/runs';
import { count, t } from '../i18n';
import { pathOf, scale, smoothed, ticks } from './curve';

const box = { width: 640, height: 260, left: 46, right: 12, top: 12, bottom: 32 };

/** The loss while it falls, as steps pass: single steps faintly, their average, and held-out text. */
export function LossChart({ training, heldOut }: { training: Points; heldOut: Points }) {
  const id = useId();
  const x = scale([...training.x, ...heldOut.x], box.left, box.width - box.right);
  const y = scale([...training.y, ...heldOut.y], box.height - box.bottom, box.top);
  const last = training.y.at(-1);
  return (
    <figure class="loss">
      <svg viewBox={`0 0 ${box.width} ${box.height}`} role="img" aria-labelledby={`${id}-title ${id}-text`}>
        <title id={`${id}-title`}>{t('loss')}</title>
        <desc id={`${id}-text`}>
          {last === undefined
            ? t('nothingYet')
            : t('lossNow', { first: training.y[0]!.toFixed(2), last: last.toFixed(2) })}
        </desc>
        {ticks(y.low, y.high, 5).map((tick) => (
          <g key={tick}>
            <path class="grid" d={`M${box.left} ${y.place(tick)}H${box.width - box.right}`} />
            <text class="end" x={box.left - 8} y={y.place(tick) + 4}>
              {count(tick)}
            </text>
          </g>
        ))}
        {ticks(x.low, x.high, 6).map((tick) => (
          <text key={tick} class="middle" x={x.place(tick)} y={box.height - 10}>
            {count(tick)}
          </text>
        ))}
        <path class="curve training single" d={pathOf(training, x, y)} />
        <path class="curve training" d={pathOf(smoothed(training), x, y)} />
        <path class="curve held-out" d={pathOf(heldOut, x, y)} />
      </svg>
      <figcaption class="hint">
        <span class="key training">{t('trainingLoss')}</span>
        <span class="key held-out">{t('heldOutLoss')}</span>
        <span>{t('lossHelp')}</span>
      </figcaption>
    </figure>
  );
}
