// Thousands of damaged headers from a seed: each is read or refused with a coded error, and what is
// read lies inside the file. Meant to run under the address sanitizer.
#include <algorithm>
#include <string>
#include <vector>

#include "safetensors_file.h"
#include "temporary_folder.h"
#include "test.h"
#include "weights/checkpoint.h"
#include "weights/safetensors.h"

namespace etap {

namespace {

using test::Random;
using test::tensor_entry;

constexpr std::uint64_t kSeed = 20240607;
constexpr int kMutationCount = 20000;
constexpr std::int64_t kDataBytes = 64;

const std::string kHeader = R"({"__metadata__":{"format":"pt"},)" +
                            tensor_entry("a.weight", "BF16", "[4,4]", 0, 32) + ',' +
                            tensor_entry("a.scale", "F32", "[2,2]", 32, 48) + ',' +
                            tensor_entry("b", "F8_E4M3", "[16]", 48, 64) + '}';

const std::vector<std::string> kFragments = {"-1",
                                             "0",
                                             "9223372036854775807",
                                             "18446744073709551616",
                                             "1e9",
                                             "1.5",
                                             "null",
                                             "[]",
                                             "{}",
                                             "\"\"",
                                             "[[[[[[[[",
                                             "\"dtype\"",
                                             "\"shape\":[2,2,2]",
                                             "\\u0000",
                                             "\xff",
                                             "\xf0\x9f\x98\x80",
                                             "\"F32\"",
                                             "\"I64\"",
                                             "[0,64]",
                                             "[32,16]",
                                             ",",
                                             ":",
                                             "\"a.weight\""};

std::string mutate(std::string text, Random& random) {
  const std::int64_t edits = 1 + random.below(3);
  for (std::int64_t edit = 0; edit < edits && !text.empty(); ++edit) {
    const auto size = static_cast<std::int64_t>(text.size());
    const auto at = static_cast<std::size_t>(random.below(size));
    const auto length = static_cast<std::size_t>(1 + random.below(8));
    switch (random.below(6)) {
      case 0:
        text[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(static_cast<std::size_t>(random.below(size)), length));
        break;
      case 3:
        text.resize(at);
        break;
      case 4: {
        const auto fragment =
            static_cast<std::size_t>(random.below(static_cast<std::int64_t>(kFragments.size())));
        text.replace(at, std::min(length, text.size() - at), kFragments[fragment]);
        break;
      }
      default: {
        // Another digit where there is one: offsets and shapes that nearly fit.
        const std::size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) text[digit] = static_cast<char>('0' + random.below(10));
      }
    }
  }
  return text;
}

// False when it was refused with a code; anything else but a sound result fails the test.
bool read_is_sound(const std::string& header) {
  std::vector<SafetensorsEntry> entries;
  try {
    entries = parse_safetensors_header(header, kDataBytes, "f");
  } catch (const Error& error) {
    CHECK(error.code() == "ETAP_ERR_CHECKPOINT" || error.code() == "ETAP_ERR_TENSOR");
    return false;
  }
  const auto data_begin = static_cast<std::int64_t>(8 + header.size());
  std::int64_t at = data_begin;
  for (const SafetensorsEntry& entry : entries) {
    CHECK_EQ(entry.file_offset, at);
    if (entry.supported) {
      CHECK_EQ(entry.bytes,
               element_count(entry.shape) * static_cast<std::int64_t>(dtype_bytes(entry.dtype)));
    }
    at += entry.bytes;
  }
  CHECK_EQ(at, data_begin + kDataBytes);
  return true;
}

}  // namespace

TEST("mutated headers are read soundly or refused with a code") {
  std::cout << "seed " << kSeed << '\n';
  CHECK(read_is_sound(kHeader));
  Random random(kSeed);
  int accepted = 0;
  for (int i = 0; i < kMutationCount; ++i) {
    if (read_is_sound(mutate(kHeader, random))) ++accepted;
  }
  // Renamed tensors are still sound; if nearly all were, the mutations would test nothing.
  CHECK(accepted > 0 && accepted < kMutationCount / 2);
}

TEST("mutated files are opened and loaded, or refused with a code") {
  std::cout << "seed " << kSeed << '\n';
  Random random(kSeed);
  const test::TemporaryFolder folder;
  const std::string file = test::safetensors_file(kHeader, std::string(kDataBytes, 'x'));
  for (int i = 0; i < 1000; ++i) {
    folder.write("model.safetensors", mutate(file, random));
    try {
      const Checkpoint checkpoint = Checkpoint::open(folder.path());
      for (const std::string& name : checkpoint.names()) {
        checkpoint.load(name, checkpoint.info(name).shape);
      }
    } catch (const Error& error) {
      CHECK(error.code() == "ETAP_ERR_CHECKPOINT" || error.code() == "ETAP_ERR_TENSOR");
    }
  }
}

}  // namespace etap
