import { effect } from '@preact/signals';
import { render } from 'preact';
import { openDatabase } from './chat/database';
import { start } from './chat/store';
import { readAddress } from './runs/state';
import { language, theme } from './settings/preferences';
import { App } from './ui/app';
import { refreshModels } from './ui/model-state';
import { focusComposer } from './ui/view-state';
import './style/index.css';

effect(() => {
  document.documentElement.lang = language.value;
});
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

readAddress();
window.addEventListener('popstate', readAddress);

await start(await openDatabase().catch(() => null)).catch(() => start(null));
render(<App />, document.getElementById('app')!);
void refreshModels();
focusComposer();
