#include "weights/safetensors.h"

#include "safetensors_file.h"
#include "test.h"

namespace etap {

namespace {

using test::tensor_entry;

std::vector<SafetensorsEntry> parse(const std::string& entries, std::int64_t data_bytes) {
  return parse_safetensors_header('{' + entries + '}', data_bytes, "f");
}

constexpr const char* kTensor = "ETAP_ERR_TENSOR";
constexpr const char* kFile = "ETAP_ERR_CHECKPOINT";

}  // namespace

TEST("entries come in the order of their data, with file offsets") {
  const std::string header = R"({"__metadata__":{"format":"pt"},)" +
                             tensor_entry("z", "BF16", "[2,3]", 0, 12) + ',' +
                             tensor_entry("a", "F32", "[]", 12, 16) + ',' +
                             tensor_entry("e", "I64", "[0,9]", 16, 16) + "}   ";
  const auto entries = parse_safetensors_header(header, 16, "f");
  CHECK_EQ(entries.size(), 3u);
  CHECK_EQ(entries[0].name, "z");
  CHECK(entries[0].dtype == DType::kBF16);
  CHECK_EQ(entries[0].file_offset, static_cast<std::int64_t>(8 + header.size()));
  CHECK_EQ(entries[1].name, "a");
  CHECK_EQ(entries[1].file_offset - entries[0].file_offset, 12);
  CHECK_EQ(entries[2].bytes, 0);
  CHECK(!entries[2].supported);
}

TEST("the header as a whole must be a JSON object with string metadata") {
  CHECK_ERROR(parse_safetensors_header("", 0, "f"), kFile, "does not begin with '{'");
  CHECK_ERROR(parse_safetensors_header(" {}", 0, "f"), kFile, "does not begin with '{'");
  CHECK_ERROR(parse_safetensors_header("[]", 0, "f"), kFile, "does not begin with '{'");
  CHECK_ERROR(parse_safetensors_header("{", 0, "f"), kFile, "f: ", "invalid JSON at byte 1");
  CHECK_ERROR(parse(R"("__metadata__":{"a":1})", 0), kFile, "__metadata__", "expected a string");
  CHECK_ERROR(parse(R"("__metadata__":3)", 0), kFile, "expected an object");
  CHECK_ERROR(
      parse(tensor_entry("a", "F32", "[]", 0, 4) + ',' + tensor_entry("a", "F32", "[]", 4, 8), 8),
      kFile, "\"a\" twice");
}

TEST("an entry must have a dtype, a shape and offsets that fit each other") {
  CHECK_ERROR(parse(R"("a":1)", 0), kTensor, "tensor \"a\"", "no \"dtype\"");
  CHECK_ERROR(parse(R"("a":{"dtype":"F32","shape":[1]})", 4), kTensor, "no \"data_offsets\"");
  CHECK_ERROR(parse(tensor_entry("a", "F33", "[1]", 0, 4), 4), kTensor, "\"F33\"");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "1", 0, 4), 4), kTensor, "expected an array");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[-1]", 0, 4), 4), kTensor, "dimension -1");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[1.0]", 0, 4), 4), kTensor, "dimension 1");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4), 4), kTensor,
              "9 dimensions");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[2]", 0, 4), 4), kTensor, "span 4 bytes", "takes 8");
  CHECK_ERROR(parse(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0]})", 4), kTensor,
              "two integers");
  CHECK_ERROR(parse(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4.0]})", 4), kTensor,
              "0 <= begin <= end <= 4");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[1]", 0, 4), 3), kTensor, "truncated");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[1]", 4, 0), 4), kTensor, "begin <= end");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[1]", -4, 0), 4), kTensor, "0 <= begin");
}

TEST("sizes that overflow are refused") {
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[4611686018427387904]", 0, 0), 0), kTensor,
              "more bytes than any file");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[4294967296,4294967296]", 0, 0), 0), kTensor,
              "more bytes than any file");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[9223372036854775808]", 0, 0), 0), kTensor,
              "expected an integer");
  const std::string far = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,)"
                          R"(9223372036854775807]})";
  CHECK_ERROR(parse(far, 4), kTensor, "<= 4");
}

TEST("data must be covered without overlap, hole or rest") {
  CHECK_ERROR(
      parse(tensor_entry("a", "F32", "[2]", 0, 8) + ',' + tensor_entry("b", "F32", "[1]", 4, 8), 8),
      kTensor, "tensor \"b\" overlaps", "offset 4, expected 8");
  CHECK_ERROR(
      parse(tensor_entry("a", "F32", "[1]", 0, 4) + ',' + tensor_entry("b", "F32", "[1]", 8, 12),
            12),
      kTensor, "tensor \"b\" begins after a hole", "offset 8, expected 4");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[1]", 4, 8), 8), kTensor, "hole");
  CHECK_ERROR(parse(tensor_entry("a", "F32", "[1]", 0, 4), 9), kFile, "cover 4 bytes", "has 9");
}

TEST("a header of 100,000 tensors is read") {
  constexpr std::int64_t kCount = 100'000;
  std::string entries;
  for (std::int64_t i = 0; i < kCount; ++i) {
    if (i > 0) entries += ',';
    entries += tensor_entry("model.layers." + std::to_string(i), "BF16", "[1]", 2 * i, 2 * i + 2);
  }
  const auto read = parse(entries, 2 * kCount);
  CHECK_EQ(read.size(), static_cast<std::size_t>(kCount));
  CHECK_EQ(read.back().name, "model.layers.99999");
}

}  // namespace etap
