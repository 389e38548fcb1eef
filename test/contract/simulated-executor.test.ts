import { SimulatedExecutor, VirtualClock } from '../../src/executor/index.ts';
import { describeExecutorContract } from './executor.contract.ts';

const NAN_TOKEN = 99;

const open = async (nanTokenId: number) =>
  new SimulatedExecutor({
    vocabSize: 128,
    maxModelLen: 512,
    blockCount: 41,
    slotCount: 4,
    stepTokenCapacity: 256,
    strict: true,
    verifyReads: true,
    cost: ({ newTokens }) => 100 + newTokens,
    passTime: new VirtualClock().pass,
    nanTokenId,
  });

describeExecutorContract('simulated', {
  open: () => open(-1),
  nan: { open: () => open(NAN_TOKEN), tokenId: NAN_TOKEN },
});
