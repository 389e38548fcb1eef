#include "weights/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace etap {

namespace {

constexpr int kDepthMax = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t code_point) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode table 3-7), or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&byte](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  JsonValue document() {
    JsonValue value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("text after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw JsonError("invalid JSON at byte " + std::to_string(at_) + ": " + what);
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool accept_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  JsonValue parse_value(int depth) {
    if (depth > kDepthMax) fail("nested deeper than " + std::to_string(kDepthMax) + " levels");
    skip_space();
    switch (peek()) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"':
        return JsonValue(parse_string());
      case 't':
        if (accept_word("true")) return JsonValue(true);
        break;
      case 'f':
        if (accept_word("false")) return JsonValue(false);
        break;
      case 'n':
        if (accept_word("null")) return JsonValue();
        break;
      default:
        if (peek() == '-' || is_digit(peek())) return parse_number();
    }
    fail(at_ == text_.size() ? "the text ends early" : "expected a value");
  }

  JsonValue parse_object(int depth) {
    ++at_;
    JsonValue::Object object;
    if (!accept('}')) {
      do {
        skip_space();
        if (peek() != '"') fail("expected a key in double quotes");
        std::string key = parse_string();
        if (!accept(':')) fail("expected ':' after a key");
        object.members.emplace_back(std::move(key), parse_value(depth + 1));
      } while (accept(','));
      if (!accept('}')) fail("expected ',' or '}' in an object");
    }
    const auto by_key = [](const JsonValue::Member& a, const JsonValue::Member& b) {
      return a.first < b.first;
    };
    std::sort(object.members.begin(), object.members.end(), by_key);
    for (std::size_t i = 1; i < object.members.size(); ++i) {
      const std::string& key = object.members[i].first;
      if (key == object.members[i - 1].first) fail("the object has the key \"" + key + "\" twice");
    }
    return JsonValue(std::move(object));
  }

  JsonValue parse_array(int depth) {
    ++at_;
    JsonValue::Array array;
    if (!accept(']')) {
      do {
        array.push_back(parse_value(depth + 1));
      } while (accept(','));
      if (!accept(']')) fail("expected ',' or ']' in an array");
    }
    return JsonValue(std::move(array));
  }

  std::string parse_string() {
    ++at_;
    std::string out;
    while (true) {
      if (at_ >= text_.size()) fail("a string is not closed");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return out;
      }
      if (c == '\\') {
        ++at_;
        parse_escape(out);
        continue;
      }
      if (c < 0x20) fail("a control character in a string");
      const std::size_t length = utf8_length(text_.substr(at_, 4));
      if (length == 0) fail("invalid UTF-8 in a string");
      out.append(text_, at_, length);
      at_ += length;
    }
  }

  void parse_escape(std::string& out) {
    const char c = peek();
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t index = kEscapes.find(c); at_ < text_.size() && index != kEscapes.npos) {
      ++at_;
      out.push_back(kMeanings[index]);
      return;
    }
    if (c != 'u') fail("an unknown escape in a string");
    std::uint32_t code_point = parse_hex4();
    if (code_point >= 0xD800 && code_point <= 0xDBFF && peek() == '\\') {
      ++at_;
      if (peek() != 'u') fail("a lone surrogate in a string");
      const std::uint32_t low = parse_hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("a lone surrogate in a string");
      code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code_point >= 0xD800 && code_point <= 0xDFFF) fail("a lone surrogate in a string");
    append_utf8(out, code_point);
  }

  // At the 'u' of an escape.
  std::uint32_t parse_hex4() {
    ++at_;
    std::uint32_t value = 0;
    const char* begin = text_.data() + std::min(at_, text_.size());
    const char* end = text_.data() + std::min(at_ + 4, text_.size());
    const auto [stop, error] = std::from_chars(begin, end, value, 16);
    if (error != std::errc() || stop != begin + 4) fail("\\u wants four hexadecimal digits");
    at_ += 4;
    return value;
  }

  void skip_digits() {
    if (!is_digit(peek())) fail("expected a digit");
    while (is_digit(peek())) ++at_;
  }

  JsonValue parse_number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])) {
      fail("a number with a leading zero");
    }
    skip_digits();
    bool integral = true;
    if (peek() == '.') {
      integral = false;
      ++at_;
      skip_digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      integral = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      skip_digits();
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + at_;
    if (integral) {
      std::int64_t integer = 0;
      if (std::from_chars(first, last, integer).ec == std::errc()) return JsonValue(integer);
    }
    double number = 0;
    if (std::from_chars(first, last, number).ec != std::errc()) fail("a number out of range");
    return JsonValue(number);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool JsonValue::as_number(double& out) const {
  if (const std::int64_t* integer = as_integer()) {
    out = static_cast<double>(*integer);
    return true;
  }
  if (const double* number = std::get_if<double>(&value_)) {
    out = *number;
    return true;
  }
  return false;
}

const JsonValue* JsonValue::find(std::string_view key) const {
  const Object* object = as_object();
  if (object == nullptr) return nullptr;
  const auto before = [](const Member& member, std::string_view wanted) {
    return member.first < wanted;
  };
  const auto at = std::lower_bound(object->members.begin(), object->members.end(), key, before);
  return at != object->members.end() && at->first == key ? &at->second : nullptr;
}

std::string JsonValue::describe() const {
  if (is_null()) return "null";
  if (const bool* value = as_bool()) return *value ? "true" : "false";
  if (const std::int64_t* value = as_integer()) return std::to_string(*value);
  if (const std::string* value = as_string()) return "\"" + value->substr(0, 100) + "\"";
  if (as_array() != nullptr) return "an array";
  if (as_object() != nullptr) return "an object";
  char digits[32];
  const auto [end, error] =
      std::to_chars(digits, digits + sizeof(digits), *std::get_if<double>(&value_));
  return error == std::errc() ? std::string(digits, end) : "a number";
}

JsonValue parse_json(std::string_view text) {
  return Parser(text).document();
}

}  // namespace etap
