/** Writes the documents that are made from code: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { renderApiDocument } from './api-document.ts';
import { renderConfigDocument, renderDefaultFile } from './config-document.ts';
import { renderMetricsDocument } from './metrics-document.ts';

const documents = {
  'docs/api.md': renderApiDocument(),
  'docs/config.md': renderConfigDocument(),
  'config/default.yaml': renderDefaultFile(),
  'docs/metrics.md': renderMetricsDocument(),
};

for (const [path, text] of Object.entries(documents)) {
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}
