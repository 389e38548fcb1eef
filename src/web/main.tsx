/** Entry of the playground. */
import { render } from 'preact';
import { App } from './shell/app.tsx';
import './style/base.css';
import './style/controls.css';
import './style/shell.css';
import './style/chat.css';
import './style/answer.css';
import './style/settings.css';
import './style/dialog.css';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
