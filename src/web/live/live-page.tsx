/** The engine at work: rates above, then batches, sequences and KV blocks. */
import type { Server } from '../shell/use-server.ts';
import '../style/live.css';
import { BlockMap } from './block-map.tsx';
import { Chart, type Series } from './chart.tsx';
import { ANSWERS, type DemoLoad, REQUESTS, useDemoLoad } from './demo-load.ts';
import { type LiveState, median } from './live-state.ts';
import { Panel } from './panel.tsx';
import { SequenceBars } from './sequence-bars.tsx';
import { StepLanes } from './step-lanes.tsx';
import { useLive } from './use-live.ts';

const TOKEN_SERIES: readonly Series[] = [
  { name: 'generated', color: 'decode', value: ({ generatedPerS }) => generatedPerS },
  { name: 'prompt', color: 'prefill', value: ({ promptPerS }) => promptPerS },
];
const QUEUE_SERIES: readonly Series[] = [
  { name: 'running', color: 'decode', value: ({ running }) => running },
  { name: 'waiting', color: 'waiting', value: ({ waiting }) => waiting },
];
const FIRST_TOKEN_SERIES: readonly Series[] = [
  { name: 'first token', color: 'shared', value: ({ firstTokenMs }) => firstTokenMs, dots: true },
];

export function LivePage({ server }: { readonly server: Server }) {
  const { state, problem } = useLive(server);
  const load = useDemoLoad(server);
  return (
    <div class="live">
      <header class="live-head">
        <div>
          <h1>The engine, live</h1>
          <p class="explanation">
            What the scheduler puts into each step, and where the tokens are kept. Nothing here is a
            recording.
          </p>
        </div>
        <LoadButton load={load} ready={server.model !== null} />
      </header>
      {(problem ?? load.problem) !== null && (
        <p class="banner" role="alert">
          {problem ?? load.problem}
        </p>
      )}
      <Figures state={state} />
      <Charts state={state} />
      <Pictures state={state} />
    </div>
  );
}

function LoadButton({ load, ready }: { readonly load: DemoLoad; readonly ready: boolean }) {
  const runs = load.openCount > 0;
  return (
    <div class="load">
      <button
        type="button"
        class="primary"
        disabled={!ready}
        onClick={runs ? load.stop : load.start}
      >
        {runs ? 'Stop the demo load' : 'Start a demo load'}
      </button>
      <span class="note" role="status">
        {runs
          ? `${load.openCount} requests to go`
          : `${REQUESTS} requests for ${ANSWERS} answers each, most beginning alike`}
      </span>
    </div>
  );
}

function Figures({ state }: { readonly state: LiveState }) {
  const { frame, points, firstTokensMs, cache } = state;
  const firstTokenMs = median(firstTokensMs);
  const figures = [
    ['Tokens a second', (points.at(-1)?.generatedPerS ?? 0).toFixed(0)],
    ['Time to first token', firstTokenMs === null ? '\u2013' : `${firstTokenMs.toFixed(0)} ms`],
    ['Running', String(frame?.running ?? 0)],
    ['Waiting', String(frame?.waiting ?? 0)],
    ['Prompt from cache', cache.queried === 0 ? '\u2013' : share(cache.hit, cache.queried)],
  ] as const;
  return (
    <dl class="figures-row">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const share = (part: number, whole: number) => `${((100 * part) / whole).toFixed(0)} %`;

function Charts({ state }: { readonly state: LiveState }) {
  const { points } = state;
  const last = points.at(-1);
  const [generated, prompt] = [last?.generatedPerS ?? 0, last?.promptPerS ?? 0];
  const [running, waiting] = [last?.running ?? 0, last?.waiting ?? 0];
  return (
    <>
      <Panel
        title="Tokens a second"
        explanation="Tokens generated for all clients together, and prompt tokens computed."
        legend={[
          { name: 'generated', color: 'decode', value: generated.toFixed(0) },
          { name: 'prompt', color: 'prefill', value: prompt.toFixed(0) },
        ]}
      >
        <Chart
          label={`Tokens a second over the last minute, now ${generated.toFixed(0)} generated`}
          points={points}
          series={TOKEN_SERIES}
        />
      </Panel>
      <Panel
        title="Running and waiting"
        explanation="Sequences in the batch, and those that wait to get in."
        legend={[
          { name: 'running', color: 'decode', value: String(running) },
          { name: 'waiting', color: 'waiting', value: String(waiting) },
        ]}
      >
        <Chart
          label={`Sequences over the last minute, now ${running} running and ${waiting} waiting`}
          points={points}
          series={QUEUE_SERIES}
        />
      </Panel>
      <Panel
        title="Time to first token"
        explanation="How long each sequence waited in the engine for its first token, in milliseconds."
        legend={[{ name: 'a sequence that began', color: 'shared' }]}
      >
        <Chart
          label="Times to first token over the last minute"
          points={points}
          series={FIRST_TOKEN_SERIES}
        />
      </Panel>
    </>
  );
}

function Pictures({ state }: { readonly state: LiveState }) {
  const { frame, steps, sequences, blocks } = state;
  const counts = blocks?.counts ?? [];
  const perCell = blocks?.perCell ?? 1;
  const tokens = frame?.blockTokens ?? 64;
  return (
    <>
      <Panel
        width="double"
        title="Each step's batch"
        explanation="Every column is one step, every lane a sequence: new ones join while others decode, which is continuous batching."
        legend={[
          { name: 'prefill, a part of the prompt', color: 'prefill' },
          { name: 'decode, one token', color: 'decode' },
          { name: 'began with cached tokens', color: 'shared' },
        ]}
      >
        <StepLanes steps={steps} slots={frame?.slots ?? 0} />
      </Panel>
      <Panel
        title="Sequences"
        explanation="What each running sequence is made of; green was not computed again, because another prompt began alike."
        legend={[
          { name: 'cached', color: 'cached-strong' },
          { name: 'prefilled', color: 'prefill' },
          { name: 'generated', color: 'decode' },
        ]}
      >
        <SequenceBars sequences={sequences} />
      </Panel>
      <Panel
        width="full"
        title="KV blocks"
        explanation={`Every square is ${perCell === 1 ? `a block of ${tokens} tokens` : `${perCell} blocks of ${tokens} tokens`} in the KV cache; sequences with the same beginning share blocks, and blocks nobody holds stay as cache until they are needed.`}
        legend={[
          { name: 'used', color: 'decode', value: String(counts[2] ?? 0) },
          { name: 'shared', color: 'shared', value: String(counts[3] ?? 0) },
          { name: 'cached', color: 'cached', value: String(counts[1] ?? 0) },
          { name: 'free', color: 'free', value: String(counts[0] ?? 0) },
        ]}
      >
        {blocks === null ? (
          <p class="empty">Waiting for the engine.</p>
        ) : (
          <BlockMap blocks={blocks} />
        )}
      </Panel>
    </>
  );
}
