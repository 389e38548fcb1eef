/** The compose file and the Kubernetes overlays are read by their tools, and agree with the server. */
import { parse, parseAllDocuments } from 'yaml';
import { METRICS } from '../../../../src/metrics/index.ts';
import type { Check } from '../check.ts';
import { runCommand } from '../run-command.ts';

const OVERLAYS = ['cpu-demo', 'h20x8-r1'];
const HEALTH_PATHS = ['/health/live', '/health/ready'];

export const deploymentCheck: Check = {
  name: 'deployment',
  async run() {
    const failures: string[] = [];
    const figures: string[] = [];
    const compose = await render('docker-compose', ['-f', 'docker/compose.yml', 'config']);
    const services = Object.keys(parse(compose).services);
    figures.push(`docker-compose config: ${services.length} services (${services.join(', ')})`);
    for (const overlay of OVERLAYS) {
      const text = await render('kubectl', ['kustomize', `config/kubernetes/overlays/${overlay}`]);
      const objects = parseAllDocuments(text).map((document): Manifest => document.toJS());
      figures.push(`${overlay}: ${objects.map(({ kind }) => kind).join(', ')}`);
      failures.push(...findingsIn(objects, text).map((finding) => `${overlay}: ${finding}`));
    }
    return { figures, failures };
  },
};

type Labels = Readonly<Record<string, string>>;
type Probe = { readonly httpGet: { readonly path: string; readonly port: string } };
type Container = {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
};
type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own, and no schema is at hand.
  readonly spec: any;
};

async function render(command: string, args: readonly string[]): Promise<string> {
  const { code, output } = await runCommand(command, args).catch((error: Error) => {
    throw new Error(
      `${command} does not run (${error.message}): install docker-compose and kubernetes-client`,
    );
  });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${output}`);
  return output;
}

/** What a cluster would accept and then not work with. */
function findingsIn(objects: readonly Manifest[], text: string): string[] {
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) return ['there is no Deployment'];
  const { template } = deployment.spec;
  const container: Container = template.spec.containers[0];
  const findings: string[] = [];
  const expectThat = (holds: boolean, finding: string) => {
    if (!holds) findings.push(finding);
  };
  const drainMs =
    numberOf(container, 'ETAP_DRAIN_DELAY_MS') + numberOf(container, 'ETAP_DRAIN_TIMEOUT_MS');
  const graceMs = template.spec.terminationGracePeriodSeconds * 1000;
  expectThat(graceMs > drainMs, `${graceMs} ms of grace for ${drainMs} ms of drain`);
  const ports = container.ports.map(({ name }) => name);
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
    const { path, port } = container[probe].httpGet;
    expectThat(HEALTH_PATHS.includes(path), `${probe} asks ${path}`);
    expectThat(ports.includes(port), `${probe} asks port ${port}`);
  }
  for (const object of objects) {
    expectThat(selects(object, template.metadata.labels), `${object.kind} selects no pod of ours`);
  }
  const claims = objects.filter(({ kind }) => kind === 'PersistentVolumeClaim');
  for (const { persistentVolumeClaim: claim } of template.spec.volumes) {
    const known = claims.some(({ metadata }) => metadata.name === claim?.claimName);
    expectThat(claim === undefined || known, `no claim is named ${claim?.claimName}`);
  }
  const names = new Set(text.match(/\betap_[a-z_]+\b/g) ?? []);
  for (const name of names) expectThat(Object.hasOwn(METRICS, name), `no metric is named ${name}`);
  return findings;
}

const numberOf = (container: Container, name: string): number =>
  Number(container.env.find((entry) => entry.name === name)?.value);

/** Kinds that choose pods, or services, whose labels are the same. */
function selects({ kind, spec }: Manifest, labels: Labels): boolean {
  const selector: { readonly matchLabels?: Labels } | undefined = spec?.selector;
  const found = kind === 'Service' ? (spec.selector as Labels) : selector?.matchLabels;
  const wanted = found ?? spec?.podSelector?.matchLabels ?? {};
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
