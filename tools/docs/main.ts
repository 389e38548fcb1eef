/** Writes the documents that are made from code: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { renderConfigDocument, renderDefaultFile } from './config-document.ts';

const documents = {
  'docs/config.md': renderConfigDocument(),
  'config/default.yaml': renderDefaultFile(),
};

for (const [path, text] of Object.entries(documents)) {
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}
