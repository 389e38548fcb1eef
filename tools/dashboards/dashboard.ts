/** What all dashboards share: variables, links to each other, rows of panels. */
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { PanelBuilder } from './panels.ts';

export type DashboardSpec = {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Titles of rows with their panels. */
  readonly rows: Readonly<Record<string, readonly PanelBuilder[]>>;
};

const TAG = 'etap';

export function dashboard({ uid, title, description, rows }: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-30m', to: 'now' })
    .refresh('10s')
    .link(
      new DashboardLinkBuilder('Etap')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .keepTime(true)
        .includeVars(true),
    )
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(labelVariable('model', 'Model', 'label_values(etap_build_info, model_name)'))
    .withVariable(
      labelVariable(
        'instance',
        'Instance',
        'label_values(etap_build_info{model_name=~"$model"}, instance)',
      ),
    );
  for (const [row, panels] of Object.entries(rows)) {
    builder.withRow(new RowBuilder(row));
    for (const panel of panels) builder.withPanel(panel);
  }
  return numbered(builder.build());
}

/** All values are chosen until someone chooses. */
const labelVariable = (name: string, label: string, query: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(label)
    .query({ query, refId: name })
    .definition(query)
    .datasource({ type: 'prometheus', uid: '$datasource' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: ['All'], value: ['$__all'] });

/** Panels are told apart by number, also in links to them. */
function numbered(board: Dashboard): Dashboard {
  const panels = (board.panels ?? []).map((panel, index) => ({ ...panel, id: index + 1 }));
  return { ...board, panels: panels as NonNullable<Dashboard['panels']> };
}
