#include "weights/json_reader.h"

#include <string>
#include <vector>

#include "test.h"

namespace etap {

namespace {

std::string error_of(const std::string& text) {
  try {
    parse_json(text);
  } catch (const JsonError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST("values of every kind are read") {
  const JsonValue root =
      parse_json(R"( {"a":[1,-2.5,true,false,null,"x"],"b":{"c":9223372036854775807,"d":1e3}} )");
  const JsonValue::Array& array = *root.find("a")->as_array();
  CHECK_EQ(*array[0].as_integer(), 1);
  double number = 0;
  CHECK(array[1].as_number(number));
  CHECK_EQ(number, -2.5);
  CHECK(*array[2].as_bool());
  CHECK(!*array[3].as_bool());
  CHECK(array[4].is_null());
  CHECK_EQ(*array[5].as_string(), "x");
  CHECK_EQ(*root.find("b")->find("c")->as_integer(), INT64_MAX);
  CHECK(root.find("b")->find("d")->as_integer() == nullptr);
  CHECK(root.find("b")->find("d")->as_number(number));
  CHECK_EQ(number, 1000.0);
  CHECK(root.find("missing") == nullptr);
  CHECK(array[0].find("a") == nullptr);
}

TEST("an integer beyond int64 is a number but not an integer") {
  const JsonValue value = parse_json("9223372036854775808");
  double number = 0;
  CHECK(value.as_integer() == nullptr);
  CHECK(value.as_number(number));
  CHECK_EQ(number, 0x1p63);
}

TEST("escapes become UTF-8") {
  const JsonValue value = parse_json(R"("\u0041\u00e9\u20ac\ud83d\ude00\n\"\\\/\b\f\r\t")");
  CHECK_EQ(*value.as_string(), "A\u00e9\u20ac\U0001F600\n\"\\/\b\f\r\t");
}

TEST("what is not strict JSON is refused with a place") {
  const std::vector<std::string> wrong = {"",
                                          "{",
                                          "[1,]",
                                          "{\"a\":1,}",
                                          "{a:1}",
                                          "[1 2]",
                                          "01",
                                          "-",
                                          "1.",
                                          ".5",
                                          "1e",
                                          "+1",
                                          "1e999",
                                          "-1e999",
                                          "NaN",
                                          "Infinity",
                                          "tru",
                                          "nul",
                                          "\"",
                                          "\"\\x\"",
                                          "\"\\u12g4\"",
                                          "\"\\ud800\"",
                                          "\"\\udc00\"",
                                          "\"\\ud800\\u0041\"",
                                          "\"a\nb\"",
                                          "\"\xff\"",
                                          "\"\xc0\x80\"",
                                          "\"\xed\xa0\x80\"",
                                          "\"\xf5\x80\x80\x80\"",
                                          "\"\xe2\x82",
                                          "[1]x",
                                          "{\"a\":1 \"b\":2}",
                                          "{\"a\" 1}",
                                          "'a'",
                                          "[1}",
                                          "{\"a\":1]",
                                          "\"\\u00",
                                          "\"\\",
                                          "/*c*/1",
                                          std::string("1\0", 2)};
  for (const std::string& text : wrong) {
    const std::string error = error_of(text);
    if (error.find("invalid JSON at byte ") != 0) {
      test::fail(__FILE__, __LINE__, "accepted: " + text);
    }
  }
}

TEST("duplicate keys and deep nesting are refused") {
  CHECK(error_of(R"({"a":1,"b":2,"a":3})").find("\"a\" twice") != std::string::npos);
  CHECK_EQ(error_of(std::string(60, '[') + std::string(60, ']')), "");
  CHECK(error_of(std::string(100000, '[')).find("nested deeper than 64") != std::string::npos);
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
  CHECK(error_of(objects).find("nested deeper than 64") != std::string::npos);
}

TEST("a value is described as it stands in a message") {
  CHECK_EQ(parse_json("1.5").describe(), "1.5");
  CHECK_EQ(parse_json("null").describe(), "null");
  CHECK_EQ(parse_json("\"x\"").describe(), "\"x\"");
  CHECK_EQ(parse_json("[]").describe(), "an array");
  CHECK_EQ(parse_json("{}").describe(), "an object");
}

}  // namespace etap
