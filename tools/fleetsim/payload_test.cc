#include "tools/fleetsim/payload.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace sluice::fleetsim {
namespace {

using ::testing::HasSubstr;

std::string Write(const PayloadOptions& options) {
  std::string out;
  Payload(options).Append(21'345, 42, 1'700'000'000'007, &out);
  return out;
}

TEST(PayloadTest, EveryShapeIsWhatTheHeaderSays) {
  const std::pair<const char*, const char*> kShapes[] = {
      {"json", R"({"ts":1700000000007,"values":{"temperature":21.345000000042}})"},
      {"flat", R"({"temperature":21.345000000042})"},
      {"nested", R"({"sensor":{"temperature":21.345000000042}})"},
      {"value", R"({"value":21.345000000042})"},
      {"number", "21.345000000042"},
      {"array", R"([{"ts":1700000000007,"values":{"temperature":21.345000000042}}])"},
      {"senml", R"([{"n":"temperature","t":1700000000.007,"v":21.345000000042}])"},
  };
  for (const auto& [name, want] : kShapes) {
    PayloadOptions options;
    options.shape = ParsePayloadShape(name).value();
    EXPECT_EQ(Write(options), want);
  }
}

TEST(PayloadTest, PaddedPayloadsStayJsonAndHaveTheSizeAskedFor) {
  for (const char* name : {"json", "flat", "nested", "value", "number", "array", "senml"}) {
    SCOPED_TRACE(name);
    PayloadOptions options;
    options.shape = ParsePayloadShape(name).value();
    options.min_bytes = 300;
    const std::string text = Write(options);
    EXPECT_EQ(text.size(), 300u);
    google::protobuf::Value parsed;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text, &parsed).ok()) << text;
  }
}

TEST(PayloadTest, APadThatHardlyFitsIsStillJson) {
  PayloadOptions options;
  const size_t plain = Write(options).size();
  for (size_t extra = 1; extra < 12; ++extra) {
    options.min_bytes = plain + extra;
    const std::string text = Write(options);
    EXPECT_GE(text.size(), plain + extra);
    google::protobuf::Value parsed;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text, &parsed).ok()) << text;
  }
}

TEST(PayloadTest, UnknownShapeNamesTheOnesThereAre) {
  EXPECT_THAT(ParsePayloadShape("xml").status().message(), HasSubstr("senml"));
}

TEST(PayloadTest, MetricsThatNeedEscapingAreRefused) {
  PayloadOptions options;
  EXPECT_TRUE(ValidatePayloadOptions(options).ok());
  for (const std::string& metric : {std::string("a\"b"), std::string(), std::string(129, 'm')}) {
    options.metric = metric;
    EXPECT_FALSE(ValidatePayloadOptions(options).ok()) << metric;
  }
}

}  // namespace
}  // namespace sluice::fleetsim
