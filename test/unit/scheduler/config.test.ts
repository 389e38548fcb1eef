import { describe, expect, it } from 'vitest';
import { EtapError } from '../../../src/errors.ts';
import { assertThat } from '../../../src/scheduler/assert.ts';
import { type SchedulerConfig, schedulerConfig } from '../../../src/scheduler/index.ts';
import { FACTS } from '../../support/scheduler-driver.ts';

describe('schedulerConfig', () => {
  it('fills in defaults', () => {
    const config = schedulerConfig(FACTS, { targetStepMs: 10 });
    expect(config).toMatchObject({ ...FACTS, targetStepMs: 10, watermarkRatio: 0.03 });
  });

  it.each<readonly [keyof SchedulerConfig, number]>([
    ['maxSequences', 0],
    ['maxModelLen', 1],
    ['blockCount', 1],
    ['stepTokenCapacity', FACTS.maxSequences + 63],
    ['prefillTokensMin', 63],
    ['prefillTokensMax', 255],
    ['fixedPrefillTokens', 10],
    ['partialPrefillsMax', 0],
    ['expectedCompletionTokens', 0],
    ['queueCapacity', 0.5],
    ['preemptionsMax', -1],
    ['fairQuantumTokens', 0],
  ])('refuses %s %d', (field, value) => {
    const attempt = () => schedulerConfig(FACTS, { [field]: value });
    expect(attempt).toThrow(EtapError);
    expect(attempt).toThrow(`The scheduler's ${field} is ${value}`);
  });
});

it('assertThat', () => {
  expect(() => assertThat(true, 'broken')).not.toThrow();
  expect(() => assertThat(false, 'broken')).toThrow('broken');
});
