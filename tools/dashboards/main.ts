/** Writes the dashboards: `npm run dashboards`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { renderDashboards } from './index.ts';

for (const [path, text] of Object.entries(renderDashboards())) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}
