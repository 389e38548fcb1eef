// The numbers of MLA decode attention on Hopper. What is derived from them is in layout.h and
// traits.h; what they mean is in docs/etap.md.
#pragma once

namespace etap::cuda {

// The latent cache of DeepSeek-V2/V3: 512 compressed values, then 64 rotary ones, per token.
inline constexpr int kLatentDim = 512;
inline constexpr int kRopeDim = 64;
inline constexpr int kKvDim = kLatentDim + kRopeDim;
inline constexpr int kElementBytes = 2;  // bf16 and fp16

inline constexpr int kBlockTokens = 64;  // tokens in one KV block = keys in one tile

// Shared memory is fed in chunks of 64 keys x 64 columns, one swizzle atom wide.
inline constexpr int kChunkColumns = 64;
inline constexpr int kChunkRowBytes = kChunkColumns * kElementBytes;
inline constexpr int kChunkBytes = kBlockTokens * kChunkRowBytes;
inline constexpr int kChunksPerTile = kKvDim / kChunkColumns;
inline constexpr int kLatentChunks = kLatentDim / kChunkColumns;

// wgmma: 64 x N x 16.
inline constexpr int kMmaM = 64;
inline constexpr int kMmaK = 16;
inline constexpr int kMmaStepsPerChunk = kChunkColumns / kMmaK;
inline constexpr int kMmaStepsPerTile = kBlockTokens / kMmaK;

// Roles: one producer warpgroup, two consumer warpgroups. One thread can issue a copy about every
// 270 ns, too slow for one SM's share of the memory, so three warps share the KV chunks; the fourth
// copies Q.
inline constexpr int kWarpThreads = 32;
inline constexpr int kWarpgroupThreads = 128;
inline constexpr int kWarpgroupWarps = kWarpgroupThreads / kWarpThreads;
inline constexpr int kKvProducers = 3;
inline constexpr int kConsumerGroups = 2;
inline constexpr int kConsumerThreads = kConsumerGroups * kWarpgroupThreads;
inline constexpr int kCtaThreads = kWarpgroupThreads + kConsumerThreads;
static_assert(kKvProducers < kWarpgroupWarps && kChunksPerTile % kKvProducers == 0);
inline constexpr int kProducerRegisters = 40;
inline constexpr int kConsumerRegisters = 232;
inline constexpr int kSmRegisters = 65536;
static_assert(kWarpgroupThreads * kProducerRegisters + kConsumerThreads * kConsumerRegisters <=
              kSmRegisters);

inline constexpr int kSharedBytesMax = 232448;  // 227 KB, what one CTA may have
inline constexpr int kSwizzleAtomBytes = 1024;  // 8 rows of 128 bytes

// Limits of the interface.
inline constexpr int kRowsStep = 8;  // wgmma's N is a multiple of 8
inline constexpr int kRowsPerCtaMax = 32;
inline constexpr int kClusterMax = 4;  // CTAs that share one KV stream
inline constexpr int kHeadsMax = 128;
inline constexpr int kQueryLengthMax = 4;
inline constexpr int kBatchMax = 4096;
inline constexpr long long kContextTokensMax = 1ll << 30;  // of a whole batch

}  // namespace etap::cuda
