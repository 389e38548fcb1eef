/** The dashboards by the file that each is written to. */
import { engineDashboard } from './engine.ts';
import { servingDashboard } from './serving.ts';
import { tenantsDashboard } from './tenants.ts';

const FOLDER = 'config/grafana/dashboards';

export function renderDashboards(): Readonly<Record<string, string>> {
  const boards = {
    serving: servingDashboard(),
    engine: engineDashboard(),
    tenants: tenantsDashboard(),
  };
  return Object.fromEntries(
    Object.entries(boards).map(([name, board]) => [
      `${FOLDER}/${name}.json`,
      `${JSON.stringify(board, null, 2)}\n`,
    ]),
  );
}
