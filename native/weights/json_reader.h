// A small strict JSON reader for safetensors headers and config.json: RFC 8259, valid UTF-8, no
// duplicate keys, limited depth, numbers that fit their type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace etap {

// The text is not the JSON we read; what() says where and why. Callers add the file.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class JsonValue {
 public:
  using Member = std::pair<std::string, JsonValue>;
  using Array = std::vector<JsonValue>;
  struct Object {
    std::vector<Member> members;  // sorted by key
  };

  JsonValue() = default;
  template <typename T>
  explicit JsonValue(T value) : value_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  // nullptr when the value is of another kind. An integer is a number without fraction and exponent
  // that fits int64; as_number takes both.
  const bool* as_bool() const { return std::get_if<bool>(&value_); }
  const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&value_); }
  bool as_number(double& out) const;
  const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  const Array* as_array() const { return std::get_if<Array>(&value_); }
  const Object* as_object() const { return std::get_if<Object>(&value_); }

  // The member of an object, or nullptr.
  const JsonValue* find(std::string_view key) const;
  // The value as error messages show it: scalars as they are, "an array", "an object".
  std::string describe() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

// Throws JsonError.
JsonValue parse_json(std::string_view text);

}  // namespace etap
