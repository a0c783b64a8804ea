#include "tools/fleetsim/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::fleetsim {
namespace {

TEST(JsonWriterTest, WritesNestedObjectsOnOneLine) {
  std::string out;
  JsonWriter json(0, &out);
  json.BeginObject().Member("n", 1).BeginObject("o").EndObject().Member("b", true);
  json.BeginObject("p").Member("x", 0.5).Member("y", NAN).EndObject().Member("z", "w").EndObject();
  EXPECT_EQ(out, R"({"n":1,"o":{},"b":true,"p":{"x":0.5,"y":null},"z":"w"})");
}

TEST(JsonWriterTest, IndentsForPeople) {
  std::string out;
  JsonWriter json(2, &out);
  json.BeginObject().Member("a", 1).BeginObject("b").Member("c", 2).EndObject().EndObject();
  EXPECT_EQ(out, "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 2\n  }\n}");
}

TEST(JsonWriterTest, WritesLists) {
  std::string out;
  JsonWriter(0, &out)
      .BeginObject()
      .Member("l", std::vector<std::string>{"a", "\""})
      .Member("e", std::vector<std::string>{})
      .EndObject();
  EXPECT_EQ(out, R"({"l":["a","\""],"e":[]})");
}

TEST(JsonWriterTest, EscapesText) {
  std::string out;
  JsonWriter(0, &out).BeginObject().Member("t", "a\"b\\c\n\xff").EndObject();
  EXPECT_EQ(out, "{\"t\":\"a\\\"b\\\\c\\u000a\\u00ff\"}");
}

}  // namespace
}  // namespace sluice::fleetsim
