#include "weights/checkpoint.h"

#include <cstdint>
#include <cstring>
#include <numeric>

#include "safetensors_file.h"
#include "temporary_folder.h"
#include "test.h"
#include "weights/safetensors.h"

namespace etap {

namespace {

using test::safetensors_file;
using test::TemporaryFolder;
using test::tensor_entry;

constexpr const char* kTensor = "ETAP_ERR_TENSOR";
constexpr const char* kFile = "ETAP_ERR_CHECKPOINT";

// One int32 tensor of 0, 1, 2, ... named `name`.
std::string counting_file(const std::string& name, std::int64_t rows, std::int64_t columns) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(rows * columns));
  std::iota(values.begin(), values.end(), 0);
  const std::string data(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  const std::string shape = '[' + std::to_string(rows) + ',' + std::to_string(columns) + ']';
  const auto bytes = static_cast<std::int64_t>(data.size());
  return safetensors_file('{' + tensor_entry(name, "I32", shape, 0, bytes) + '}', data);
}

std::string scalar_file(const std::string& name) {
  return safetensors_file('{' + tensor_entry(name, "F32", "[]", 0, 4) + '}', "abcd");
}

void check_slice(const Checkpoint& checkpoint, const Shape& whole, Slice slice) {
  const HostTensor part = checkpoint.load("t", whole, slice);
  const bool columns = slice.dim == 1;
  const std::int64_t row_begin = slice.dim == 0 ? slice.begin : 0;
  const std::int64_t column_begin = columns ? slice.begin : 0;
  CHECK_EQ(part.dim(0), slice.dim == 0 ? slice.end - slice.begin : whole[0]);
  CHECK_EQ(part.dim(1), columns ? slice.end - slice.begin : whole[1]);
  std::int64_t wrong = 0;
  for (std::int64_t row = 0; row < part.dim(0); ++row) {
    for (std::int64_t column = 0; column < part.dim(1); ++column) {
      const std::int64_t expected = (row + row_begin) * whole[1] + column + column_begin;
      if (part.data<std::int32_t>()[row * part.dim(1) + column] != expected) ++wrong;
    }
  }
  CHECK_EQ(wrong, 0);
}

}  // namespace

TEST("a tensor is read whole and by slices of rows and columns") {
  // The wide matrix reads its columns row by row, the narrow one through the staging buffer, which
  // at 1300 columns holds fewer than 3000 rows.
  for (const Shape& shape : {Shape{5, 3}, Shape{3, 4000}, Shape{3000, 1300}}) {
    const TemporaryFolder folder;
    folder.write("model.safetensors", counting_file("t", shape[0], shape[1]));
    const Checkpoint checkpoint = Checkpoint::open(folder.path());
    CHECK_EQ(checkpoint.total_bytes(), element_count(shape) * 4);
    check_slice(checkpoint, shape, {});
    check_slice(checkpoint, shape, {0, 1, 3});
    check_slice(checkpoint, shape, {1, 1, 3});
    check_slice(checkpoint, shape, {1, 0, shape[1]});
    check_slice(checkpoint, shape, {1, shape[1] / 3, shape[1] / 2});
    check_slice(checkpoint, shape, {1, 2, 2});
    check_slice(checkpoint, shape, {0, 2, 2});
  }
}

TEST("loading says what is missing, what is expected and which slices there are") {
  const TemporaryFolder folder;
  folder.write("model.safetensors",
               safetensors_file('{' + tensor_entry("a", "U8", "[4]", 0, 4) + ',' +
                                    tensor_entry("b", "F32", "[1,1]", 4, 8) + '}',
                                "abcdefgh"));
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  CHECK(checkpoint.contains("a"));
  CHECK(!checkpoint.contains("c"));
  CHECK_EQ(checkpoint.names().size(), 2u);
  CHECK_EQ(checkpoint.info("b").bytes, 4);
  CHECK_ERROR(checkpoint.load("c", {1}), kTensor, "no tensor \"c\"");
  CHECK_ERROR(checkpoint.load("a", {4}), kTensor, "\"a\"", "dtype U8", "supported are");
  CHECK_ERROR(checkpoint.load("b", {1, 2}), kTensor, "model.safetensors", "shape [1, 1]",
              "expected [1, 2]");
  CHECK_ERROR(checkpoint.load("b", {1, 1}, {0, 0, 2}), kTensor, "no slice [0, 2)");
  CHECK_ERROR(checkpoint.load("b", {1, 1}, {2, 0, 1}), kTensor, "dimension 2");
  CHECK_ERROR(checkpoint.load("b", {1, 1}, {1, 1, 0}), kTensor, "no slice [1, 0)");
}

TEST("a file that shrinks after it was opened is an error, not a crash") {
  const TemporaryFolder folder;
  folder.write("model.safetensors", counting_file("t", 1000, 100));
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  std::filesystem::resize_file(folder.path() / "model.safetensors", 2000);
  CHECK_ERROR(checkpoint.load("t", {1000, 100}), kTensor, "tensor \"t\"", "ends at byte");
  CHECK_ERROR(checkpoint.load("t", {1000, 100}, {1, 0, 10}), kTensor, "ends at byte");
}

TEST("shards are found through the index") {
  const TemporaryFolder folder;
  folder.write("a.safetensors", scalar_file("x"));
  folder.write("b.safetensors", scalar_file("y"));
  folder.write("model.safetensors.index.json",
               R"({"metadata":{"total_size":8},
                   "weight_map":{"x":"a.safetensors","y":"b.safetensors"}})");
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  CHECK_EQ(checkpoint.names().size(), 2u);
  CHECK_EQ(checkpoint.info("y").file.filename().string(), "b.safetensors");
}

TEST("an index that does not fit its shards is refused") {
  const auto open_with = [](const std::string& index) {
    const TemporaryFolder folder;
    folder.write("a.safetensors", scalar_file("x"));
    folder.write("b.safetensors", scalar_file("x"));
    folder.write("model.safetensors.index.json", index);
    Checkpoint::open(folder.path());
  };
  CHECK_ERROR(open_with("{}"), kFile, "weight_map");
  CHECK_ERROR(open_with(R"({"weight_map":{}})"), kFile, "weight_map");
  CHECK_ERROR(open_with(R"({"weight_map":{"x":1}})"), kFile, "\"x\"", "expected the name");
  CHECK_ERROR(open_with(R"({"weight_map":{"x":"../a.safetensors"}})"), kFile, "../a.safetensors");
  CHECK_ERROR(open_with(R"({"weight_map":{"x":".."}})"), kFile, "expected the name");
  CHECK_ERROR(open_with(R"({"weight_map":{"x":"c.safetensors"}})"), kFile, "c.safetensors",
              "cannot open");
  CHECK_ERROR(open_with(R"({"weight_map":{"x":"a.safetensors","z":"a.safetensors"}})"), kTensor,
              "\"z\"", "in no file");
  CHECK_ERROR(open_with(R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})"), kTensor,
              "\"x\" is also in");
  CHECK_ERROR(open_with(R"({"weight_map":)"), kFile, "index.json", "invalid JSON");
}

TEST("folders and files that are no checkpoint are refused") {
  const TemporaryFolder folder;
  CHECK_ERROR(Checkpoint::open(folder.path() / "none"), kFile, "no such folder");
  CHECK_ERROR(Checkpoint::open(folder.path()), kFile, "has neither model.safetensors");
  const auto open_file = [&folder](const std::string& bytes) {
    folder.write("model.safetensors", bytes);
    Checkpoint::open(folder.path());
  };
  CHECK_ERROR(open_file(""), kFile, "has 0 bytes");
  CHECK_ERROR(open_file("1234567"), kFile, "too few");
  CHECK_ERROR(open_file(std::string(8, '\xff')), kFile, "header size is 18446744073709551615");
  CHECK_ERROR(open_file(std::string("\x05\0\0\0\0\0\0\0{}", 10)), kFile, "the 2 bytes that follow");
  CHECK_ERROR(open_file(std::string("\x00\0\0\0\0\0\0\0{}", 10)), kFile, "begin with '{'");
  std::filesystem::remove(folder.path() / "model.safetensors");
  std::filesystem::create_directory(folder.path() / "model.safetensors");
  CHECK_ERROR(Checkpoint::open(folder.path()), kFile, "not a regular file");
}

TEST("symbolic links are followed and loops are refused") {
  const TemporaryFolder folder;
  folder.write("blob", scalar_file("x"));
  std::filesystem::create_symlink("blob", folder.path() / "model.safetensors");
  CHECK(Checkpoint::open(folder.path()).contains("x"));
  std::filesystem::remove(folder.path() / "model.safetensors");
  folder.write("model.safetensors.index.json", R"({"weight_map":{"x":"loop"}})");
  std::filesystem::create_symlink("loop", folder.path() / "loop");
  CHECK_ERROR(Checkpoint::open(folder.path()), kFile, "loop", "cannot open");
}

TEST("a header over the limit is refused without reading it") {
  const TemporaryFolder folder;
  const std::uint64_t size = kHeaderBytesMax + 1;
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  folder.write("model.safetensors", bytes);
  std::filesystem::resize_file(folder.path() / "model.safetensors", size + 100);
  CHECK_ERROR(Checkpoint::open(folder.path()), kFile, "expected at most 100000000");
}

}  // namespace etap
