import { useEffect } from 'preact/hooks';
import { fetchReport, type Run, type RunDetails, type RunState } from '../api/runs';
import { count, duration, t, type Key } from '../i18n';
import { apiKey } from '../settings/preferences';
import { saveFile } from '../ui/files';
import { Icon } from '../ui/icons';
import { dialog, sidebarOpen } from '../ui/view-state';
import { LossChart } from './chart';
import { chooseRun, details, refreshRuns, runs, runsProblem, watchRuns } from './state';

const stateNames: Record<RunState, Key> = {
  running: 'runRunning',
  finished: 'runFinished',
  stopped: 'runStopped',
  failed: 'runFailed',
  interrupted: 'runInterrupted',
};

function progressOf(run: Run): number {
  return run.steps > 0 ? Math.min(1, run.stepsDone / run.steps) : 0;
}

function Entry({ run, open }: { run: Run; open: boolean }) {
  return (
    <li>
      <button
        type="button"
        class="run"
        aria-current={open ? 'true' : undefined}
        onClick={() => chooseRun(run.name)}
      >
        <span class="run-name">{run.name}</span>
        <span class={`run-state ${run.state}`}>{t(stateNames[run.state])}</span>
        <progress
          max={1}
          value={progressOf(run)}
          aria-label={t('stepsOf', { n: count(run.stepsDone), total: count(run.steps) })}
        />
      </button>
    </li>
  );
}

/** What is known of a run, in numbers. */
function figuresOf(run: Run): [Key, string][] {
  const figures: [Key, string][] = [['steps', `${count(run.stepsDone)} / ${count(run.steps)}`]];
  const add = (name: Key, value: number | null, text: (value: number) => string) => {
    if (value !== null) figures.push([name, text(value)]);
  };
  const fixed = (value: number) => value.toFixed(3);
  const whole = (value: number) => count(Math.round(value));
  add('loss', run.loss, fixed);
  add('heldOutLoss', run.heldOut, fixed);
  add('bitsPerByte', run.bitsPerByte, fixed);
  add('tokensASecond', run.tokensPerSecond, whole);
  add('parameters', run.parameters || null, whole);
  if (run.state === 'running' && run.stepsDone > 0) {
    add('timeLeft', (run.seconds / run.stepsDone) * (run.steps - run.stepsDone), duration);
  }
  return figures;
}

/** A page of its own; with a key no tab can ask for it, so it is saved instead. */
function ReportButton({ run }: { run: Run }) {
  const address = `runs/${encodeURIComponent(run.name)}`;
  if (!apiKey.value) {
    return (
      <a class="button" href={address} target="_blank" rel="noopener">
        {t('openReport')}
      </a>
    );
  }
  const save = async () => saveFile(await fetchReport(run.name), `${run.name}.html`);
  return (
    <button type="button" class="button" onClick={() => void save().catch(() => refreshRuns())}>
      <Icon name="download" />
      {t('saveReport')}
    </button>
  );
}

function Samples({ samples }: { samples: RunDetails['samples'] }) {
  if (samples.length === 0) return null;
  return (
    <section>
      <h3>{t('runSamples')}</h3>
      <ul class="run-samples">
        {samples
          .slice(-6)
          .reverse()
          .map((sample) => (
            <li key={`${sample.step} ${sample.prompt}`}>
              <span class="hint">{t('inStep', { n: count(sample.step) })}</span>
              <p>
                <b>{sample.prompt}</b>
                {sample.text}
              </p>
            </li>
          ))}
      </ul>
    </section>
  );
}

function Details({ shown }: { shown: RunDetails }) {
  const { run } = shown;
  return (
    <article class="run-details" aria-label={run.name}>
      <header>
        <h2>{run.name}</h2>
        <span class={`run-state ${run.state}`}>{t(stateNames[run.state])}</span>
        <ReportButton run={run} />
      </header>
      {run.about && <p>{run.about}</p>}
      {run.problem && <p class="warning">{run.problem}</p>}
      <dl class="figures">
        {figuresOf(run).map(([name, value]) => (
          <div key={name} class="figure">
            <dt>{t(name)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <LossChart training={shown.loss} heldOut={shown.heldOut} />
      <Samples samples={shown.samples} />
    </article>
  );
}

function Trouble() {
  const problem = runsProblem.value!;
  return (
    <div class="run-trouble" role="alert">
      <p>{problem.kind === 'key' ? t('keyTitle') : t('runsFailed', { reason: problem.message })}</p>
      {problem.kind === 'key' ? (
        <button type="button" class="button primary" onClick={() => (dialog.value = { name: 'key' })}>
          {t('enterKey')}
        </button>
      ) : (
        <button type="button" class="button" onClick={() => void refreshRuns()}>
          {t('tryAgain')}
        </button>
      )}
    </div>
  );
}

/** The trainings on the server's machine, and one of them as it goes on. */
export function Runs() {
  useEffect(watchRuns, [apiKey.value]);
  const list = runs.value;
  return (
    <main class="main runs">
      <header class="bar">
        <button
          type="button"
          class="icon-button narrow-only"
          onClick={() => (sidebarOpen.value = true)}
          aria-label={t('chats')}
        >
          <Icon name="menu" />
        </button>
        <h1>{t('trainings')}</h1>
      </header>
      <div class="runs-body" tabIndex={0} role="region" aria-label={t('trainings')}>
        {runsProblem.value && <Trouble />}
        {list?.length === 0 && (
          <section class="no-runs">
            <h2>{t('noRuns')}</h2>
            <p>{t('noRunsText')}</p>
            <code>jielong train recipe.yaml</code>
          </section>
        )}
        {list && list.length > 0 && (
          <ul class="run-list" aria-label={t('trainings')}>
            {list.map((run) => (
              <Entry key={run.name} run={run} open={run.name === details.value?.run.name} />
            ))}
          </ul>
        )}
        {details.value && <Details shown={details.value} />}
      </div>
    </main>
  );
}
