/** Panels as every dashboard has them: what a panel measures, in which unit, and what to read from it must be said. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Panel,
  type Threshold,
  type ValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { oneLine } from '../promql/vocabulary.ts'
import { datasource } from './variables.ts'

export interface Query {
  readonly expr: string
  /** With `{{label}}`s. */
  readonly legend: string
}

export interface PanelOptions {
  readonly title: string
  readonly description: string
  readonly unit: string
  readonly queries: readonly Query[]
  /** Of the 24 columns. */
  readonly span: number
  readonly height?: number
}

export type Limit = readonly [from: number, color: 'green' | 'orange' | 'red']

/** Lines over time. */
export function graph(
  options: PanelOptions & { readonly isStacked?: boolean; readonly limit?: number },
): Builder<Panel> {
  const { isStacked = false, limit } = options
  const builder = new TimeseriesBuilder()
    .drawStyle(GraphDrawStyle.Line)
    .fillOpacity(isStacked ? 60 : 10)
    .lineWidth(1)
    .showPoints(VisibilityMode.Never)
    .min(0)
    .legend(legend())
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
  if (isStacked) builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
  if (limit !== undefined) {
    builder
      .thresholds(thresholds([limit, 'red']))
      .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
  }
  return described(builder, options)
}

/** One number, the newest. */
export function stat(options: PanelOptions & { readonly limits?: readonly Limit[] }): Builder<Panel> {
  const builder = new StatBuilder()
    .colorMode(options.limits === undefined ? BigValueColorMode.None : BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.Area)
    .thresholds(thresholds(...(options.limits ?? [])))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
  return described(builder, options)
}

/** Buckets of a histogram over time. */
export function heatmap(options: PanelOptions): Builder<Panel> {
  const builder = new HeatmapBuilder()
    .calculate(false)
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64))
    .yAxis(new YAxisConfigBuilder().unit(options.unit))
    .cellGap(1)
    .scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Linear))
  return described(builder, options, PromQueryFormat.Heatmap)
}

export interface Named {
  readonly text: string
  readonly color: string
}

/** A row for each series, coloured by its value. */
export function stateTimeline(options: PanelOptions & { readonly states: readonly Named[] }): Builder<Panel> {
  const builder = new StateTimelineBuilder()
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .rowHeight(0.8)
    .fillOpacity(80)
    .lineWidth(0)
    .legend(new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List).showLegend(true))
    .mappings([valueNames(options.states)])
  return described(builder, options)
}

/** What all builders of panels have, and the format of their targets. */
interface Describable {
  title(title: string): unknown
  description(description: string): unknown
  unit(unit: string): unknown
  span(columns: number): unknown
  height(rows: number): unknown
  datasource(ref: typeof datasource): unknown
  withTarget(target: Builder<object>): unknown
}

function described<B extends Describable & Builder<Panel>>(
  builder: B,
  { title, description, unit, queries, span, height = 8 }: PanelOptions,
  format: PromQueryFormat = PromQueryFormat.TimeSeries,
): B {
  builder.title(title)
  builder.description(description)
  builder.unit(unit)
  builder.span(span)
  builder.height(height)
  builder.datasource(datasource)
  for (const [index, { expr, legend }] of queries.entries()) {
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCodePoint('A'.charCodeAt(0) + index))
        .datasource(datasource)
        .expr(oneLine(expr))
        .legendFormat(legend)
        .format(format)
        .range(),
    )
  }
  return builder
}

function legend(): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Bottom)
    .calcs(['lastNotNull', 'max'])
    .showLegend(true)
}

function thresholds(...limits: readonly Limit[]): ThresholdsConfigBuilder {
  const steps: Threshold[] = [{ value: null, color: 'green' }, ...limits.map(([value, color]) => ({ value, color }))]
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps)
}

function valueNames(states: readonly Named[]): ValueMap {
  return {
    type: MappingType.ValueToText,
    options: Object.fromEntries(states.map(({ text, color }, index) => [String(index + 1), { text, color, index }])),
  }
}
