import { bytes, percent, t } from '../i18n';
import { fetchModel, kDefaultModel, pull, refreshModels, serverProblem, serverState } from './model-state';
import { Icon } from './icons';
import { dialog, focusComposer } from './view-state';

/** A model on its way, or why it did not come. */
export function PullBox() {
  const now = pull.value;
  if (!now) return null;
  const { progress, problem } = now;
  if (problem) {
    return (
      <div class="pull" role="alert">
        <p class="sentence">{problem.message}</p>
        <div class="buttons">
          <button type="button" class="button primary" onClick={() => void fetchModel(now.model)}>
            {t('tryAgain')}
          </button>
          <button type="button" class="button" onClick={() => (pull.value = null)}>
            {t('cancel')}
          </button>
        </div>
      </div>
    );
  }
  const total = progress?.total ?? 0;
  const completed = progress?.completed ?? 0;
  const share = total > 0 ? completed / total : null;
  return (
    <div class="pull">
      <p>
        <b>{t('fetching', { model: now.model })}</b>{' '}
        <span>
          {share === null ? progress?.status : `${bytes(completed)} / ${bytes(total)} · ${percent(share)}`}
        </span>
      </p>
      <progress max={1} value={share ?? undefined} aria-label={t('fetching', { model: now.model })} />
      <div class="buttons">
        <button type="button" class="button" onClick={() => now.stop.abort()}>
          {t('cancel')}
        </button>
      </div>
    </div>
  );
}

/** No model yet: one button leads to the first chat. */
function NoModel() {
  return (
    <section class="setup">
      <h2>{t('noModelTitle')}</h2>
      <p>{t('noModelText', { model: kDefaultModel })}</p>
      {pull.value ? (
        <PullBox />
      ) : (
        <div class="buttons">
          <button
            type="button"
            class="button primary large"
            onClick={() => void fetchModel(kDefaultModel).then((done) => done && focusComposer())}
          >
            <Icon name="download" />
            {t('fetchModel', { model: kDefaultModel })}
          </button>
          <button type="button" class="button large" onClick={() => void refreshModels()}>
            {t('lookAgain')}
          </button>
        </div>
      )}
      <p class="hint">{t('noModelHint')}</p>
    </section>
  );
}

function Offline() {
  return (
    <section class="setup" role="alert">
      <h2>{t('offlineTitle')}</h2>
      <p>{t('offlineText')}</p>
      {serverProblem.value && serverProblem.value.kind !== 'offline' && (
        <p class="sentence">{serverProblem.value.message}</p>
      )}
      <div class="buttons">
        <button type="button" class="button primary large" onClick={() => void refreshModels()}>
          {t('tryAgain')}
        </button>
      </div>
    </section>
  );
}

function KeyWanted() {
  return (
    <section class="setup">
      <h2>{t('keyTitle')}</h2>
      <p>{t('keyText')}</p>
      <div class="buttons">
        <button type="button" class="button primary large" onClick={() => (dialog.value = { name: 'key' })}>
          {t('enterKey')}
        </button>
      </div>
    </section>
  );
}

/** What stands in the way of a chat, if anything does. */
export function Setup() {
  switch (serverState.value) {
    case 'empty':
      return <NoModel />;
    case 'offline':
      return <Offline />;
    case 'key':
      return <KeyWanted />;
    default:
      return null;
  }
}
