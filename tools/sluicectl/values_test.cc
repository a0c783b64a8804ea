#include "tools/sluicectl/values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tools/sluicectl/json_output.h"

namespace sluice::sluicectl {
namespace {

TEST(ParseReadingTest, ChoosesTheKindByHowItIsWritten) {
  EXPECT_EQ(ParseReading("n=-42")->int_value(), -42);
  EXPECT_EQ(ParseReading("n=9007199254740993")->int_value(), 9007199254740993);
  EXPECT_EQ(ParseReading("t=21.5")->double_value(), 21.5);
  EXPECT_EQ(ParseReading("t=3e8")->double_value(), 3e8);
  EXPECT_TRUE(ParseReading("open=true")->bool_value());
  EXPECT_EQ(ParseReading("open=false")->value_case(), v1::Reading::kBoolValue);
  EXPECT_EQ(ParseReading("state=half open")->string_value(), "half open");
  EXPECT_EQ(ParseReading("state=")->value_case(), v1::Reading::kStringValue);
  EXPECT_EQ(ParseReading("code=\"007\"")->string_value(), "007");
  EXPECT_EQ(ParseReading("a=b=c")->string_value(), "b=c");
  EXPECT_EQ(ParseReading("tank.level=1")->metric(), "tank.level");
}

TEST(ParseReadingTest, RefusesWhatCouldBeMeantEitherWay) {
  for (const char* text : {"t=nan", "t=inf", "t=-Infinity", "t=+5", "t=007", "t=.5", "t=5."}) {
    EXPECT_EQ(ParseReading(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseReadingTest, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(ParseReading("n=9223372036854775808").ok());
  EXPECT_FALSE(ParseReading("t=1e999").ok());
  EXPECT_FALSE(ParseReading("s=\"open").ok());
  EXPECT_FALSE(ParseReading("s=\"a\" b").ok());
  EXPECT_EQ(ParseReading("=1").status().message(), "'=1' is not METRIC=VALUE");
  EXPECT_EQ(ParseReading("temperature").status().message(), "'temperature' is not METRIC=VALUE");
}

TEST(ParseArgumentsTest, TakesPairsOfEveryKind) {
  auto arguments = ParseArguments({"speed=5", "mode=eco", "on=true", "none=null", "list=[1,\"2\"]",
                                   "deep={\"a\":{\"b\":1.5}}", "text=\"5\""},
                                  "");
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  const auto& fields = arguments->fields();
  EXPECT_EQ(fields.at("speed").number_value(), 5);
  EXPECT_EQ(fields.at("mode").string_value(), "eco");
  EXPECT_TRUE(fields.at("on").bool_value());
  EXPECT_TRUE(fields.at("none").has_null_value());
  EXPECT_EQ(fields.at("list").list_value().values(1).string_value(), "2");
  EXPECT_EQ(fields.at("deep")
                .struct_value()
                .fields()
                .at("a")
                .struct_value()
                .fields()
                .at("b")
                .number_value(),
            1.5);
  EXPECT_EQ(fields.at("text").string_value(), "5");
}

TEST(ParseArgumentsTest, TakesOneJsonObject) {
  auto arguments = ParseArguments({}, "{\"speed\": 5, \"id\": \"9007199254740993\"}");
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->fields().at("speed").number_value(), 5);
  EXPECT_TRUE(ParseArguments({}, "{}")->fields().empty());
}

TEST(ParseArgumentsTest, RefusesTheRest) {
  EXPECT_FALSE(ParseArguments({"a=1"}, "{}").ok());
  EXPECT_FALSE(ParseArguments({"a=1", "a=2"}, "").ok());
  EXPECT_FALSE(ParseArguments({"speed"}, "").ok());
  EXPECT_FALSE(ParseArguments({"a={\"b\":"}, "").ok());
  EXPECT_FALSE(ParseArguments({}, "[1]").ok());
  EXPECT_FALSE(ParseArguments({}, "speed=5").ok());
  EXPECT_FALSE(ParseArguments({}, std::string(100'000, '[')).ok());
}

TEST(ParseArgumentsTest, RefusesWholeNumbersThatWouldChange) {
  EXPECT_FALSE(ParseArguments({"id=9007199254740993"}, "").ok());
  EXPECT_TRUE(ParseArguments({"id=9007199254740992"}, "").ok());
  EXPECT_FALSE(ParseArguments({}, "{\"a\":[1, 9007199254740993]}").ok());
  EXPECT_TRUE(ParseArguments({}, "{\"a\":\"9007199254740993 \\\" 9007199254740993\"}").ok());
  EXPECT_TRUE(ParseArguments({"id=-0"}, "").ok());
}

TEST(ParseStartTest, TakesEveryPosition) {
  EXPECT_EQ(ParseStart("")->position_case(), v1::Start::POSITION_NOT_SET);
  EXPECT_TRUE(ParseStart("earliest")->has_earliest());
  EXPECT_TRUE(ParseStart("latest")->has_latest());
  EXPECT_TRUE(ParseStart("resume")->has_resume());
  EXPECT_EQ(ParseStart("0")->position_case(), v1::Start::kOffset);
  EXPECT_EQ(ParseStart("42")->offset(), 42);
  EXPECT_EQ(ParseStart("2023-11-14T22:13:20Z")->time().seconds(), 1'700'000'000);
  for (const char* text : {"-1", "newest", "4.5", "2023-11-14"}) {
    EXPECT_FALSE(ParseStart(text).ok()) << text;
  }
}

TEST(FormatNumberTest, IsShortAndReadsBack) {
  EXPECT_EQ(FormatNumber(21.5), "21.5");
  EXPECT_EQ(FormatNumber(0.1), "0.1");
  EXPECT_EQ(FormatNumber(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(FormatNumber(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(FormatStatistic(1.0 / 3), "0.333333");
  EXPECT_EQ(FormatStatistic(std::numeric_limits<double>::infinity()), "inf");
}

TEST(FormatReadingTest, ShowsValueAndUnit) {
  v1::Reading reading = *ParseReading("t=21.5");
  reading.set_unit("Cel");
  EXPECT_EQ(FormatReading(reading), "t=21.5 Cel");
  EXPECT_EQ(FormatReading(*ParseReading("n=9007199254740993")), "n=9007199254740993");
  EXPECT_EQ(FormatReading(*ParseReading("s=half open")), "s=\"half open\"");
  reading.set_bytes_value("12345");
  reading.clear_unit();
  EXPECT_EQ(FormatReading(reading), "t=<5 bytes>");
}

}  // namespace
}  // namespace sluice::sluicectl
