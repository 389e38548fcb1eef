/** The kinds of panels; each has a title, a description and a unit. */
import {
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  PanelBuilder as HeatmapBuilder,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Query } from './queries.ts';

export type PanelSpec = {
  readonly title: string;
  /** What it shows, and what to make of it. */
  readonly description: string;
  /** One of Grafana's units. */
  readonly unit: string;
  readonly queries: readonly Query[];
};

export type PanelBuilder = GraphBuilder | HeatmapBuilder | StatBuilder;

const DATASOURCE = { type: 'prometheus', uid: '$datasource' };
const WIDTH = 8;
const HEIGHT = 8;
const STAT = { width: 4, height: 4 };

/** Lines over time. */
export const graph = (spec: PanelSpec): GraphBuilder =>
  described(new GraphBuilder(), spec)
    .span(WIDTH)
    .height(HEIGHT)
    .min(0)
    .lineWidth(1)
    .fillOpacity(10)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    );

/** Areas that add up to a whole. */
export const stack = (spec: PanelSpec): GraphBuilder =>
  graph(spec)
    .fillOpacity(60)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));

/** One number with its recent past. */
export const stat = (spec: PanelSpec): StatBuilder =>
  described(new StatBuilder(), spec)
    .span(STAT.width)
    .height(STAT.height)
    .colorMode(BigValueColorMode.None)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));

/** The buckets of a histogram over time. */
export const heatmap = (spec: PanelSpec): HeatmapBuilder =>
  described(new HeatmapBuilder(), spec, PromQueryFormat.Heatmap)
    .span(WIDTH)
    .height(HEIGHT)
    .calculate(false)
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Blues').steps(32))
    .yAxis(new YAxisConfigBuilder().unit(spec.unit))
    .cellGap(1)
    .hideLegend();

type Described = {
  title(title: string): Described;
  description(text: string): Described;
  unit(unit: string): Described;
  datasource(source: typeof DATASOURCE): Described;
  withTarget(target: DataqueryBuilder): Described;
};

function described<Builder extends Described>(
  panel: Builder,
  { title, description, unit, queries }: PanelSpec,
  format: PromQueryFormat = PromQueryFormat.TimeSeries,
): Builder {
  panel.title(title).description(description).unit(unit).datasource(DATASOURCE);
  queries.forEach(({ expr, legend }, index) => {
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode('A'.charCodeAt(0) + index))
        .expr(expr)
        .legendFormat(legend)
        .format(format),
    );
  });
  return panel;
}
