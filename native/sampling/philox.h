// Philox4x32-10, a counter-based random generator (Salmon et al., SC 2011): a pure function of key
// and counter, so that a draw depends on (seed, position) and on nothing that ran before.
#pragma once

#include <array>
#include <cstdint>

namespace etap {

using PhiloxBlock = std::array<std::uint32_t, 4>;

constexpr PhiloxBlock philox(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

// The draw for the token at `position` of a sequence: uniform in [0, 1), a multiple of 2^-53.
// Key = the seed, counter = the position.
constexpr double uniform_draw(std::int64_t seed, std::int64_t position) {
  const auto key = static_cast<std::uint64_t>(seed);
  const auto counter = static_cast<std::uint64_t>(position);
  const PhiloxBlock block =
      philox({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0, 0},
             {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
  const std::uint64_t bits = std::uint64_t{block[0]} << 32 | block[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace etap
